/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/counters.h"

#include <stddef.h>

#include "base/duration.h"

static const uint64_t bounds_ms[] = {HTTP_TIME_BOUNDS_MS};

_Static_assert(sizeof(bounds_ms) / sizeof(bounds_ms[0]) == HTTP_TIME_BOUNDS, "each has a counter");

#define WORDS (sizeof(struct http_counters) / sizeof(uint64_t))

_Static_assert(sizeof(struct http_counters) % sizeof(uint64_t) == 0, "all of it is 64-bit words");

void http_counters_add(struct http_counters *sum, const struct http_counters *more)
{
	const uint64_t *from = (const uint64_t *)more;
	uint64_t *to = (uint64_t *)sum;

	for (size_t i = 0; i < WORDS; i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void http_counters_time(struct http_counters *counters, uint64_t took_ns)
{
	size_t i = 0;

	while (i < HTTP_TIME_BOUNDS && took_ns > bounds_ms[i] * NS_PER_MS)
		i++;
	count(&counters->upstream_time[i]);
	count_add(&counters->upstream_time_ns, took_ns);
}

void http_counters_status(struct http_counters *counters, unsigned status)
{
	if (status < 300)
		count(&counters->answered_2xx);
	else if (status < 400)
		count(&counters->answered_3xx);
	else if (status < 500)
		count(&counters->answered_4xx);
	else
		count(&counters->answered_5xx);
}
