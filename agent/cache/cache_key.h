/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The key of a stored response: everything in a request that may change the answer
 * and that Vary does not speak of.
 *
 *   scheme "://" host path [ "?" query ]  { LF kind name [ "=" value ] }
 *   `------------- the URL ------------'  `---- dimensions of the route ----'
 *
 * A purge names the URL and covers every key that begins with it. No part may hold a
 * control byte, so the text can be taken apart in one way only.
 *
 * Pure. What is a normal form (host in small letters, path as message/target.h has it)
 * is the caller's business.
 */
#ifndef CACHE_CACHE_KEY_H
#define CACHE_CACHE_KEY_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/bytes.h"

/* The longest target there may be, twice over: URL and dimensions. */
#define CACHE_KEY_MAX 16384

struct cache_key {
	struct bytes whole;
	size_t url_len; /* whole begins with the URL */
};

static inline struct bytes cache_key_url(const struct cache_key *key)
{
	return (struct bytes){key->whole.at, key->url_len};
}

enum query_rule {
	QUERY_ALL,    /* as it was sent */
	QUERY_NONE,   /* left out */
	QUERY_ONLY,   /* these parameters, by order of the list, each name's in the order sent */
	QUERY_EXCEPT, /* all but these, in the order sent */
};

struct key_dimension {
	char kind; /* 'h' header, 'c' cookie, 'i' identity */
	bool is_given;
	struct bytes name;
	struct bytes value; /* only where given: absent and empty differ */
};

struct key_parts {
	struct bytes scheme;
	struct bytes host;
	struct bytes path;
	bool has_query; /* "/a?" and "/a" differ */
	struct bytes query;
	enum query_rule query_rule;
	const struct bytes *query_names; /* of QUERY_ONLY and QUERY_EXCEPT */
	size_t query_name_count;
	const struct key_dimension *dimensions;
	size_t dimension_count;
};

/*
 * Build the key in out, which is emptied first and should be limited to CACHE_KEY_MAX.
 * Returns 0 and *ret_key, which points into out; -EINVAL if a part holds a control byte;
 * -ENOBUFS, -ENOMEM as out->error has it.
 */
int cache_key_build(const struct key_parts *parts, struct buffer *out, struct cache_key *ret_key);

#endif
