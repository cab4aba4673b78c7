/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/identity.h"

#include "message/chars.h"
#include "message/forwarded.h"

#define PORT_DIGITS_MAX 5

struct prefix identity_unmapped(const struct prefix *address)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct prefix ipv4 = {.family = ADDRESS_IPV4, .bits = 32};

	if (address->family != ADDRESS_IPV6 || address->bits != 128 ||
	    memcmp(address->byte, mapped, sizeof(mapped)))
		return *address;
	memcpy(ipv4.byte, address->byte + sizeof(mapped), 4);
	return ipv4;
}

bool identity_is_trusted(const struct identity_rules *rules, const struct prefix *address)
{
	struct prefix plain = identity_unmapped(address);

	for (size_t i = 0; i < rules->trusted_count; i++)
		if (prefix_covers(&rules->trusted[i], &plain))
			return true;
	return false;
}

static bool is_port(struct bytes text)
{
	return text.len && text.len <= PORT_DIGITS_MAX && bytes_span(text, CHAR_DIGIT) == text.len;
}

/* An address and nothing else: no "/LEN". */
static bool parse_whole(struct bytes text, struct prefix *ret_address)
{
	struct prefix address;
	bool whole = false;

	if (prefix_parse(text, &address, &whole) != PREFIX_OK || !whole)
		return false;
	*ret_address = identity_unmapped(&address);
	return true;
}

static bool parse_bracketed(struct bytes text, struct prefix *ret_address)
{
	const char *end = memchr(text.at, ']', text.len);
	struct bytes inside = bytes_from(text, 1);
	struct bytes rest;

	if (!end)
		return false;
	inside.len = (size_t)(end - inside.at);
	rest = bytes_from(text, inside.len + 2);
	if (rest.len && (rest.at[0] != ':' || !is_port(bytes_from(rest, 1))))
		return false;
	return memchr(inside.at, ':', inside.len) && parse_whole(inside, ret_address);
}

bool identity_parse_address(struct bytes text, struct prefix *ret_address)
{
	const char *colon = text.len ? memchr(text.at, ':', text.len) : NULL;
	struct bytes front = text;

	if (!text.len)
		return false;
	if (text.at[0] == '[')
		return parse_bracketed(text, ret_address);
	if (!colon)
		return parse_whole(text, ret_address);

	/* One colon parts a port from IPv4, several are IPv6. */
	front.len = (size_t)(colon - text.at);
	if (memchr(colon + 1, ':', text.len - front.len - 1))
		return parse_whole(text, ret_address);
	return is_port(bytes_from(text, front.len + 1)) && parse_whole(front, ret_address);
}

static bool element_address(struct bytes element, enum identity_family family,
			    struct prefix *ret_address)
{
	struct forwarded_element parts;

	if (family == IDENTITY_X_FORWARDED_FOR)
		return identity_parse_address(element, ret_address);
	return forwarded_parse(element, &parts) &&
	       identity_parse_address(parts.for_node, ret_address);
}

static enum field_name field_of(enum identity_family family)
{
	return family == IDENTITY_FORWARDED ? FIELD_FORWARDED : FIELD_X_FORWARDED_FOR;
}

struct identity identity_find(const struct fields *fields, const struct identity_rules *rules,
			      const struct prefix *peer)
{
	struct identity found = {.address = identity_unmapped(peer)};
	struct from_right walk = from_right_of(fields, field_of(rules->family));
	struct bytes element;
	bool trusted = identity_is_trusted(rules, peer);

	found.peer_is_trusted = trusted;
	if (rules->family == IDENTITY_SOCKET)
		return found;
	while (trusted && from_right_next(&walk, &element)) {
		if (walk.elements > IDENTITY_ELEMENTS_MAX || walk.bytes > IDENTITY_BYTES_MAX ||
		    !element_address(element, rules->family, &found.address)) {
			found.ended_early = true;
			break;
		}
		found.hops++;
		trusted = identity_is_trusted(rules, &found.address);
	}
	return found;
}

bool identity_scheme(const struct fields *fields, enum identity_family family, bool *ret_https)
{
	bool is_forwarded = family == IDENTITY_FORWARDED;
	struct from_right walk =
		from_right_of(fields, is_forwarded ? FIELD_FORWARDED : FIELD_X_FORWARDED_PROTO);
	struct forwarded_element parts;
	struct bytes scheme;

	if (family == IDENTITY_SOCKET || !from_right_next(&walk, &scheme))
		return false;
	if (is_forwarded) {
		if (!forwarded_parse(scheme, &parts))
			return false;
		scheme = parts.proto;
	}
	if (!bytes_equal_nocase(scheme, BYTES("http")) &&
	    !bytes_equal_nocase(scheme, BYTES("https")))
		return false;
	*ret_https = scheme.len == 5;
	return true;
}
