/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flask-Limiter's moving-window: the instant of every admission, exactly. One that is W old to the
 * nanosecond still counts, as it does there.
 *
 * Pure. The memory is the caller's, `room` instants behind the head; room is at least N and stays what
 * it was, N may change. All zero with `room` set is an empty state. `shape` is stored last.
 */
#ifndef LIMIT_MOVING_WINDOW_H
#define LIMIT_MOVING_WINDOW_H

#include "limit/spec.h"

#define MOVING_WINDOW_MAX 10000 /* N; above that the policy names sliding-window */

struct moving_window {
	uint64_t shape; /* index of the next to be written:32, instants in the ring:32 */
	uint64_t room;	/* 1 to MOVING_WINDOW_MAX */
	uint64_t instant_ns[];
};

static inline uint64_t moving_window_bytes(uint64_t count)
{
	return sizeof(struct moving_window) + count * sizeof(uint64_t);
}

/* Whether cost more would be let in at now_ns (CLOCK_MONOTONIC). Changes nothing. */
bool moving_window_fits(const struct moving_window *window, const struct limit_spec *spec,
			uint64_t cost, uint64_t now_ns);

/* Log cost admissions at now_ns. They fit: moving_window_fits() has said so. */
void moving_window_take(struct moving_window *window, uint64_t cost, uint64_t now_ns);

/* What to tell a client who asks for cost at now_ns. */
struct limit_view moving_window_view(const struct moving_window *window,
				     const struct limit_spec *spec, uint64_t cost, uint64_t now_ns);

#endif
