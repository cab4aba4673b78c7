/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * May this request be answered from the cache at all, and may this response be
 * stored for others? RFC 9111 section 3, and our own rules for what is personal.
 *
 * Pure. Every refusal has one reason; Cache-Status shows its label as the detail,
 * the metrics count by it.
 */
#ifndef CACHE_STORABLE_H
#define CACHE_STORABLE_H

#include "cache/facts.h"
#include "cache/freshness.h"

/* X(NAME, label, help) */
#define STORE_VERDICTS(X)                                                                          \
	X(YES, "stored", "may be stored")                                                          \
	X(ROUTE, "route-says-no", "the route is not cached")                                       \
	X(METHOD, "method", "only answers to GET are stored")                                      \
	X(CONTENT, "request-content", "the request had content, which is no part of the key")      \
	X(OVERRIDE, "method-override", "a field asked the origin for another method")              \
	X(REQUEST_NO_STORE, "request-no-store", "the client said no-store")                        \
	X(STATUS, "status-not-understood", "its status is not final, partial, or not understood")  \
	X(NO_STORE, "no-store", "the origin said no-store")                                        \
	X(PRIVATE, "private", "the origin said private")                                           \
	X(AUTHORIZATION, "authorization",                                                          \
	  "the request was authorized and the origin did not permit sharing")                      \
	X(SET_COOKIE, "set-cookie", "it sets a cookie and the route does not share those")         \
	X(VARY_ANY, "vary-any", "Vary: * matches no later request")                                \
	X(NO_FRESHNESS, "no-freshness",                                                            \
	  "nothing says how long it is fresh, and it cannot be validated")                         \
	X(STALE, "stale-at-once", "its lifetime is over on arrival and it cannot be validated")    \
	X(PERSONAL, "personal", "the request says who asks, and the lifetime is not the origin's") \
	X(CONTENT_TYPE, "content-type", "its type does not fit the extension of its path")         \
	X(TOO_LARGE, "too-large", "larger than an object may be")                                  \
	X(INCOMPLETE, "incomplete", "the origin closed before its end")                            \
	X(NO_SPACE, "no-space", "the cache's memory is in use")                                    \
	X(TOO_MANY_TAGS, "too-many-tags", "more tags than a response, or the cache, may have")     \
	X(TOO_MANY_VARIANTS, "too-many-variants", "its key has as many variants as it may have")   \
	X(BAD_VARY, "bad-vary", "its Vary names too many fields, or none that is a name")          \
	X(OVERTAKEN, "overtaken", "purged or invalidated while it was fetched")

enum store_verdict {
#define X(name, label, help) STORE_##name,
	STORE_VERDICTS(X)
#undef X
		STORE_VERDICT_COUNT
};

/*
 * Whether a request takes part in caching: looked up, coalesced, and its answer perhaps
 * stored. STORE_YES, or why it goes straight to the origin. HEAD takes part; whether its
 * answer is stored is another matter.
 */
enum store_verdict storable_request(const struct request_facts *req,
				    const struct route_rules *rules);

/*
 * Whether a response to such a request may be stored, as far as its head tells. path is the
 * request's path in normal form, asked for where the rules are those of a prefix. fresh is freshness_of() the same response.
 */
struct store_case {
	const struct request_facts *req;
	const struct response_facts *resp;
	const struct route_rules *rules;
	const struct freshness *fresh;
	uint64_t now_ns;
	struct bytes path;
};
enum store_verdict storable_response(const struct store_case *c);

/* The verdict as metrics and `cache stats` name it, and in a sentence for people. Never NULL; both are constant. */
const char *storable_label(enum store_verdict verdict);
const char *storable_help(enum store_verdict verdict);

/*
 * Whether a content type is what the path's extension promises. A page at "/me/x.css" is what
 * cache deception looks like. Unknown extensions and a missing type promise nothing.
 */
bool storable_type_fits(struct bytes path, struct bytes content_type);

#endif
