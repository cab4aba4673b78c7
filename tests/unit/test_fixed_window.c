/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit_fixture.h"

#include "limit/fixed_window.h"

static void the_window_begins_at_the_first_hit(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_FIXED_WINDOW, 2, SECOND);
	struct fixed_window window = {0};

	assert_true(fixed_window_hit(&window, &spec, 1, START));
	assert_true(fixed_window_hit(&window, &spec, 1, START + SECOND / 2));
	assert_false(fixed_window_hit(&window, &spec, 1, START + SECOND - 1));
	assert_true(fixed_window_hit(&window, &spec, 1, START + SECOND));
	assert_int_equal(fixed_window_view(&window, &spec, 1, START + SECOND).reset_ns,
			 START + 2 * SECOND);
}

static void refused_hits_count(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_FIXED_WINDOW, 3, SECOND);
	struct fixed_window window = {0};

	assert_true(fixed_window_hit(&window, &spec, 2, START));
	assert_false(fixed_window_hit(&window, &spec, 2, START));
	assert_false(fixed_window_fits(&window, &spec, 1, START));
	assert_int_equal(fixed_window_view(&window, &spec, 1, START).remaining, 0);
}

static void the_wait_ends_with_the_window_or_never(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_FIXED_WINDOW, 3, SECOND);
	struct fixed_window window = {0};

	assert_int_equal(fixed_window_view(&window, &spec, 3, START).wait_ns, 0);
	assert_true(fixed_window_hit(&window, &spec, 1, START));
	assert_int_equal(fixed_window_view(&window, &spec, 2, START + 5).wait_ns, 0);
	assert_int_equal(fixed_window_view(&window, &spec, 3, START + 5).wait_ns, SECOND - 5);
	assert_int_equal(fixed_window_view(&window, &spec, 4, START + 5).wait_ns, LIMIT_NEVER);
}

static void hits_stop_at_their_maximum(void **state)
{
	struct limit_spec spec = spec_of(LIMIT_FIXED_WINDOW, 3, SECOND);
	struct fixed_window window = {.end_ns = START + SECOND, .hits = UINT64_MAX - 1};

	assert_false(fixed_window_hit(&window, &spec, 2, START));
	assert_false(fixed_window_hit(&window, &spec, 1, START));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_begins_at_the_first_hit),
		cmocka_unit_test(refused_hits_count),
		cmocka_unit_test(the_wait_ends_with_the_window_or_never),
		cmocka_unit_test(hits_stop_at_their_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
