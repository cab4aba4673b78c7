/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a limit asks for, and what it says of a client: plain numbers, for every strategy.
 *
 * Knows nothing of how limits are written (policy/) or whom they concern. Time is CLOCK_MONOTONIC
 * in nanoseconds, and always an argument.
 */
#ifndef LIMIT_SPEC_H
#define LIMIT_SPEC_H

#include <stdbool.h>
#include <stdint.h>

/* Zero is none of them: a state that nobody has written yet. */
enum limit_strategy {
	LIMIT_SLIDING_WINDOW = 1,
	LIMIT_TOKEN_BUCKET,
	LIMIT_FIXED_WINDOW,
	LIMIT_MOVING_WINDOW,
};

#define LIMIT_COUNT_MAX	 1000000000000ull /* fits the 40 bits of sliding_window.h */
#define LIMIT_WINDOW_MAX (1ull << 59)	  /* 18 years: sums of instants do not wrap */
#define LIMIT_NEVER	 UINT64_MAX	  /* a wait that does not end */
#define LIMIT_WAIT_HELD \
	1 /* ns, a wait for an answer: what is held may be given back at any moment */

struct limit_spec {
	uint64_t count;		 /* N, at most LIMIT_COUNT_MAX; 0 lets nothing in */
	uint64_t window_ns;	 /* 1 to LIMIT_WINDOW_MAX */
	uint64_t burst;		 /* token bucket only: its size, at most LIMIT_COUNT_MAX */
	uint64_t granularity_ns; /* the unit it was written in; orders Flask-Limiter's strategies */
	enum limit_strategy strategy;
};

/* What the fields of a response are made of. */
struct limit_view {
	uint64_t remaining; /* cost that would still fit */
	uint64_t
		reset_ns; /* instant at which the first of what is counted leaves; now if nothing is */
	uint64_t
		wait_ns; /* until the cost asked for fits: 0 if it does, LIMIT_WAIT_HELD, LIMIT_NEVER */
};

#endif
