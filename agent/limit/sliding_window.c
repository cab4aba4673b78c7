/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/sliding_window.h"

#define MEMBERS_MASK ((1ull << 40) - 1)

struct shape {
	uint64_t members; /* of the newest group */
	unsigned oldest;  /* index into the ring */
	unsigned groups;
};

/* Bounded whatever the word holds: it lies in memory that outlives its writer. */
static struct shape shape_of(const struct sliding_window *window)
{
	unsigned groups = window->shape >> 48 & 0xff;

	return (struct shape){
		.members = window->shape & MEMBERS_MASK,
		.oldest = (window->shape >> 40 & 0xff) % SLIDING_WINDOW_GROUPS,
		.groups = groups < SLIDING_WINDOW_GROUPS ? groups : SLIDING_WINDOW_GROUPS,
	};
}

static void shape_store(struct sliding_window *window, struct shape shape)
{
	uint64_t word = shape.members | (uint64_t)shape.oldest << 40 | (uint64_t)shape.groups << 48;

	/* Release: whoever finds the state after a crash finds the instants that belong to it. */
	__atomic_store_n(&window->shape, word, __ATOMIC_RELEASE);
}

static unsigned ring_index(struct shape shape, unsigned nth)
{
	return (shape.oldest + nth) % SLIDING_WINDOW_GROUPS;
}

static uint64_t group_size(uint64_t count)
{
	return (count + SLIDING_WINDOW_GROUPS - 1) / SLIDING_WINDOW_GROUPS;
}

/* A state left in the middle of regrouping: every group counts as all of N until it leaves. */
static uint64_t members_each(const struct sliding_window *window, const struct limit_spec *spec)
{
	return window->group ? window->group : spec->count;
}

/* Time does not run backwards for one client, whichever thread looks at the clock. */
static uint64_t later_of(const struct sliding_window *window, uint64_t now_ns)
{
	return now_ns > window->last_change_ns ? now_ns : window->last_change_ns;
}

/* Without the groups that have left at now_ns. */
static struct shape live_shape(const struct sliding_window *window, const struct limit_spec *spec,
			       uint64_t now_ns)
{
	struct shape shape = shape_of(window);

	while (shape.groups && window->instant_ns[shape.oldest] + spec->window_ns <= now_ns) {
		shape.oldest = ring_index(shape, 1);
		shape.groups--;
	}
	if (!shape.groups)
		shape.members = 0;
	return shape;
}

static uint64_t members_of(const struct sliding_window *window, const struct limit_spec *spec,
			   struct shape shape)
{
	if (!shape.groups)
		return 0;
	return (shape.groups - 1) * members_each(window, spec) +
	       (window->group ? shape.members : spec->count);
}

/* The members of every group that has not left. */
static uint64_t counted_at(const struct sliding_window *window, const struct limit_spec *spec,
			   uint64_t now_ns)
{
	return members_of(window, spec, live_shape(window, spec, later_of(window, now_ns)));
}

bool sliding_window_fits(const struct sliding_window *window, const struct limit_spec *spec,
			 uint64_t cost, uint64_t now_ns)
{
	if (cost > spec->count)
		return false;
	return counted_at(window, spec, now_ns) <= spec->count - cost;
}

/*
 * Deal the members out again, `group` to each. A member's instant becomes that of the old group it
 * was in, which is not earlier than its own. They are at most N, so the groups are enough.
 */
static void regroup(struct sliding_window *window, const struct limit_spec *spec,
		    struct shape *shape)
{
	struct sliding_window old = *window;
	uint64_t group = group_size(spec->count);
	uint64_t members = members_of(&old, spec, *shape);
	struct shape was = *shape;

	window->group = 0;
	/* A killed thread has done all before some instruction and nothing after: only the compiler must
	 * keep the order. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*shape = (struct shape){0};
	for (uint64_t dealt = 0; dealt < members; dealt += shape->members) {
		uint64_t left = members - dealt;

		shape->members = left < group ? left : group;
		window->instant_ns[shape->groups++] =
			old.instant_ns[ring_index(was, (dealt + shape->members - 1) / old.group)];
	}
	shape_store(window, *shape);
	__atomic_store_n(&window->group, group, __ATOMIC_RELEASE);
}

/* Fill the newest group, then as many new ones as it takes. */
static void append(struct sliding_window *window, struct shape *shape, uint64_t cost,
		   uint64_t now_ns)
{
	while (cost) {
		uint64_t room = shape->groups ? window->group - shape->members : 0;
		uint64_t more;

		if (!room) {
			shape->groups++;
			shape->members = 0;
			room = window->group;
		}
		more = cost < room ? cost : room;
		window->instant_ns[ring_index(*shape, shape->groups - 1)] = now_ns;
		shape->members += more;
		cost -= more;
	}
}

void sliding_window_take(struct sliding_window *window, const struct limit_spec *spec,
			 uint64_t cost, uint64_t now_ns)
{
	uint64_t at_ns = later_of(window, now_ns);
	struct shape shape = live_shape(window, spec, at_ns);

	if (!cost)
		return;
	if (!shape.groups)
		window->group = group_size(spec->count);
	else if (window->group != group_size(spec->count))
		regroup(window, spec, &shape);

	append(window, &shape, cost, at_ns);
	window->last_change_ns = at_ns;
	shape_store(window, shape);
}

/* How long until `excess` of what is counted has left. */
static uint64_t wait_for(const struct sliding_window *window, const struct limit_spec *spec,
			 uint64_t excess, uint64_t now_ns)
{
	struct shape shape = live_shape(window, spec, now_ns);
	uint64_t left = 0;
	uint64_t until_ns = now_ns;

	for (unsigned i = 0; i < shape.groups && left < excess; i++) {
		left += members_each(window, spec);
		until_ns = window->instant_ns[ring_index(shape, i)] + spec->window_ns;
	}
	return until_ns - now_ns;
}

struct limit_view sliding_window_view(const struct sliding_window *window,
				      const struct limit_spec *spec, uint64_t cost, uint64_t now_ns)
{
	uint64_t at_ns = later_of(window, now_ns);
	struct shape shape = live_shape(window, spec, at_ns);
	uint64_t counted = members_of(window, spec, shape);
	struct limit_view view = {
		.remaining = counted < spec->count ? spec->count - counted : 0,
		.reset_ns = at_ns,
	};

	if (shape.groups)
		view.reset_ns = window->instant_ns[shape.oldest] + spec->window_ns;
	if (cost > spec->count)
		view.wait_ns = LIMIT_NEVER;
	else if (counted > spec->count - cost)
		view.wait_ns = wait_for(window, spec, counted - (spec->count - cost), at_ns);
	return view;
}
