/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/proxy_protocol.h"

#include "message/chars.h"

#define V1_BEGINNING	 "PROXY "
#define V2_SIGNATURE	 "\r\n\r\n\0\r\nQUIT\n"
#define V2_FIXED_LEN	 16 /* signature, version and command, family, length */
#define V2_COMMAND_LOCAL 0x20
#define V2_COMMAND_PROXY 0x21
#define V2_UNSPEC	 0x00
#define V2_TCP_IPV4	 0x11
#define V2_TCP_IPV6	 0x21
#define V2_UNIX_STREAM	 0x31
#define V2_IPV4_LEN	 12 /* two addresses, two ports */
#define V2_IPV6_LEN	 36
#define V2_UNIX_LEN	 216

static struct bytes take_word(struct bytes *rest)
{
	const char *blank = rest->len ? memchr(rest->at, ' ', rest->len) : NULL;
	struct bytes word = {rest->at, blank ? (size_t)(blank - rest->at) : rest->len};

	*rest = bytes_from(*rest, blank ? word.len + 1 : word.len);
	return word;
}

static bool parse_port(struct bytes text, uint16_t *ret_port)
{
	uint32_t port = 0;

	if (!text.len || text.len > 5 || bytes_span(text, CHAR_DIGIT) != text.len)
		return false;
	if (text.len > 1 && text.at[0] == '0')
		return false;
	for (size_t i = 0; i < text.len; i++)
		port = port * 10 + (uint32_t)(text.at[i] - '0');
	*ret_port = (uint16_t)port;
	return port <= UINT16_MAX;
}

static bool parse_address(struct bytes text, uint8_t family, struct prefix *ret_address)
{
	bool whole = false;

	return prefix_parse(text, ret_address, &whole) == PREFIX_OK && whole &&
	       ret_address->family == family;
}

/* line is what stands between "PROXY " and CR LF. */
static bool parse_v1_line(struct bytes line, struct proxy_header *header)
{
	struct bytes word = take_word(&line);
	uint8_t family = bytes_equal(word, BYTES("TCP4")) ? ADDRESS_IPV4 : ADDRESS_IPV6;

	/* What follows UNKNOWN means nothing, says the protocol. */
	header->is_local = bytes_equal(word, BYTES("UNKNOWN"));
	if (header->is_local)
		return true;
	if (family == ADDRESS_IPV6 && !bytes_equal(word, BYTES("TCP6")))
		return false;
	if (!parse_address(take_word(&line), family, &header->client.address) ||
	    !parse_address(take_word(&line), family, &header->server.address))
		return false;
	return parse_port(take_word(&line), &header->client.port) &&
	       parse_port(line, &header->server.port);
}

static enum proxy_result parse_v1(struct bytes input, struct proxy_header *header)
{
	const size_t beginning = sizeof(V1_BEGINNING) - 1;
	struct bytes window = {input.at, input.len < PROXY_V1_MAX ? input.len : PROXY_V1_MAX};
	const char *end = memchr(window.at, '\n', window.len);
	struct bytes line;

	if (memcmp(input.at, V1_BEGINNING, window.len < beginning ? window.len : beginning))
		return PROXY_BAD;
	if (!end)
		return input.len < PROXY_V1_MAX ? PROXY_MORE : PROXY_BAD;

	header->len = (size_t)(end - input.at) + 1;
	if (header->len < beginning + 2 || end[-1] != '\r')
		return PROXY_BAD;
	line = (struct bytes){input.at + beginning, header->len - beginning - 2};
	return parse_v1_line(line, header) ? PROXY_DONE : PROXY_BAD;
}

static uint16_t read_be16(const char *at)
{
	return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

/* Two addresses of size bytes, then two ports. */
static void read_addresses(const char *at, size_t size, struct proxy_header *header)
{
	struct prefix address = {
		.family = size == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6,
		.bits = (uint8_t)(size * 8),
	};

	memcpy(address.byte, at, size);
	header->client.address = address;
	memcpy(address.byte, at + size, size);
	header->server.address = address;
	header->client.port = read_be16(at + 2 * size);
	header->server.port = read_be16(at + 2 * size + 2);
}

/* content: what follows the fixed part; extensions at its end are left unread. */
static bool read_v2(unsigned char family, struct bytes content, struct proxy_header *header)
{
	switch (family) {
	case V2_UNSPEC:
		header->is_local = true;
		return true;
	case V2_UNIX_STREAM:
		header->is_local = true;
		return content.len >= V2_UNIX_LEN;
	case V2_TCP_IPV4:
		if (content.len < V2_IPV4_LEN)
			return false;
		read_addresses(content.at, 4, header);
		return true;
	case V2_TCP_IPV6:
		if (content.len < V2_IPV6_LEN)
			return false;
		read_addresses(content.at, 16, header);
		return true;
	default: /* datagrams do not come over TCP */
		return false;
	}
}

static enum proxy_result parse_v2(struct bytes input, struct proxy_header *header)
{
	const size_t signature = sizeof(V2_SIGNATURE) - 1;
	struct bytes content;
	unsigned char command;

	if (memcmp(input.at, V2_SIGNATURE, input.len < signature ? input.len : signature))
		return PROXY_BAD;
	if (input.len <= signature)
		return PROXY_MORE;
	command = (unsigned char)input.at[signature];
	if (command != V2_COMMAND_LOCAL && command != V2_COMMAND_PROXY)
		return PROXY_BAD;
	if (input.len < V2_FIXED_LEN)
		return PROXY_MORE;

	content = (struct bytes){input.at + V2_FIXED_LEN, read_be16(input.at + V2_FIXED_LEN - 2)};
	header->len = V2_FIXED_LEN + content.len;
	if (header->len > PROXY_V2_MAX)
		return PROXY_BAD;
	if (input.len < header->len)
		return PROXY_MORE;
	header->is_local = command == V2_COMMAND_LOCAL;
	if (header->is_local)
		return PROXY_DONE;
	return read_v2((unsigned char)input.at[signature + 1], content, header) ? PROXY_DONE
										: PROXY_BAD;
}

enum proxy_result proxy_parse(struct bytes input, struct proxy_header *ret_header)
{
	struct proxy_header header = {0};
	enum proxy_result result;

	if (!input.len)
		return PROXY_MORE;
	result = input.at[0] == 'P' ? parse_v1(input, &header) : parse_v2(input, &header);
	if (result == PROXY_DONE)
		*ret_header = header;
	return result;
}
