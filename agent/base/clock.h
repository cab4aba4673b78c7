/* SPDX-License-Identifier: BSD-2-Clause */
/* The only place that reads a clock. Everything else gets now_ns as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at); /* cannot fail for the clocks below */
	return (uint64_t)at.tv_sec * 1000000000ull + (uint64_t)at.tv_nsec;
}

/* CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns(). */
static inline uint64_t clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Nanoseconds since 1970 UTC; steps when the clock is set. */
static inline uint64_t clock_now_unix_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* What to add to a monotonic instant to get wall clock time, as of now. */
static inline uint64_t clock_unix_offset_ns(void)
{
	return clock_now_unix_ns() - clock_now_ns();
}

#endif
