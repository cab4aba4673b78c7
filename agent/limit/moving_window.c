/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/moving_window.h"

struct ring {
	uint64_t next;
	uint64_t len;
};

/* Bounded whatever the word holds: it lies in memory that outlives its writer. */
static struct ring ring_of(const struct moving_window *window)
{
	uint64_t len = window->shape >> 32;

	return (struct ring){
		.next = (window->shape & UINT32_MAX) % window->room,
		.len = len < window->room ? len : window->room,
	};
}

/* The nth newest instant; 0 is the newest. nth is below ring.len. */
static uint64_t nth_newest(const struct moving_window *window, struct ring ring, uint64_t nth)
{
	return window->instant_ns[(ring.next + window->room - 1 - nth) % window->room];
}

/* Threads read their clocks before they get here: the newest instant is the earliest there is. */
static uint64_t now_after(const struct moving_window *window, struct ring ring, uint64_t now_ns)
{
	uint64_t newest_ns = ring.len ? nth_newest(window, ring, 0) : 0;

	return now_ns > newest_ns ? now_ns : newest_ns;
}

static bool counts_at(const struct limit_spec *spec, uint64_t instant_ns, uint64_t now_ns)
{
	return instant_ns + spec->window_ns >= now_ns;
}

bool moving_window_fits(const struct moving_window *window, const struct limit_spec *spec,
			uint64_t cost, uint64_t now_ns)
{
	struct ring ring = ring_of(window);

	if (cost > spec->count)
		return false;
	if (!cost || spec->count - cost >= ring.len)
		return true;
	return !counts_at(spec, nth_newest(window, ring, spec->count - cost),
			  now_after(window, ring, now_ns));
}

void moving_window_take(struct moving_window *window, uint64_t cost, uint64_t now_ns)
{
	struct ring ring = ring_of(window);
	uint64_t at_ns = now_after(window, ring, now_ns);

	for (; cost; cost--) {
		window->instant_ns[ring.next] = at_ns;
		ring.next = (ring.next + 1) % window->room;
		ring.len += ring.len < window->room;
	}
	__atomic_store_n(&window->shape, ring.next | ring.len << 32, __ATOMIC_RELEASE);
}

/* Instants are in order, so those that count are the newest ones: halve until found. */
static uint64_t counted_of(const struct moving_window *window, const struct limit_spec *spec,
			   struct ring ring, uint64_t now_ns)
{
	uint64_t counted = 0;
	uint64_t end = ring.len;

	while (counted < end) {
		uint64_t middle = counted + (end - counted) / 2;

		if (counts_at(spec, nth_newest(window, ring, middle), now_ns))
			counted = middle + 1;
		else
			end = middle;
	}
	return counted;
}

struct limit_view moving_window_view(const struct moving_window *window,
				     const struct limit_spec *spec, uint64_t cost, uint64_t now_ns)
{
	struct ring ring = ring_of(window);
	uint64_t at_ns = now_after(window, ring, now_ns);
	uint64_t counted = counted_of(window, spec, ring, at_ns);
	struct limit_view view = {
		.remaining = counted < spec->count ? spec->count - counted : 0,
		.reset_ns = at_ns,
	};

	if (counted)
		view.reset_ns = nth_newest(window, ring, counted - 1) + spec->window_ns;
	if (cost > spec->count)
		view.wait_ns = LIMIT_NEVER;
	else if (cost && counted > spec->count - cost)
		/* One nanosecond later than in sliding-window: W old still counts here. */
		view.wait_ns =
			nth_newest(window, ring, spec->count - cost) + spec->window_ns + 1 - at_ns;
	return view;
}
