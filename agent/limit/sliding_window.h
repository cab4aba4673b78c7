/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * At most N in any window of length W, wherever it begins.
 *
 * What is let in at t is let in only if all that was let in during (t - W, t], and it, are at most N.
 * It is refused only if that sum is above N - floor(N/50). Admissions are kept in groups of ceil(N/100),
 * each as the instant of its last member, and a group leaves when its last member does. So what is
 * counted is never less than what is true, more by less than one group, and exact up to N = 100.
 *
 * Pure. The state is 824 bytes for any N; all zero is an empty one. `shape` is stored last, in one word:
 * a state whose writer died half-way counts what it counted before. Instants older than the newest
 * recorded (another thread's clock reading) are taken for the newest. A limit whose N has changed meets
 * the groups of the old one: what is counted may be more by one of those, until they have left.
 */
#ifndef LIMIT_SLIDING_WINDOW_H
#define LIMIT_SLIDING_WINDOW_H

#include "limit/spec.h"

#define SLIDING_WINDOW_GROUPS 100

struct sliding_window {
	uint64_t group; /* members of every group but the newest; 0: being regrouped, or empty */
	uint64_t shape; /* members of the newest group:40, index of the oldest:8, groups:8 */
	uint64_t last_change_ns;		    /* instant of the last admission */
	uint64_t instant_ns[SLIDING_WINDOW_GROUPS]; /* ring; last member of each group */
};
_Static_assert(sizeof(struct sliding_window) <= 1024, "at most 1 KiB for any N");

/* Whether cost more would be let in at now_ns. */
bool sliding_window_fits(const struct sliding_window *window, const struct limit_spec *spec,
			 uint64_t cost, uint64_t now_ns);

/* Count cost at now_ns. It fits: sliding_window_fits() has said so. */
void sliding_window_take(struct sliding_window *window, const struct limit_spec *spec,
			 uint64_t cost, uint64_t now_ns);

/* Remaining, reset and the wait for cost. */
struct limit_view sliding_window_view(const struct sliding_window *window,
				      const struct limit_spec *spec, uint64_t cost,
				      uint64_t now_ns);

#endif
