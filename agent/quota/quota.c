/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota.h"

#include "limit/moving_window.h"

_Static_assert(HTTP_LIMIT_COUNT_MAX <= LIMIT_COUNT_MAX, "every N of a policy fits the states");
_Static_assert(HTTP_LIMIT_MOVING_MAX <= MOVING_WINDOW_MAX, "and that of an exact log its own");

static enum limit_strategy strategy_of(enum http_strategy strategy)
{
	switch (strategy) {
	case HTTP_STRATEGY_SLIDING_WINDOW:
		return LIMIT_SLIDING_WINDOW;
	case HTTP_STRATEGY_TOKEN_BUCKET:
		return LIMIT_TOKEN_BUCKET;
	case HTTP_STRATEGY_FIXED_WINDOW:
		return LIMIT_FIXED_WINDOW;
	case HTTP_STRATEGY_MOVING_WINDOW:
		return LIMIT_MOVING_WINDOW;
	}
	__builtin_unreachable();
}

struct limit_spec quota_spec(const struct http_limit *limit)
{
	return (struct limit_spec){
		.count = limit->rate.count,
		.window_ns = limit->rate.period_ns,
		.burst = limit->burst,
		.granularity_ns = limit->rate.granularity_ns,
		.strategy = strategy_of(limit->how.strategy),
	};
}

static uint64_t largest(const struct http_limits *limits, uint64_t bytes)
{
	for (size_t i = 0; i < limits->count; i++) {
		struct limit_spec spec = quota_spec(&limits->at[i]);
		uint64_t own = limit_state_bytes(&spec);

		bytes = own > bytes ? own : bytes;
	}
	return bytes;
}

uint64_t quota_state_bytes(const struct http_policy *http)
{
	const struct limit_spec sliding = {.strategy = LIMIT_SLIDING_WINDOW};
	uint64_t bytes = limit_state_bytes(&sliding);

	bytes = largest(&http->limits, bytes);
	bytes = largest(&http->global_limits, bytes);
	for (size_t i = 0; i < http->route_count; i++)
		bytes = largest(&http->routes[i].limits, bytes);
	return largest(&http->other.limits, bytes);
}
