/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is remembered of one client under one limit, whatever the strategy, and what it has in flight.
 *
 * A limit that counts only certain answers does not know at the request whether it will count. It holds
 * the cost instead; the answer settles it: counted at the instant of the answer, or dropped. What is held
 * takes up room like what is counted, so in no window are more than N such answers produced, in whatever
 * order they come.
 *
 * Pure, position independent, plain words only: it lives in memory that outlives its process. What a dead
 * process held is counted when the client is next seen: some of it may have been produced.
 */
#ifndef LIMIT_STATE_H
#define LIMIT_STATE_H

#include <stddef.h>

#include "limit/spec.h"

struct limit_state {
	uint64_t rest_at_ns; /* from this instant on nothing is counted: forgetting loses nothing */
	uint64_t held;	     /* cost of requests that are not answered yet */
	uint32_t holder;     /* epoch of the process that holds it */
	uint32_t strategy;   /* whose words follow; 0: nobody's yet */
	uint64_t words[];
};

/* Bytes a state of this limit takes, at most 80 KiB; 1 KiB but for moving-window. */
size_t limit_state_bytes(const struct limit_spec *spec);

/*
 * Make a state of size bytes, which is at least limit_state_bytes() and stays what it is, ready for use
 * under spec by the process of this epoch: empty if it was another strategy's, and what a dead process
 * held is counted at now_ns.
 */
struct limit_moment {
	uint64_t now_ns;
	uint32_t epoch;
};
void limit_state_prepare(struct limit_state *state, size_t size, const struct limit_spec *spec,
			 struct limit_moment moment);

/* Whether cost fits beside all that is counted and held. */
bool limit_state_fits(const struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns);

/* Count cost. It fits, except in fixed-window, which counts what it refuses. */
void limit_state_take(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns);

/* Hold cost, which fits, until limit_state_settle(). */
void limit_state_hold(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      struct limit_moment moment);

/* The answer has come: what was held counts from now_ns on, or never did. */
void limit_state_settle(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
			uint64_t now_ns);
void limit_state_refund(struct limit_state *state, uint64_t cost);

/* wait_ns is until cost fits beside what is counted and held; at least 1 ns where it does not fit now. */
struct limit_view limit_state_view(const struct limit_state *state, const struct limit_spec *spec,
				   uint64_t cost, uint64_t now_ns);

/* Whether forgetting the state at now_ns would free nobody. */
bool limit_state_rests(const struct limit_state *state, struct limit_moment moment);

#endif
