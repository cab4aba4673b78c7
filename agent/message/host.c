/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/host.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/digits.h"
#include "message/chars.h"

#define LABEL_MAX 63 /* bytes, RFC 1035 */

/* Takes one octet off the front: one to three digits, no leading zero (which some read as octal). */
static bool take_octet(struct bytes *text)
{
	unsigned value = 0;
	size_t len = 0;

	while (len < text->len && len < 3 && char_is(text->at[len], CHAR_DIGIT))
		value = value * 10 + (unsigned)(text->at[len++] - '0');
	if (!len || value > UINT8_MAX || (len > 1 && text->at[0] == '0'))
		return false;
	*text = bytes_from(*text, len);
	return true;
}

/* RFC 3986's IPv4address: four decimal octets. */
static bool is_ipv4(struct bytes text)
{
	for (unsigned octets = 1; take_octet(&text); octets++) {
		if (octets == 4)
			return !text.len;
		if (!text.len || text.at[0] != '.')
			return false;
		text = bytes_from(text, 1);
	}
	return false;
}

/* text is what stands between the brackets. */
static bool parse_ipv6(struct bytes text, struct in6_addr *ret_address)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return inet_pton(AF_INET6, copy, ret_address) == 1;
}

static bool is_label_byte(char byte)
{
	return (char_is(byte, CHAR_UNRESERVED) && byte != '.' && byte != '~');
}

/* Labels between single dots; the root's dot is gone already. */
static bool is_name(struct bytes text)
{
	size_t label_len = 0;
	bool numeric = true;

	if (!text.len || text.len > HOST_MAX)
		return false;
	if (char_is(text.at[0], CHAR_DIGIT) && is_ipv4(text))
		return true;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '.') {
			if (!label_len)
				return false;
			label_len = 0;
			numeric = true;
			continue;
		}
		if (!is_label_byte(text.at[i]) || ++label_len > LABEL_MAX)
			return false;
		numeric = numeric && char_is(text.at[i], CHAR_DIGIT);
	}
	/* A name that ends in a number would be taken for an address by some, in odd notations. */
	return label_len && !numeric;
}

static bool parse_port(struct bytes digits, uint16_t *ret_port)
{
	uint32_t port = 0;

	*ret_port = 0;
	if (!digits.len)
		return true;
	for (size_t i = 0; i < digits.len; i++) {
		if (!char_is(digits.at[i], CHAR_DIGIT))
			return false;
		port = port * 10 + (uint32_t)(digits.at[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	*ret_port = (uint16_t)port;
	return port != 0;
}

/* Bytes of text that are the host, without ":port". */
static size_t name_len(struct bytes text)
{
	const char *end;

	if (text.len && text.at[0] == '[') {
		end = memchr(text.at, ']', text.len);
		return end ? (size_t)(end - text.at) + 1 : text.len;
	}
	end = text.len ? memchr(text.at, ':', text.len) : NULL;
	return end ? (size_t)(end - text.at) : text.len;
}

static bool is_host(struct bytes name)
{
	struct in6_addr ignored;

	if (!name.len || name.at[0] != '[')
		return is_name(name);
	return name.at[name.len - 1] == ']' &&
	       parse_ipv6((struct bytes){name.at + 1, name.len - 2}, &ignored);
}

bool host_parse(struct bytes text, struct host *ret_host)
{
	struct host host = {.name = {text.at, name_len(text)}};
	struct bytes rest = bytes_from(text, host.name.len);

	if (rest.len && rest.at[0] != ':')
		return false;
	if (rest.len && !parse_port(bytes_from(rest, 1), &host.port))
		return false;
	if (host.name.len > 1 && host.name.at[host.name.len - 1] == '.')
		host.name.len--;
	if (!is_host(host.name))
		return false;

	*ret_host = host;
	return true;
}

/* Returns its length. */
static size_t format_name(const struct host *host, char out[static HOST_TEXT_MAX])
{
	struct bytes name = host->name;
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	if (name.at[0] == '[' && parse_ipv6((struct bytes){name.at + 1, name.len - 2}, &address)) {
		(void)inet_ntop(AF_INET6, &address, text, sizeof(text)); /* the room is enough */
		return (size_t)snprintf(out, HOST_TEXT_MAX, "[%s]", text);
	}
	for (size_t i = 0; i < name.len; i++)
		out[i] = char_lower(name.at[i]);
	return name.len;
}

struct bytes host_format(const struct host *host, uint16_t default_port,
			 char out[static HOST_TEXT_MAX])
{
	char *end = out + format_name(host, out);

	if (host->port && host->port != default_port) {
		*end++ = ':';
		end = digits_put(end, host->port);
	}
	*end = '\0';
	return (struct bytes){out, (size_t)(end - out)};
}

bool host_equal(const struct host *a, const struct host *b, uint16_t default_port)
{
	char a_text[HOST_TEXT_MAX];
	char b_text[HOST_TEXT_MAX];

	return bytes_equal(host_format(a, default_port, a_text),
			   host_format(b, default_port, b_text));
}
