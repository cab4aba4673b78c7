/* SPDX-License-Identifier: BSD-2-Clause */
/* Our member of Cache-Status (RFC 9211): what the cache did with a request, and why. Pure. */
#ifndef CACHE_CACHE_STATUS_H
#define CACHE_CACHE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* X(NAME, value of "fwd", help): RFC 9211 section 2.2. */
#define FORWARD_REASONS(X)                                                                  \
	X(NONE, "", "not forwarded: a hit")                                                 \
	X(BYPASS, "bypass", "the cache was told not to handle the request")                 \
	X(METHOD, "method", "the request's method is always forwarded")                     \
	X(URI_MISS, "uri-miss", "nothing was stored for the URI")                           \
	X(VARY_MISS, "vary-miss", "what was stored is for other values of the Vary fields") \
	X(MISS, "miss", "nothing that fits was stored")                                     \
	X(REQUEST, "request", "fresh, but the client wanted the origin's word")             \
	X(STALE, "stale", "stored, but stale")                                              \
	X(PARTIAL, "partial", "only a part was stored")

enum forward_reason {
#define X(name, text, help) FORWARD_##name,
	FORWARD_REASONS(X)
#undef X
		FORWARD_REASON_COUNT
};

/* How an answer came about, in one word, as the access log has it. X(NAME, label, help). */
#define CACHE_VERDICTS(X)                                                             \
	X(NONE, "", "the cache was not asked")                                        \
	X(HIT, "hit", "stored, and fresh")                                            \
	X(STALE, "stale", "stored, and sent although stale")                          \
	X(REVALIDATED, "revalidated", "stored, and the upstream said it is true yet") \
	X(COLLAPSED, "collapsed", "not stored; another request was fetching it")      \
	X(MISS, "miss", "nothing stored could be used; the upstream was asked")       \
	X(BYPASS, "bypass", "neither looked up nor stored: request or policy say so")

enum cache_verdict {
#define X(name, text, help) CACHE_VERDICT_##name,
	CACHE_VERDICTS(X)
#undef X
		CACHE_VERDICT_COUNT
};

const char *cache_verdict_label(enum cache_verdict verdict);

struct cache_status {
	enum forward_reason forward;
	unsigned forward_status; /* the origin's, where it was asked and answered; 0: left out */
	bool has_ttl;
	int64_t ttl_s; /* negative: stale for so long */
	bool is_stored;
	bool is_collapsed;
	const char *detail; /* a token, such as storable_label(); NULL: left out */
};

#define CACHE_STATUS_MAX 192 /* bytes; a detail is cut to fit */

/*
 * Write the member ("Sluice; hit; ttl=30") into out; not terminated. name is a token of at most
 * 63 bytes. Returns its length.
 */
size_t cache_status_format(const struct cache_status *status, const char *name,
			   char out[static CACHE_STATUS_MAX]);

const char *forward_label(enum forward_reason reason);

#endif
