/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/decision.h"

#include <assert.h>

static bool is_flask_strategy(enum limit_strategy strategy)
{
	return strategy == LIMIT_FIXED_WINDOW || strategy == LIMIT_MOVING_WINDOW;
}

static bool go_in_order(const struct limit_ask *asks, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!is_flask_strategy(asks[i].spec->strategy))
			return false;
	return true;
}

/* Shortest granularity first; equal ones as they were written. n is small. */
static void sort_by_granularity(struct limit_ask **order, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		struct limit_ask *ask = order[i];
		unsigned at = i;

		for (; at && order[at - 1]->spec->granularity_ns > ask->spec->granularity_ns; at--)
			order[at] = order[at - 1];
		order[at] = ask;
	}
}

static void judge(struct limit_ask *ask, uint64_t now_ns)
{
	ask->refuses = !limit_state_fits(ask->state, ask->spec, ask->cost, now_ns);
}

static void charge(struct limit_ask *ask, struct limit_moment moment)
{
	if (ask->holds)
		limit_state_hold(ask->state, ask->spec, ask->cost, moment);
	else
		limit_state_take(ask->state, ask->spec, ask->cost, moment.now_ns);
	ask->is_charged = true;
}

/* A refused hit of a fixed window counts; one that would be held has no answer that could. */
static bool charges_refused(const struct limit_ask *ask)
{
	return ask->spec->strategy == LIMIT_FIXED_WINDOW && !ask->holds;
}

static bool decide_in_order(struct limit_ask *asks, unsigned n, struct limit_moment moment)
{
	struct limit_ask *order[LIMIT_ASKS_MAX];

	for (unsigned i = 0; i < n; i++)
		order[i] = &asks[i];
	sort_by_granularity(order, n);

	for (unsigned i = 0; i < n; i++) {
		judge(order[i], moment.now_ns);
		if (!order[i]->refuses || charges_refused(order[i]))
			charge(order[i], moment);
		if (order[i]->refuses && !order[i]->is_dry_run)
			return false;
	}
	return true;
}

static bool judge_all(struct limit_ask *asks, unsigned n, uint64_t now_ns)
{
	bool let_in = true;

	for (unsigned i = 0; i < n; i++) {
		judge(&asks[i], now_ns);
		if (asks[i].refuses && !asks[i].is_dry_run)
			let_in = false;
	}
	return let_in;
}

/* A dry run that would have refused is charged as if it had: not, unless its strategy counts that. */
static bool decide_at_once(struct limit_ask *asks, unsigned n, struct limit_moment moment)
{
	if (!judge_all(asks, n, moment.now_ns))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!asks[i].refuses || charges_refused(&asks[i]))
			charge(&asks[i], moment);
	return true;
}

static void look(struct limit_ask *asks, unsigned n, uint64_t now_ns)
{
	for (unsigned i = 0; i < n; i++) {
		struct limit_ask *ask = &asks[i];

		ask->view = limit_state_view(ask->state, ask->spec, ask->cost, now_ns);
		if (!ask->refuses)
			ask->view.wait_ns = 0;
	}
}

static void forget_answers(struct limit_ask *asks, unsigned n)
{
	assert(n <= LIMIT_ASKS_MAX);
	for (unsigned i = 0; i < n; i++) {
		asks[i].refuses = false;
		asks[i].is_charged = false;
	}
}

bool limit_decide(struct limit_ask *asks, unsigned n, struct limit_moment moment)
{
	bool let_in;

	forget_answers(asks, n);
	if (go_in_order(asks, n))
		let_in = decide_in_order(asks, n, moment);
	else
		let_in = decide_at_once(asks, n, moment);
	look(asks, n, moment.now_ns);
	return let_in;
}

bool limit_peek(struct limit_ask *asks, unsigned n, uint64_t now_ns)
{
	bool let_in;

	forget_answers(asks, n);
	let_in = judge_all(asks, n, now_ns);
	look(asks, n, now_ns);
	return let_in;
}
