/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_DIGITS_MAX 3

static uint8_t family_bits(uint8_t family)
{
	return family == ADDRESS_IPV4 ? 32 : 128;
}

/* Decimal, without sign or leading zeros: one prefix has one spelling. */
static bool parse_length(struct bytes text, uint8_t max, uint8_t *ret_bits)
{
	unsigned bits = 0;

	if (!text.len || text.len > LENGTH_DIGITS_MAX || (text.len > 1 && text.at[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		bits = bits * 10 + (unsigned)(text.at[i] - '0');
	}
	if (bits > max)
		return false;
	*ret_bits = (uint8_t)bits;
	return true;
}

static bool parse_address(struct bytes text, struct prefix *ret_prefix)
{
	struct prefix prefix = {0};
	char copy[INET6_ADDRSTRLEN];

	if (!text.len || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';

	if (inet_pton(AF_INET, copy, prefix.byte) == 1)
		prefix.family = ADDRESS_IPV4;
	else if (inet_pton(AF_INET6, copy, prefix.byte) == 1)
		prefix.family = ADDRESS_IPV6;
	else
		return false;
	prefix.bits = family_bits(prefix.family);
	*ret_prefix = prefix;
	return true;
}

enum prefix_result prefix_parse(struct bytes text, struct prefix *ret_prefix, bool *ret_whole)
{
	const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
	struct bytes address = text;
	struct prefix prefix, cut;

	if (slash)
		address.len = (size_t)(slash - text.at);
	if (!parse_address(address, &prefix))
		return PREFIX_BAD_ADDRESS;
	if (slash && !parse_length((struct bytes){slash + 1, text.len - address.len - 1},
				   prefix.bits, &prefix.bits))
		return PREFIX_BAD_LENGTH;

	cut = prefix_cut(&prefix, prefix.bits);
	if (ret_whole)
		*ret_whole = !slash;
	*ret_prefix = cut;
	return memcmp(cut.byte, prefix.byte, sizeof(cut.byte)) ? PREFIX_HOST_BITS : PREFIX_OK;
}

static char *put_octet(char *at, unsigned octet)
{
	if (octet >= 100)
		*at++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*at++ = (char)('0' + octet / 10 % 10);
	*at++ = (char)('0' + octet % 10);
	return at;
}

/* Every request that is passed on has its client's address in it; inet_ntop() goes through printf. */
static void format_ipv4(const uint8_t byte[static 4], char *out)
{
	for (int i = 0; i < 4; i++) {
		out = put_octet(out, byte[i]);
		*out++ = i < 3 ? '.' : '\0';
	}
}

const char *prefix_format(const struct prefix *prefix, char out[static PREFIX_TEXT_MAX])
{
	size_t len;

	if (prefix->family == ADDRESS_IPV4)
		format_ipv4(prefix->byte, out);
	else if (!inet_ntop(AF_INET6, prefix->byte, out, PREFIX_TEXT_MAX))
		assert(!"every address fits PREFIX_TEXT_MAX");
	if (prefix->bits == family_bits(prefix->family))
		return out;
	len = strlen(out);
	snprintf(out + len, PREFIX_TEXT_MAX - len, "/%u", prefix->bits);
	return out;
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->byte, b->byte, sizeof(a->byte));
	if (order)
		return order;
	return a->bits - b->bits;
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	struct prefix cut;

	if (outer->family != inner->family || outer->bits > inner->bits)
		return false;
	cut = prefix_cut(inner, outer->bits);
	return !memcmp(cut.byte, outer->byte, sizeof(cut.byte));
}

struct prefix prefix_cut(const struct prefix *prefix, uint8_t bits)
{
	struct prefix cut = *prefix;
	unsigned whole;

	if (bits < cut.bits)
		cut.bits = bits;
	whole = cut.bits / 8;
	if (whole == sizeof(cut.byte))
		return cut;
	cut.byte[whole] &= (uint8_t)(0xff00 >> cut.bits % 8);
	memset(cut.byte + whole + 1, 0, sizeof(cut.byte) - whole - 1);
	return cut;
}

struct sl_source source_of(const struct prefix *address, struct source_bits bits)
{
	struct sl_source source = {{SL_NOT_IPV6}};
	struct prefix cut;

	if (address->family == ADDRESS_IPV4) {
		cut = prefix_cut(address, bits.ipv4);
		source.byte[1] = SL_FAMILY_IPV4;
		memcpy(source.byte + 12, cut.byte, 4);
	} else if (address->byte[0] != SL_NOT_IPV6) {
		cut = prefix_cut(address, bits.ipv6);
		memcpy(source.byte, cut.byte, sizeof(source.byte));
	}
	return source;
}

bool source_prefix(const struct sl_source *source, struct source_bits bits,
		   struct prefix *ret_prefix)
{
	struct prefix prefix = {.family = ADDRESS_IPV6, .bits = bits.ipv6};

	if (source->byte[0] != SL_NOT_IPV6) {
		memcpy(prefix.byte, source->byte, sizeof(prefix.byte));
	} else if (source->byte[1] == SL_FAMILY_IPV4) {
		prefix = (struct prefix){.family = ADDRESS_IPV4, .bits = bits.ipv4};
		memcpy(prefix.byte, source->byte + 12, 4);
	} else {
		return false;
	}
	*ret_prefix = prefix;
	return true;
}

const char *source_format(const struct sl_source *source, struct source_bits bits,
			  char out[static PREFIX_TEXT_MAX])
{
	struct prefix prefix;
	uint32_t ifindex_be;

	if (source_prefix(source, bits, &prefix))
		return prefix_format(&prefix, out);
	if (source->byte[1] != SL_FAMILY_LINK)
		return strcpy(out, "multicast");
	memcpy(&ifindex_be, source->byte + 12, sizeof(ifindex_be));
	snprintf(out, PREFIX_TEXT_MAX, "link:%u", ntohl(ifindex_be));
	return out;
}
