/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include <stdlib.h>

#include "limit/moving_window.h"

static struct moving_window *window_with(uint64_t room)
{
	struct moving_window *window = calloc(1, moving_window_bytes(room));

	window->room = room;
	return window;
}

static bool let_in(struct moving_window *window, const struct limit_spec *spec, uint64_t cost,
		   uint64_t now_ns)
{
	if (!moving_window_fits(window, spec, cost, now_ns))
		return false;
	moving_window_take(window, cost, now_ns);
	return true;
}

/* Every admission of the trace still in [t - W, t], counted afresh each time. */
static void every_decision_is_that_of_the_whole_log(void **state)
{
	static const uint64_t counts[] = {1, 2, 10, 100, 1000};
	static uint64_t log[40000];

	for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++) {
		struct limit_spec spec = spec_of(LIMIT_MOVING_WINDOW, counts[k], 1000);
		struct moving_window *window = window_with(counts[k] + k);
		uint64_t now_ns = START, random = k;
		size_t len = 0;

		for (int i = 0; i < 10000; i++) {
			uint64_t cost = 1 + random_next(&random) % 3;
			uint64_t counted = 0;
			bool in;

			now_ns += random_next(&random) % (3000 / counts[k] + 2);
			for (size_t at = len; at && log[at - 1] + 1000 >= now_ns; at--)
				counted++;
			in = let_in(window, &spec, cost, now_ns);
			assert_int_equal(in, counted + cost <= counts[k]);
			for (uint64_t n = 0; in && n < cost; n++)
				log[len++] = now_ns;
			counted += in ? cost : 0;
			assert_int_equal(moving_window_view(window, &spec, 1, now_ns).remaining,
					 counts[k] - counted);
		}
		free(window);
	}
}

static void one_that_is_as_old_as_the_window_still_counts(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_MOVING_WINDOW, 1, SECOND);
	struct moving_window *window = window_with(1);

	assert_true(let_in(window, &spec, 1, START));
	assert_false(let_in(window, &spec, 1, START + SECOND));
	assert_int_equal(moving_window_view(window, &spec, 1, START + SECOND).wait_ns, 1);
	assert_true(let_in(window, &spec, 1, START + SECOND + 1));
	free(window);
}

static void a_smaller_count_meets_the_newest_of_the_log(void **state)
{
	struct limit_spec old = spec_of(LIMIT_MOVING_WINDOW, 8, SECOND);
	struct limit_spec new = spec_of(LIMIT_MOVING_WINDOW, 2, SECOND);
	struct moving_window *window = window_with(8);

	for (uint64_t i = 0; i < 8; i++)
		assert_true(let_in(window, &old, 1, START + i));
	assert_false(let_in(window, &new, 1, START + 6 + SECOND));
	assert_true(let_in(window, &new, 1, START + 7 + SECOND));
	free(window);
}

static void a_cost_above_the_count_never_fits(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_MOVING_WINDOW, 2, SECOND);
	struct moving_window *window = window_with(2);

	assert_false(let_in(window, &spec, 3, START));
	assert_int_equal(moving_window_view(window, &spec, 3, START).wait_ns, LIMIT_NEVER);
	free(window);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision_is_that_of_the_whole_log),
		cmocka_unit_test(one_that_is_as_old_as_the_window_still_counts),
		cmocka_unit_test(a_smaller_count_meets_the_newest_of_the_log),
		cmocka_unit_test(a_cost_above_the_count_never_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
