/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What several keys under `http` are made of: lists of names and prefixes, sets of statuses, addresses with a port.
 *
 * All that they point to belongs to the policy they are a part of.
 */
#ifndef POLICY_HTTP_PIECES_H
#define POLICY_HTTP_PIECES_H

#include "policy/policy.h"

/* Names of something, in the file's order. */
struct http_names {
	const char *const *at;
	size_t count;
};

struct http_prefixes {
	const struct prefix *at;
	size_t count;
};

/* Statuses from 100 to 599, a bit each. */
struct http_statuses {
	uint64_t bits[8];
};

static inline bool http_statuses_has(const struct http_statuses *set, unsigned status)
{
	unsigned i = status - 100;

	return i < 500 && (set->bits[i / 64] >> (i % 64) & 1);
}

enum http_address_kind {
	HTTP_ADDRESS_IP,
	HTTP_ADDRESS_NAME, /* a host's name: upstreams only; the parent resolves it */
	HTTP_ADDRESS_UNIX,
};

struct http_address {
	enum http_address_kind kind;
	struct prefix ip; /* of IP: whole */
	uint16_t port;	  /* of IP and NAME; never 0 */
	const char *name; /* of NAME: in small letters; of UNIX: the socket's path */
	struct place place;
};

/* "127.0.0.1:80", "[::1]:80", "api.internal:80", "unix:/run/api.sock". Returns out. */
#define HTTP_ADDRESS_TEXT_MAX 280
const char *http_address_format(const struct http_address *address,
				char out[static HTTP_ADDRESS_TEXT_MAX]);

/* Whether both name the same thing; places do not count. */
bool http_address_equal(const struct http_address *a, const struct http_address *b);

#endif
