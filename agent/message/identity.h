/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a request comes from when proxies we trust stand in between: X-Forwarded-For or
 * Forwarded (RFC 7239), walked from the right, the end that our own proxies wrote. Pure.
 */
#ifndef MESSAGE_IDENTITY_H
#define MESSAGE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "message/head.h"

#define IDENTITY_ELEMENTS_MAX 32   /* addresses looked at, from the right */
#define IDENTITY_BYTES_MAX    4096 /* of the field, from the right */

/* Which field decides. The other family is not looked at: the policy says which one is true. */
enum identity_family {
	IDENTITY_SOCKET,	  /* none: the peer is the client */
	IDENTITY_X_FORWARDED_FOR, /* and X-Forwarded-Proto */
	IDENTITY_FORWARDED,
};

struct identity_rules {
	enum identity_family family;
	const struct prefix *trusted;
	size_t trusted_count;
};

struct identity {
	struct prefix address; /* whole; an IPv4-mapped IPv6 address is the IPv4 address it maps */
	unsigned hops;	       /* elements that were believed; 0: address is the peer */
	bool peer_is_trusted;
	bool ended_early; /* by an element that is no address ("unknown", "_x", junk), or a limit */
};

/* The IPv4 address that an IPv6 one maps, else the address itself. */
struct prefix identity_unmapped(const struct prefix *address);

/* Whether address, or the IPv4 address it maps, is in one of the trusted prefixes. */
bool identity_is_trusted(const struct identity_rules *rules, const struct prefix *address);

/*
 * Walk from the peer through elements from the right for as long as the address in hand is
 * trusted; the first that is not is the client. Runs out: the leftmost. Ends early: the last
 * good address, so that junk gains nobody an identity.
 */
struct identity identity_find(const struct fields *fields, const struct identity_rules *rules,
			      const struct prefix *peer);

/*
 * Whether the nearest proxy says its client used https: the last member of X-Forwarded-Proto,
 * or "proto" of the last Forwarded element. Call only where the peer is trusted.
 * Returns false, *ret_https untouched, if it does not say http or https.
 */
bool identity_scheme(const struct fields *fields, enum identity_family family, bool *ret_https);

/*
 * An address as it stands in these fields: IPv4, IPv6 in brackets or without, each but the last
 * with a port or not. False, untouched: it is none.
 */
bool identity_parse_address(struct bytes text, struct prefix *ret_address);

#endif
