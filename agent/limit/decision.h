/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several limits on one request: whether it is let in, and which of them it is charged to.
 *
 * fixed-window and moving-window alone go in Flask-Limiter's order: shortest granularity first, the first
 * that refuses ends it, those before it stay charged. As soon as one limit is another strategy's, all are
 * checked, then all charged or none. Pure; the caller holds whatever locks the states have.
 */
#ifndef LIMIT_DECISION_H
#define LIMIT_DECISION_H

#include "limit/limit_state.h"

#define LIMIT_ASKS_MAX 64 /* on one request; the policy refuses more */

struct limit_ask {
	/* The question. No two asks share a state. */
	const struct limit_spec *spec;
	struct limit_state *state; /* prepared */
	uint64_t cost;
	bool is_dry_run; /* judged and counted, refuses nobody */
	bool holds;	 /* held until the answer, not counted yet */

	/* The answer. */
	bool refuses;		/* a dry run too */
	bool is_charged;	/* counted, or held: settle or refund it */
	struct limit_view view; /* after this request; wait_ns is 0 where it does not refuse */
};

/* Judge n asks (at most LIMIT_ASKS_MAX), charge as said above, fill in the answers. Returns whether it is let in. */
bool limit_decide(struct limit_ask *asks, unsigned n, struct limit_moment moment);

/* The same without charging anything: what would happen now. */
bool limit_peek(struct limit_ask *asks, unsigned n, uint64_t now_ns);

#endif
