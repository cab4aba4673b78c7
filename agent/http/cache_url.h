/* SPDX-License-Identifier: BSD-2-Clause */
/* A URL as people write it, made what keys of the cache begin with. Pure. */
#ifndef HTTP_CACHE_URL_H
#define HTTP_CACHE_URL_H

#include "base/buffer.h"
#include "cache/cache_key.h"
#include "policy/http_policy.h"

/*
 * The URL under which answers to GET text are stored: host in small letters, path in normal form, without what the
 * route leaves out of the query. Returns 0 and *ret_url, whose key points into out (emptied first, limited to
 * CACHE_KEY_MAX by the caller); -EINVAL and a sentence in ret_url->why; -ENOBUFS, -ENOMEM.
 */
struct cache_url {
	struct cache_key key;
	const struct http_route *route;
	const char *why; /* with -EINVAL */
};
int cache_url_read(const struct http_policy *http, struct bytes text, struct buffer *out,
		   struct cache_url *ret_url);

/*
 * The beginning of URLs: scheme and host in small letters, the rest as it is. The same bytes in out; -EINVAL if it does
 * not begin with a scheme that is cached.
 */
int cache_url_prefix(struct bytes text, struct buffer *out);

#endif
