/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks, and bytes that wait in them (http/memory.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/memory.h"

static struct budget budget;
static struct memory memory;
static unsigned asked;

static int begin(void **state)
{
	(void)state;
	budget = (struct budget){.max = 1 << 20};
	memory = (struct memory){.budget = &budget};
	asked = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	memory_trim(&memory);
	assert_int_equal(budget.used, 0);
	return 0;
}

static struct bytes filled(size_t len, char byte)
{
	static char text[BLOCK_MAX + 1];

	memset(text, byte, len);
	return (struct bytes){text, len};
}

static void bytes_come_back_in_order_however_they_grow(void **state)
{
	struct held held = {0};
	size_t total = 0;

	(void)state;
	for (char byte = 'a'; byte <= 'z'; byte++) {
		assert_true(held_add(&held, &memory, filled((size_t)(byte - 'a') * 100 + 1, byte)));
		total += (size_t)(byte - 'a') * 100 + 1;
	}
	assert_int_equal(held_bytes(&held).len, total);
	for (char byte = 'a'; byte <= 'z'; byte++) {
		size_t len = (size_t)(byte - 'a') * 100 + 1;

		assert_memory_equal(held_bytes(&held).at, filled(len, byte).at, len);
		held_drop(&held, &memory, len);
	}
	assert_null(held.block);
}

static void room_that_was_dropped_is_used_again(void **state)
{
	struct held held = {0};

	(void)state;
	assert_true(held_add(&held, &memory, filled(1000, 'a')));
	for (int i = 0; i < 1000; i++) {
		held_drop(&held, &memory, 900);
		assert_true(held_add(&held, &memory, filled(900, 'b')));
	}
	assert_int_equal(held.block->room, 1024);
	held_free(&held, &memory);
}

static void the_largest_block_is_the_end(void **state)
{
	struct held held = {0};

	(void)state;
	assert_true(held_add(&held, &memory, filled(BLOCK_MAX, 'a')));
	assert_false(held_add(&held, &memory, filled(1, 'a')));
	assert_int_equal(held_bytes(&held).len, BLOCK_MAX);
	held_free(&held, &memory);
}

static void what_does_not_fit_the_total_is_refused_and_nothing_is_lost(void **state)
{
	struct held held = {0};

	(void)state;
	budget.max = 2000;
	assert_true(held_add(&held, &memory, filled(1000, 'a')));
	assert_false(held_add(&held, &memory, filled(1000, 'a')));
	assert_int_equal(held_bytes(&held).len, 1000);
	held_free(&held, &memory);
}

static bool raise_total(struct memory *starved)
{
	asked++;
	starved->budget->max += 10000;
	return true;
}

static void memory_that_can_be_spared_is_asked_for_before_refusing(void **state)
{
	struct held held = {0};

	(void)state;
	budget.max = 0;
	memory.starved = raise_total;
	assert_true(held_add(&held, &memory, filled(100, 'a')));
	assert_int_equal(asked, 1);
	held_free(&held, &memory);
}

static void a_freed_block_is_the_next_one_taken(void **state)
{
	struct block *first = memory_block(&memory, 100), *second;
	uint64_t used = budget.used;

	(void)state;
	memory_give(&memory, first);
	second = memory_block(&memory, 1024);
	assert_ptr_equal(first, second);
	assert_int_equal(budget.used, used);
	memory_give(&memory, second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_come_back_in_order_however_they_grow, begin,
						end),
		cmocka_unit_test_setup_teardown(room_that_was_dropped_is_used_again, begin, end),
		cmocka_unit_test_setup_teardown(the_largest_block_is_the_end, begin, end),
		cmocka_unit_test_setup_teardown(
			what_does_not_fit_the_total_is_refused_and_nothing_is_lost, begin, end),
		cmocka_unit_test_setup_teardown(
			memory_that_can_be_spared_is_asked_for_before_refusing, begin, end),
		cmocka_unit_test_setup_teardown(a_freed_block_is_the_next_one_taken, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
