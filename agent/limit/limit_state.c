/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/limit_state.h"

#include <string.h>

#include "limit/fixed_window.h"
#include "limit/moving_window.h"
#include "limit/sliding_window.h"
#include "limit/token_bucket.h"

#define CLEARED_BYTES (sizeof(struct limit_state) + offsetof(struct sliding_window, instant_ns))

_Static_assert(offsetof(struct moving_window, instant_ns) <=
			       offsetof(struct sliding_window, instant_ns) &&
		       sizeof(struct fixed_window) <= offsetof(struct sliding_window, instant_ns),
	       "cleared");

size_t limit_state_bytes(const struct limit_spec *spec)
{
	size_t head = sizeof(struct limit_state);

	switch (spec->strategy) {
	case LIMIT_SLIDING_WINDOW:
		return head + sizeof(struct sliding_window);
	case LIMIT_TOKEN_BUCKET:
		return head + sizeof(struct token_bucket);
	case LIMIT_FIXED_WINDOW:
		return head + sizeof(struct fixed_window);
	case LIMIT_MOVING_WINDOW:
		return head + moving_window_bytes(spec->count ? spec->count : 1);
	}
	__builtin_unreachable();
}

static uint64_t saturated_sum(uint64_t a, uint64_t b)
{
	return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* The most that ever fits: what is held beyond it cannot make a wait longer. */
static uint64_t capacity(const struct limit_spec *spec)
{
	return spec->strategy == LIMIT_TOKEN_BUCKET ? spec->burst : spec->count;
}

static struct limit_view counted_view(const struct limit_state *state,
				      const struct limit_spec *spec, uint64_t cost, uint64_t now_ns)
{
	const void *words = state->words;

	switch (spec->strategy) {
	case LIMIT_SLIDING_WINDOW:
		return sliding_window_view(words, spec, cost, now_ns);
	case LIMIT_TOKEN_BUCKET:
		return token_bucket_view(words, spec, cost, now_ns);
	case LIMIT_FIXED_WINDOW:
		return fixed_window_view(words, spec, cost, now_ns);
	case LIMIT_MOVING_WINDOW:
		return moving_window_view(words, spec, cost, now_ns);
	}
	__builtin_unreachable();
}

static void note_rest(struct limit_state *state, uint64_t rest_at_ns)
{
	if (rest_at_ns > state->rest_at_ns)
		__atomic_store_n(&state->rest_at_ns, rest_at_ns, __ATOMIC_RELAXED);
}

void limit_state_take(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns)
{
	void *words = state->words;

	/* Before it is counted: a state must not be forgotten for a word that was not written. */
	note_rest(state, now_ns + spec->window_ns + 1);
	switch (spec->strategy) {
	case LIMIT_SLIDING_WINDOW:
		sliding_window_take(words, spec, cost, now_ns);
		break;
	case LIMIT_TOKEN_BUCKET:
		token_bucket_take(words, spec, cost, now_ns);
		note_rest(state, ((struct token_bucket *)words)->full_at_ns);
		break;
	case LIMIT_FIXED_WINDOW:
		(void)fixed_window_hit(words, spec, cost, now_ns); /* the caller has asked before */
		break;
	case LIMIT_MOVING_WINDOW:
		moving_window_take(words, cost, now_ns);
		break;
	}
}

/* As much of cost as there is room for: the limit may have become smaller since it was held. */
static void take_what_fits(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
			   uint64_t now_ns)
{
	uint64_t remaining = counted_view(state, spec, 0, now_ns).remaining;

	if (spec->strategy != LIMIT_FIXED_WINDOW && cost > remaining)
		cost = remaining;
	if (cost)
		limit_state_take(state, spec, cost, now_ns);
}

static void begin(struct limit_state *state, size_t size, const struct limit_spec *spec)
{
	/* Instants are read only once they are written: their memory need not be cleared, nor touched. */
	memset(state, 0, size < CLEARED_BYTES ? size : CLEARED_BYTES);
	if (spec->strategy == LIMIT_MOVING_WINDOW) {
		size_t head = sizeof(*state) + sizeof(struct moving_window);

		((struct moving_window *)state->words)->room = (size - head) / sizeof(uint64_t);
	}
	__atomic_store_n(&state->strategy, spec->strategy, __ATOMIC_RELEASE);
}

void limit_state_prepare(struct limit_state *state, size_t size, const struct limit_spec *spec,
			 struct limit_moment moment)
{
	if (state->strategy != spec->strategy)
		begin(state, size, spec);
	if (state->held && state->holder != moment.epoch) {
		take_what_fits(state, spec, state->held, moment.now_ns);
		state->held = 0;
	}
}

bool limit_state_fits(const struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      uint64_t now_ns)
{
	const void *words = state->words;
	uint64_t all = saturated_sum(cost, state->held);

	switch (spec->strategy) {
	case LIMIT_SLIDING_WINDOW:
		return sliding_window_fits(words, spec, all, now_ns);
	case LIMIT_TOKEN_BUCKET:
		return token_bucket_fits(words, spec, all, now_ns);
	case LIMIT_FIXED_WINDOW:
		return fixed_window_fits(words, spec, all, now_ns);
	case LIMIT_MOVING_WINDOW:
		return moving_window_fits(words, spec, all, now_ns);
	}
	__builtin_unreachable();
}

void limit_state_hold(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
		      struct limit_moment moment)
{
	note_rest(state, moment.now_ns + spec->window_ns + 1);
	state->holder = moment.epoch;
	__atomic_store_n(&state->held, saturated_sum(state->held, cost), __ATOMIC_RELEASE);
}

void limit_state_refund(struct limit_state *state, uint64_t cost)
{
	/* Less than was held where an operator has reset the client in between. */
	state->held -= cost < state->held ? cost : state->held;
}

/* Counted first, released after: in between a crash would count it twice, never not at all. */
void limit_state_settle(struct limit_state *state, const struct limit_spec *spec, uint64_t cost,
			uint64_t now_ns)
{
	take_what_fits(state, spec, cost, now_ns);
	limit_state_refund(state, cost);
}

struct limit_view limit_state_view(const struct limit_state *state, const struct limit_spec *spec,
				   uint64_t cost, uint64_t now_ns)
{
	uint64_t all = saturated_sum(cost, state->held);
	uint64_t most = capacity(spec);
	struct limit_view view;

	if (cost <= most && all > most)
		all = most;
	view = counted_view(state, spec, all, now_ns);
	view.remaining -= state->held < view.remaining ? state->held : view.remaining;
	if (!view.wait_ns && !limit_state_fits(state, spec, cost, now_ns))
		view.wait_ns = LIMIT_WAIT_HELD;
	return view;
}

bool limit_state_rests(const struct limit_state *state, struct limit_moment moment)
{
	if (state->held && state->holder == moment.epoch)
		return false;
	return state->rest_at_ns <= moment.now_ns;
}
