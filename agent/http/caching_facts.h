/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the cache has to know of a request: the route's rules as plain values, whether it says
 * who asks, and its key. Pure.
 */
#ifndef HTTP_CACHING_FACTS_H
#define HTTP_CACHING_FACTS_H

#include "base/buffer.h"
#include "cache/cache_key.h"
#include "cache/facts.h"
#include "http/request.h"

struct caching_facts {
	struct request_facts req;
	const struct route_rules *rules; /* the plan's */
};

/* What plan and the request's route say, and what the request says. */
struct caching_facts caching_facts_of(const struct plan *plan, const struct request *req);

/* What the policy alone says of a route. */
struct route_rules caching_rules_of(const struct http_policy *http, const struct http_route *route);

/* The same of every route, by its number, for struct plan. The caller frees it; NULL: no memory. */
struct route_rules *caching_rules_of_all(const struct http_policy *http);

/*
 * The key of req in out. Returns 0 and *ret_key, which points into out; -EINVAL if a part holds
 * what no key may, or there is no host; -ENOBUFS, -ENOMEM.
 */
int caching_key(const struct http_policy *http, const struct request *req, struct buffer *out,
		struct cache_key *ret_key);

/*
 * The URL under which a GET for url ("scheme://authority/path?query") on the host of req would
 * be stored: without what its route leaves out of the query. Errors as of caching_key().
 */
int caching_url(const struct http_policy *http, const struct request *req, struct bytes url,
		struct buffer *out, struct cache_key *ret_key);

/* The same of any URL, its parts in normal form, on a route. */
struct caching_url {
	bool is_https;
	struct bytes authority; /* without the scheme's own port */
	struct bytes path;
	bool has_query;
	struct bytes query;
};
int caching_url_key(const struct http_route *route, const struct caching_url *url,
		    struct buffer *out, struct cache_key *ret_key);

/* Path and query of "path?query". */
void caching_url_split(struct bytes target, struct caching_url *url);

/* The route of a GET. */
const struct http_route *caching_route(const struct http_policy *http, struct bytes host,
				       struct bytes path);

/* "scheme://authority" of a request. */
void caching_origin(const struct request *req, struct buffer *out);

#endif
