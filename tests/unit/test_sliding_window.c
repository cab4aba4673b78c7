/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include <stdlib.h>

#include "limit/sliding_window.h"

#define DAY (86400 * SECOND)

static bool let_in(struct sliding_window *window, const struct limit_spec *spec, uint64_t cost,
		   uint64_t now_ns)
{
	if (!sliding_window_fits(window, spec, cost, now_ns))
		return false;
	sliding_window_take(window, spec, cost, now_ns);
	return true;
}

/* The definition, by a log of everything let in and its cost. */
struct trace {
	uint64_t *at_ns;
	uint64_t *cost;
	size_t first; /* not yet W old */
	size_t len;
	uint64_t sum;
};

static uint64_t truly_counted(struct trace *trace, uint64_t window_ns, uint64_t now_ns)
{
	while (trace->first < trace->len && trace->at_ns[trace->first] + window_ns <= now_ns)
		trace->sum -= trace->cost[trace->first++];
	return trace->sum;
}

static void add(struct trace *trace, uint64_t cost, uint64_t now_ns)
{
	trace->at_ns[trace->len] = now_ns;
	trace->cost[trace->len++] = cost;
	trace->sum += cost;
}

/* Steps and costs such that the limit is met and left again many times, with runs in one instant. */
static void holds_the_definition(uint64_t count, uint64_t window_ns, uint64_t seed)
{
	const size_t steps = 20000;
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, count, window_ns);
	struct sliding_window window = {0};
	struct trace trace = {calloc(steps, 8), calloc(steps, 8), 0, 0, 0};
	uint64_t cost_max = count / 2000 + 1;
	uint64_t now_ns = START;
	uint64_t random = seed;

	for (size_t i = 0; i < steps; i++) {
		uint64_t pace = random_next(&random) % 4;
		uint64_t cost = random_next(&random) % (cost_max + 1) + (cost_max == 1);
		uint64_t sum;

		now_ns += pace * (random_next(&random) % (window_ns / 1000 + 2));
		if (random_next(&random) % 500 == 0)
			now_ns += window_ns / 3;
		sum = truly_counted(&trace, window_ns, now_ns) + cost;
		if (let_in(&window, &spec, cost, now_ns)) {
			assert_true(sum <= count);
			add(&trace, cost, now_ns);
		} else {
			assert_true(sum > count - count / 50);
		}
	}
	free(trace.at_ns);
	free(trace.cost);
}

static void every_decision_is_within_the_definition(void **state)
{
	static const uint64_t counts[] = {1,   2,    3,	   20,	  49,	 50,	51,	99,
					  100, 101,  149,  150,	  199,	 200,	201,	333,
					  999, 1000, 1001, 10000, 12345, 99999, 1000000};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			holds_the_definition(counts[i], 60 * SECOND, seed);
			holds_the_definition(counts[i], DAY, seed + 100);
			holds_the_definition(counts[i], 1, seed + 200);
		}
}

static void up_to_100_is_exact_to_the_nanosecond(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 100, 60 * SECOND);
	struct sliding_window window = {0};

	for (uint64_t i = 0; i < 100; i++)
		assert_true(let_in(&window, &spec, 1, START + i));
	assert_false(let_in(&window, &spec, 1, START + 60 * SECOND - 1));
	for (uint64_t i = 0; i < 100; i++) {
		assert_true(let_in(&window, &spec, 1, START + 60 * SECOND + i));
		assert_false(let_in(&window, &spec, 1, START + 60 * SECOND + i));
	}
}

static void a_million_in_one_instant_are_a_million_and_not_one_more(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 1000000, DAY);
	struct sliding_window window = {0};

	for (int i = 0; i < 1000000; i++)
		assert_true(let_in(&window, &spec, 1, START));
	assert_false(let_in(&window, &spec, 1, START + DAY - 1));
	assert_true(let_in(&window, &spec, 1000000, START + DAY));
	assert_false(let_in(&window, &spec, 1, START + DAY));
}

static void what_is_refused_does_not_count(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 1, SECOND);
	struct sliding_window window = {0};

	assert_true(let_in(&window, &spec, 1, START));
	for (uint64_t i = 1; i < 10; i++)
		assert_false(let_in(&window, &spec, 1, START + i * SECOND / 10));
	assert_true(let_in(&window, &spec, 1, START + SECOND));
}

static void a_count_of_zero_lets_nothing_in_but_a_peek(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 0, SECOND);
	struct sliding_window window = {0};

	assert_false(let_in(&window, &spec, 1, START));
	assert_true(let_in(&window, &spec, 0, START));
	assert_int_equal(sliding_window_view(&window, &spec, 1, START).wait_ns, LIMIT_NEVER);
}

static void the_wait_is_over_when_the_cost_fits_and_not_1ns_sooner(void **state)
{
	static const uint64_t counts[] = {1, 10, 100, 1000, 1000000};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, counts[i], DAY);
		struct sliding_window window = {0};
		uint64_t now_ns = START;

		for (uint64_t n = 0; n < counts[i]; n++)
			assert_true(let_in(&window, &spec, 1, now_ns += n % 7));
		for (uint64_t cost = 1; cost <= counts[i]; cost = cost * 3 + 1) {
			uint64_t wait_ns =
				sliding_window_view(&window, &spec, cost, now_ns).wait_ns;

			assert_true(sliding_window_fits(&window, &spec, cost, now_ns + wait_ns));
			assert_false(
				sliding_window_fits(&window, &spec, cost, now_ns + wait_ns - 1));
		}
	}
}

static void remaining_and_reset_follow_what_is_counted(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 5, 10 * SECOND);
	struct sliding_window window = {0};
	struct limit_view view = sliding_window_view(&window, &spec, 1, START);

	assert_int_equal(view.remaining, 5);
	assert_int_equal(view.reset_ns, START);
	assert_true(let_in(&window, &spec, 1, START));
	assert_true(let_in(&window, &spec, 3, START + SECOND));
	view = sliding_window_view(&window, &spec, 2, START + 2 * SECOND);
	assert_int_equal(view.remaining, 1);
	assert_int_equal(view.reset_ns, START + 10 * SECOND);
	assert_int_equal(view.wait_ns, 8 * SECOND);
}

static void an_older_clock_reading_grants_nothing(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 2, SECOND);
	struct sliding_window window = {0};

	assert_true(let_in(&window, &spec, 1, START));
	assert_true(let_in(&window, &spec, 1, START - 500));
	assert_false(let_in(&window, &spec, 1, START + SECOND - 1));
	assert_true(let_in(&window, &spec, 2, START + SECOND));
}

/* Any two counts, one after the other: never more than the present one in a window, never for ever less. */
static void another_count_keeps_what_was_counted(void **state)
{
	static const uint64_t counts[] = {1, 7, 100, 101, 250, 1000, 99999, 1000000};
	const size_t n = sizeof(counts) / sizeof(*counts);

	for (size_t i = 0; i < n * n; i++) {
		struct limit_spec old = spec_of(LIMIT_SLIDING_WINDOW, counts[i / n], DAY);
		struct limit_spec new = spec_of(LIMIT_SLIDING_WINDOW, counts[i % n], DAY);
		struct sliding_window window = {0};
		uint64_t used = counts[i / n] / 2 + 1;
		uint64_t now_ns = START;
		uint64_t more = 0;

		for (uint64_t k = 0; k < used; k++)
			assert_true(let_in(&window, &old, 1, now_ns += 3));
		while (let_in(&window, &new, 1, now_ns += 3))
			more++;
		assert_int_equal(more, used < new.count ? new.count - used : 0);
		assert_true(let_in(&window, &new, new.count, now_ns + DAY));
	}
}

static void a_state_left_in_the_middle_of_regrouping_is_full_until_it_leaves(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 1000, SECOND);
	struct sliding_window window = {0};

	assert_true(let_in(&window, &spec, 5, START));
	window.group = 0;
	assert_false(let_in(&window, &spec, 1, START + SECOND - 1));
	assert_true(let_in(&window, &spec, 1000, START + SECOND));
}

static void a_state_of_any_bytes_stays_within_its_memory(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, 12345, SECOND);
	uint64_t random = 7;

	for (int i = 0; i < 20000; i++) {
		struct sliding_window window;
		uint64_t *word = (uint64_t *)&window;

		for (size_t k = 0; k < sizeof(window) / 8; k++)
			word[k] = random_next(&random) << 31 ^ random_next(&random);
		window.group = random_next(&random) % 300;
		(void)let_in(&window, &spec, random_next(&random) % 999, word[5]);
		(void)sliding_window_view(&window, &spec, 9, word[6]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision_is_within_the_definition),
		cmocka_unit_test(up_to_100_is_exact_to_the_nanosecond),
		cmocka_unit_test(a_million_in_one_instant_are_a_million_and_not_one_more),
		cmocka_unit_test(what_is_refused_does_not_count),
		cmocka_unit_test(a_count_of_zero_lets_nothing_in_but_a_peek),
		cmocka_unit_test(the_wait_is_over_when_the_cost_fits_and_not_1ns_sooner),
		cmocka_unit_test(remaining_and_reset_follow_what_is_counted),
		cmocka_unit_test(an_older_clock_reading_grants_nothing),
		cmocka_unit_test(another_count_keeps_what_was_counted),
		cmocka_unit_test(a_state_left_in_the_middle_of_regrouping_is_full_until_it_leaves),
		cmocka_unit_test(a_state_of_any_bytes_stays_within_its_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
