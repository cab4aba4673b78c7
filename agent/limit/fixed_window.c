/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/fixed_window.h"

static uint64_t hits_at(const struct fixed_window *window, uint64_t now_ns)
{
	return now_ns < window->end_ns ? window->hits : 0;
}

bool fixed_window_fits(const struct fixed_window *window, const struct limit_spec *spec,
		       uint64_t cost, uint64_t now_ns)
{
	return cost <= spec->count && hits_at(window, now_ns) <= spec->count - cost;
}

bool fixed_window_hit(struct fixed_window *window, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns)
{
	bool fits = fixed_window_fits(window, spec, cost, now_ns);
	uint64_t hits = hits_at(window, now_ns);

	if (!hits)
		window->end_ns = now_ns + spec->window_ns;
	window->hits = hits < UINT64_MAX - cost ? hits + cost : UINT64_MAX;
	return fits;
}

struct limit_view fixed_window_view(const struct fixed_window *window,
				    const struct limit_spec *spec, uint64_t cost, uint64_t now_ns)
{
	uint64_t hits = hits_at(window, now_ns);
	struct limit_view view = {
		.remaining = hits < spec->count ? spec->count - hits : 0,
		.reset_ns = hits ? window->end_ns : now_ns,
	};

	if (cost > spec->count)
		view.wait_ns = LIMIT_NEVER;
	else if (hits > spec->count - cost)
		view.wait_ns = window->end_ns - now_ns;
	return view;
}
