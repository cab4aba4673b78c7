/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include <stdlib.h>

#include "limit/decision.h"

static const struct limit_moment start = {START, 1};

static struct limit_moment after(uint64_t ns)
{
	return (struct limit_moment){START + ns, 1};
}

/* Static memory per ask: 16 states are enough for each test. */
static struct limit_ask ask_of(const struct limit_spec *spec)
{
	static uint64_t memory[64][256];
	static unsigned used;
	struct limit_state *state = (struct limit_state *)memory[used++ % 64];

	state->strategy = 0;
	limit_state_prepare(state, sizeof(memory[0]), spec, start);
	state->rest_at_ns = 0;
	return (struct limit_ask){.spec = spec, .state = state, .cost = 1};
}

static uint64_t remaining_of(const struct limit_ask *ask, uint64_t now_ns)
{
	return limit_state_view(ask->state, ask->spec, 1, now_ns).remaining;
}

static void sliding_window_and_token_bucket_charge_all_or_none(void **state)
{
	struct limit_spec wide = spec_of(LIMIT_SLIDING_WINDOW, 10, 60 * SECOND);
	struct limit_spec narrow = spec_of(LIMIT_TOKEN_BUCKET, 1, SECOND);
	struct limit_ask asks[2];

	narrow.burst = 1;
	asks[0] = ask_of(&wide);
	asks[1] = ask_of(&narrow);
	assert_true(limit_decide(asks, 2, start));
	assert_false(limit_decide(asks, 2, start));
	assert_false(asks[0].refuses);
	assert_true(asks[1].refuses);
	assert_int_equal(asks[0].view.remaining, 9);
	assert_int_equal(asks[0].view.wait_ns, 0);
	assert_int_equal(asks[1].view.wait_ns, SECOND);
}

static void flask_strategies_stop_at_the_first_breach_and_keep_what_came_before(void **state)
{
	struct limit_spec day = spec_of(LIMIT_FIXED_WINDOW, 1, 86400 * SECOND);
	struct limit_spec second = spec_of(LIMIT_MOVING_WINDOW, 5, SECOND);
	struct limit_spec hour = spec_of(LIMIT_FIXED_WINDOW, 9, 3600 * SECOND);
	struct limit_spec year = spec_of(LIMIT_FIXED_WINDOW, 9, 31104000 * SECOND);
	struct limit_ask asks[4] = {ask_of(&year), ask_of(&day), ask_of(&second), ask_of(&hour)};

	assert_true(limit_decide(asks, 4, start));
	assert_false(limit_decide(asks, 4, start));
	assert_int_equal(remaining_of(&asks[0], START), 8);
	assert_int_equal(remaining_of(&asks[2], START), 3);
	assert_int_equal(remaining_of(&asks[3], START), 7);
	assert_true(asks[1].refuses);
}

static void a_mixed_route_charges_none_when_refused(void **state)
{
	struct limit_spec fixed = spec_of(LIMIT_FIXED_WINDOW, 5, SECOND);
	struct limit_spec sliding = spec_of(LIMIT_SLIDING_WINDOW, 1, 60 * SECOND);
	struct limit_ask asks[2] = {ask_of(&fixed), ask_of(&sliding)};

	assert_true(limit_decide(asks, 2, start));
	assert_false(limit_decide(asks, 2, start));
	assert_int_equal(remaining_of(&asks[0], START), 4);
}

static void a_dry_run_refuses_nobody_and_says_what_it_would_have_done(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 1, SECOND);
	struct limit_ask ask = ask_of(&spec);

	ask.is_dry_run = true;
	assert_true(limit_decide(&ask, 1, start));
	assert_false(ask.refuses);
	assert_true(limit_decide(&ask, 1, start));
	assert_true(ask.refuses);
	assert_false(ask.is_charged);
	assert_true(limit_decide(&ask, 1, after(SECOND)));
	assert_false(ask.refuses);
}

static void a_peek_costs_nothing(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_FIXED_WINDOW, 1, SECOND);
	struct limit_ask ask = ask_of(&spec);

	assert_true(limit_peek(&ask, 1, START));
	assert_true(limit_peek(&ask, 1, START));
	assert_true(limit_decide(&ask, 1, start));
	assert_false(limit_peek(&ask, 1, START));
	assert_int_equal(ask.view.wait_ns, SECOND);
}

static void a_cost_is_charged_whole(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 10, SECOND);
	struct limit_ask ask = ask_of(&spec);

	ask.cost = 4;
	assert_true(limit_decide(&ask, 1, start));
	assert_true(limit_decide(&ask, 1, start));
	assert_false(limit_decide(&ask, 1, start));
	assert_int_equal(ask.view.remaining, 2);
}

static void a_thousand_at_once_do_not_slip_past_a_limit_that_counts_answers(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, 60 * SECOND);
	struct limit_ask ask = ask_of(&spec);
	int let_in = 0;

	ask.holds = true;
	for (int i = 0; i < 1000; i++)
		let_in += limit_decide(&ask, 1, start);
	assert_int_equal(let_in, 5);
	assert_int_equal(ask.view.wait_ns, 1);

	limit_state_refund(ask.state, 1);
	assert_true(limit_decide(&ask, 1, start));
	for (int i = 0; i < 5; i++)
		limit_state_settle(ask.state, &spec, 1, START + 50 * SECOND);
	assert_false(limit_decide(&ask, 1, after(110 * SECOND - 1)));
	assert_true(limit_decide(&ask, 1, after(110 * SECOND)));
}

/* Requests and answers of every strategy in random order: never more than N matching ones in a window. */
static void no_interleaving_produces_more_matching_answers_than_the_limit(void **state)
{
	static uint64_t produced[20000];

	for (int strategy = LIMIT_SLIDING_WINDOW; strategy <= LIMIT_MOVING_WINDOW; strategy++) {
		struct limit_spec spec = spec_of(strategy, 7, 1000);
		struct limit_ask ask;
		uint64_t now_ns = START, random = strategy, in_flight = 0, len = 0, most;

		spec.burst = 7;
		ask = ask_of(&spec);
		ask.holds = true;
		for (int i = 0; i < 20000; i++) {
			now_ns += random_next(&random) % 60;
			if (random_next(&random) % 2) {
				in_flight +=
					limit_decide(&ask, 1, (struct limit_moment){now_ns, 1});
			} else if (in_flight && in_flight--) {
				if (random_next(&random) % 3 == 0) {
					limit_state_refund(ask.state, 1);
					continue;
				}
				limit_state_settle(ask.state, &spec, 1, now_ns);
				produced[len++] = now_ns;
			}
		}
		assert_true(len > 100);
		/* A fixed window and a burst let twice as much through around an edge, never more. */
		most = strategy == LIMIT_FIXED_WINDOW || strategy == LIMIT_TOKEN_BUCKET ? 14 : 7;
		for (uint64_t i = most; i < len; i++)
			assert_true(produced[i] - produced[i - most] >= 1000);
	}
}

static void what_a_dead_process_held_is_counted(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 2, SECOND);
	struct limit_ask ask = ask_of(&spec);
	struct limit_moment reborn = {START + SECOND, 2};

	ask.holds = true;
	assert_true(limit_decide(&ask, 1, start));
	assert_true(limit_decide(&ask, 1, start));
	assert_false(limit_state_rests(ask.state, after(10 * SECOND)));
	limit_state_prepare(ask.state, 2048, &spec, reborn);
	assert_false(limit_decide(&ask, 1, (struct limit_moment){START + 2 * SECOND - 1, 2}));
	assert_true(limit_decide(&ask, 1, (struct limit_moment){START + 2 * SECOND, 2}));
}

static void a_state_rests_only_when_nothing_is_counted(void **state)
{
	for (int strategy = LIMIT_SLIDING_WINDOW; strategy <= LIMIT_MOVING_WINDOW; strategy++) {
		struct limit_spec spec = spec_of(strategy, 10, SECOND);
		struct limit_ask ask;
		uint64_t reset_ns;

		spec.burst = 40;
		ask = ask_of(&spec);
		ask.cost = 10;
		do
			reset_ns = ask.view.reset_ns;
		while (limit_decide(&ask, 1, start));
		assert_true(reset_ns > START);
		assert_false(limit_state_rests(ask.state, (struct limit_moment){reset_ns - 1, 1}));
		assert_true(limit_state_rests(ask.state, (struct limit_moment){reset_ns + 1, 1}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sliding_window_and_token_bucket_charge_all_or_none),
		cmocka_unit_test(
			flask_strategies_stop_at_the_first_breach_and_keep_what_came_before),
		cmocka_unit_test(a_mixed_route_charges_none_when_refused),
		cmocka_unit_test(a_dry_run_refuses_nobody_and_says_what_it_would_have_done),
		cmocka_unit_test(a_peek_costs_nothing),
		cmocka_unit_test(a_cost_is_charged_whole),
		cmocka_unit_test(a_thousand_at_once_do_not_slip_past_a_limit_that_counts_answers),
		cmocka_unit_test(no_interleaving_produces_more_matching_answers_than_the_limit),
		cmocka_unit_test(what_a_dead_process_held_is_counted),
		cmocka_unit_test(a_state_rests_only_when_nothing_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
