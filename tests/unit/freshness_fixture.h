/* SPDX-License-Identifier: BSD-2-Clause */
/* Responses at one instant, and whether they may be used at another. */
#ifndef TESTS_FRESHNESS_FIXTURE_H
#define TESTS_FRESHNESS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/freshness.h"

#define SEC  1000000000ull
#define NOW  (1000000 * SEC) /* the response arrived */
#define UNIX 1700000000ll    /* the same instant */

static const struct route_rules no_rules = {.stale_if_error_s = SECONDS_ABSENT,
					    .stale_while_revalidate_s = SECONDS_ABSENT};
static const struct request_facts plain = {.says = CACHE_CONTROL_NONE};
static const struct fetch_times at_once = {NOW, NOW, UNIX};

static inline struct response_facts response(void)
{
	return (struct response_facts){
		.status = 200,
		.says = CACHE_CONTROL_NONE,
		.date = {true, true, UNIX},
	};
}

static inline struct response_facts max_age(int64_t seconds)
{
	struct response_facts resp = response();

	resp.says.max_age = seconds;
	return resp;
}

static inline struct freshness of(const struct response_facts *resp,
				  const struct route_rules *rules)
{
	return freshness_of(resp, rules, &at_once);
}

static inline enum freshness_verdict verdict_at(const struct freshness *fresh,
						const struct request_facts *req,
						const struct route_rules *rules, uint64_t now_ns)
{
	struct lookup_facts at = {.now_ns = now_ns};

	return freshness_judge(fresh, req, rules, &at).verdict;
}

/* Without rules, for a plain request, this many nanoseconds after it arrived. */
static inline enum freshness_verdict after(const struct response_facts *resp, uint64_t ns)
{
	struct freshness fresh = of(resp, &no_rules);

	return verdict_at(&fresh, &plain, &no_rules, NOW + ns);
}

#endif
