/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flask-Limiter's fixed-window: the window begins at the first hit and lasts W; hits that are refused
 * count too. Lets up to 2 N through around an edge; kept for those who want what they had.
 *
 * Pure. All zero is an empty state.
 */
#ifndef LIMIT_FIXED_WINDOW_H
#define LIMIT_FIXED_WINDOW_H

#include "limit/spec.h"

struct fixed_window {
	uint64_t end_ns; /* the window is over at this instant */
	uint64_t hits;	 /* refused ones included; stays at its maximum */
};

/* Whether cost more would be let in at now_ns (CLOCK_MONOTONIC). Changes nothing. */
bool fixed_window_fits(const struct fixed_window *window, const struct limit_spec *spec,
		       uint64_t cost, uint64_t now_ns);

/* Count a hit, let in or not. Returns whether it is let in. */
bool fixed_window_hit(struct fixed_window *window, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns);

/* What to tell a client who asks for cost at now_ns. */
struct limit_view fixed_window_view(const struct fixed_window *window,
				    const struct limit_spec *spec, uint64_t cost, uint64_t now_ns);

#endif
