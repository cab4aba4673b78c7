/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A limit with a burst, by the arithmetic of the packet plane (include/sluice/bucket.h): from rest
 * `burst` pass back to back, then one each W/N.
 *
 * Pure. The state is one instant; zero is a full bucket. What a token costs is rounded up to a nanosecond
 * once, against the sender. Debts are clamped to the present burst: nobody waits longer after a reload.
 */
#ifndef LIMIT_TOKEN_BUCKET_H
#define LIMIT_TOKEN_BUCKET_H

#include "limit/spec.h"

struct token_bucket {
	uint64_t full_at_ns;
};

/* Time the whole bucket takes. A burst that lasts longer than LIMIT_WINDOW_MAX is cut to it. */
uint64_t token_bucket_burst_ns(const struct limit_spec *spec);

/* Whether cost more would be let in at now_ns (CLOCK_MONOTONIC). Changes nothing. */
bool token_bucket_fits(const struct token_bucket *bucket, const struct limit_spec *spec,
		       uint64_t cost, uint64_t now_ns);

/* They fit: token_bucket_fits() has said so. */
void token_bucket_take(struct token_bucket *bucket, const struct limit_spec *spec, uint64_t cost,
		       uint64_t now_ns);

/* What to tell a client who asks for cost at now_ns. */
struct limit_view token_bucket_view(const struct token_bucket *bucket,
				    const struct limit_spec *spec, uint64_t cost, uint64_t now_ns);

#endif
