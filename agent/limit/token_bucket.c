/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/token_bucket.h"

#include <sluice/bucket.h>

/* count 0 never gets here with a cost that fits; its bucket is one token that lasts the window. */
/* Time one token takes to come back; LIMIT_WINDOW_MAX or less. */
static uint64_t token_cost_ns(const struct limit_spec *spec)
{
	uint64_t count = spec->count ? spec->count : 1;

	return (spec->window_ns + count - 1) / count;
}

/* tokens times what one costs, or LIMIT_WINDOW_MAX + 1 where that is longer than any burst. */
static uint64_t time_of(const struct limit_spec *spec, uint64_t tokens)
{
	uint64_t total_ns;

	if (__builtin_mul_overflow(tokens, token_cost_ns(spec), &total_ns) ||
	    total_ns > LIMIT_WINDOW_MAX)
		return LIMIT_WINDOW_MAX + 1;
	return total_ns;
}

uint64_t token_bucket_burst_ns(const struct limit_spec *spec)
{
	uint64_t burst_ns = time_of(spec, spec->burst);

	return burst_ns < LIMIT_WINDOW_MAX ? burst_ns : LIMIT_WINDOW_MAX;
}

static bool never_fits(const struct limit_spec *spec, uint64_t cost)
{
	return cost && (!spec->count || time_of(spec, cost) > token_bucket_burst_ns(spec));
}

bool token_bucket_fits(const struct token_bucket *bucket, const struct limit_spec *spec,
		       uint64_t cost, uint64_t now_ns)
{
	uint64_t burst_ns = token_bucket_burst_ns(spec);

	if (never_fits(spec, cost))
		return false;
	return sl_bucket_fits(sl_bucket_owed(bucket->full_at_ns, burst_ns, now_ns),
			      time_of(spec, cost), burst_ns);
}

void token_bucket_take(struct token_bucket *bucket, const struct limit_spec *spec, uint64_t cost,
		       uint64_t now_ns)
{
	__u64 full_at_ns;

	if (cost && sl_bucket_take(bucket->full_at_ns, time_of(spec, cost),
				   token_bucket_burst_ns(spec), now_ns, &full_at_ns))
		__atomic_store_n(&bucket->full_at_ns, full_at_ns, __ATOMIC_RELEASE);
}

struct limit_view token_bucket_view(const struct token_bucket *bucket,
				    const struct limit_spec *spec, uint64_t cost, uint64_t now_ns)
{
	uint64_t burst_ns = token_bucket_burst_ns(spec);
	uint64_t owed_ns = sl_bucket_owed(bucket->full_at_ns, burst_ns, now_ns);
	struct limit_view view = {
		.remaining = spec->count ? (burst_ns - owed_ns) / token_cost_ns(spec) : 0,
		.reset_ns = now_ns + owed_ns,
	};

	if (never_fits(spec, cost))
		view.wait_ns = LIMIT_NEVER;
	else if (owed_ns + time_of(spec, cost) > burst_ns)
		view.wait_ns = owed_ns + time_of(spec, cost) - burst_ns;
	return view;
}
