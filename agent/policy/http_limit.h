/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A limit of the HTTP plane: "100 per minute", "5/second burst 20", "1000 per 7 days". Text -> numbers.
 *
 * Windows are those of Flask-Limiter, from a second to years; the packet plane's rates are in rate.h.
 * Pure. What is done with a limit is the HTTP plane's business.
 */
#ifndef POLICY_HTTP_LIMIT_H
#define POLICY_HTTP_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define HTTP_LIMIT_COUNT_MAX  1000000000000ull /* requests in a window */
#define HTTP_LIMIT_MOVING_MAX 10000	       /* of moving-window, which remembers each of them */

enum http_strategy {
	HTTP_STRATEGY_SLIDING_WINDOW, /* ours: in no window, wherever it begins, more than count */
	HTTP_STRATEGY_TOKEN_BUCKET,   /* taken where `burst N` stands */
	HTTP_STRATEGY_FIXED_WINDOW,   /* Flask-Limiter's; begins at the first hit */
	HTTP_STRATEGY_MOVING_WINDOW,  /* Flask-Limiter's: exact log */
};

struct http_rate {
	uint64_t count;	    /* let in per period; 0: nothing is, ever */
	uint64_t period_ns; /* whole seconds, at most ten years */
	uint64_t burst;	    /* size of the token bucket; 0: none was given */
	uint64_t
		granularity_ns; /* the unit's: 60 s for "5 per 3 minutes". Flask-Limiter goes by it */
};

struct http_limit_error {
	size_t offset;	/* into the text, where it stopped making sense */
	char text[160]; /* what was found and what was expected */
};

/*
 * Take the first limit off *text: [count] [per|/] [n] [unit] [burst N], ended by ';', ',', '|' or the end.
 * A separator is taken too if anything follows it: call again while text->len. Case does not matter,
 * plural allowed, spaces optional. The offset of an error counts from the text as it came in.
 * Returns 0, or -EINVAL with *ret_error set and *text untouched.
 */
int http_limit_take(struct bytes *text, struct http_rate *ret_rate,
		    struct http_limit_error *ret_error);

/* "100 per minute", "5 per 10 seconds burst 20": reads back to the same rate. Returns out. */
#define HTTP_LIMIT_TEXT_MAX 96
const char *http_limit_format(const struct http_rate *rate, char out[static HTTP_LIMIT_TEXT_MAX]);

/* "100-per-60s", "5-per-10s-burst-20": the name a limit has when none was given. Returns out. */
const char *http_limit_name(const struct http_rate *rate, char out[static HTTP_LIMIT_TEXT_MAX]);

/* "sliding-window" and so on. */
const char *http_strategy_name(enum http_strategy strategy);

#endif
