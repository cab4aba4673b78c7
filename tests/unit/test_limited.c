/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/limited.h"

#define SECOND 1000000000ull

static const struct sl_secret secret = {{1, 2}};

static struct sl_source source(uint32_t number)
{
	struct sl_source made = {{SL_NOT_IPV6, SL_FAMILY_IPV4}};

	for (int i = 0; i < 4; i++)
		made.byte[12 + i] = (uint8_t)(number >> 8 * i);
	return made;
}

static bool watch(struct limited *limited, uint32_t number, uint64_t dropped, uint64_t now_ns)
{
	struct sl_source who = source(number);
	struct sl_tracked tracked = {.event_ns = 100 * SECOND, .dropped.packets = dropped};

	return limited_watch(limited, &who, &tracked, now_ns);
}

static void a_source_quiet_for_ten_seconds_has_stopped_and_not_1ns_sooner(void **state)
{
	struct limited *limited = *state;

	assert_false(watch(limited, 1, 5, 100 * SECOND));
	assert_false(watch(limited, 1, 5, 110 * SECOND - 1));
	assert_true(watch(limited, 1, 5, 110 * SECOND));
}

static void a_stop_is_told_once(void **state)
{
	struct limited *limited = *state;

	watch(limited, 1, 5, 100 * SECOND);
	assert_true(watch(limited, 1, 5, 110 * SECOND));
	assert_false(watch(limited, 1, 5, 111 * SECOND));
	assert_false(watch(limited, 1, 5, 130 * SECOND));
}

static void a_drop_in_between_begins_the_ten_seconds_anew(void **state)
{
	struct limited *limited = *state;

	watch(limited, 1, 5, 100 * SECOND);
	assert_false(watch(limited, 1, 6, 109 * SECOND));
	assert_false(watch(limited, 1, 6, 119 * SECOND - 1));
	assert_true(watch(limited, 1, 6, 119 * SECOND));
}

static void a_source_that_offends_again_stops_again(void **state)
{
	struct limited *limited = *state;

	watch(limited, 1, 5, 100 * SECOND);
	assert_true(watch(limited, 1, 5, 110 * SECOND));
	assert_false(watch(limited, 1, 9, 120 * SECOND));
	assert_true(watch(limited, 1, 9, 130 * SECOND));
}

static void what_an_earlier_agent_saw_stop_is_not_told_again(void **state)
{
	struct limited *limited = *state;

	watch(limited, 1, 5, 100 * SECOND + LIMITED_OLD_NS + 1);
	assert_false(watch(limited, 1, 5, 1000 * SECOND));
}

static void leaving_owes_the_stop_only_if_it_was_not_told(void **state)
{
	struct limited *limited = *state;
	struct sl_source first = source(1), second = source(2), third = source(3);

	watch(limited, 1, 5, 100 * SECOND);
	watch(limited, 2, 5, 100 * SECOND);
	watch(limited, 2, 5, 110 * SECOND);

	assert_true(limited_drop(limited, &first));
	assert_false(limited_drop(limited, &first));
	assert_false(limited_drop(limited, &second));
	assert_false(limited_drop(limited, &third));
}

static void a_thousand_sources_leave_in_another_order_and_none_is_mixed_up(void **state)
{
	struct limited *limited = *state;

	for (uint32_t i = 0; i < 1000; i++)
		assert_false(watch(limited, i, i, 100 * SECOND));
	for (uint32_t i = 0; i < 1000; i += 2) {
		struct sl_source who = source(i);

		assert_true(limited_drop(limited, &who));
	}
	for (uint32_t i = 1; i < 1000; i += 2)
		assert_true(watch(limited, i, i, 110 * SECOND));
	for (uint32_t i = 0; i < 1000; i += 2)
		assert_false(watch(limited, i, i, 110 * SECOND));
}

static int setup(void **state)
{
	struct limited *limited = NULL;
	int error = limited_new(&secret, &limited);

	*state = limited;
	return error;
}

static int teardown(void **state)
{
	limited_free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_source_quiet_for_ten_seconds_has_stopped_and_not_1ns_sooner),
		TEST(a_stop_is_told_once),
		TEST(a_drop_in_between_begins_the_ten_seconds_anew),
		TEST(a_source_that_offends_again_stops_again),
		TEST(what_an_earlier_agent_saw_stop_is_not_told_again),
		TEST(leaving_owes_the_stop_only_if_it_was_not_told),
		TEST(a_thousand_sources_leave_in_another_order_and_none_is_mixed_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
