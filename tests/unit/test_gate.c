/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/gate.h"

struct waiting {
	struct gate_waiter waiter;
	unsigned granted;
};

static unsigned order; /* of grants */

static void granted(struct gate_waiter *waiter)
{
	((struct waiting *)waiter)->granted = ++order;
}

static struct waiting new_waiting(void)
{
	return (struct waiting){.waiter.granted = granted};
}

static struct gate gate;

static int begin(void **state)
{
	(void)state;
	gate_init(&gate);
	gate_set(&gate, 2, 2);
	order = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	gate_destroy(&gate);
	return 0;
}

static void as_many_enter_as_may_and_the_next_wait(void **state)
{
	struct waiting w[5] = {new_waiting(), new_waiting(), new_waiting(), new_waiting(),
			       new_waiting()};

	(void)state;
	assert_int_equal(gate_enter(&gate, &w[0].waiter), GATE_IN);
	assert_int_equal(gate_enter(&gate, &w[1].waiter), GATE_IN);
	assert_int_equal(gate_enter(&gate, &w[2].waiter), GATE_WAIT);
	assert_int_equal(gate_enter(&gate, &w[3].waiter), GATE_WAIT);
	assert_int_equal(gate_enter(&gate, &w[4].waiter), GATE_FULL);
	assert_int_equal(order, 0);
}

static void who_waits_longest_has_the_next_slot(void **state)
{
	struct waiting in = new_waiting(), first = new_waiting(), second = new_waiting();

	(void)state;
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &first.waiter);
	(void)gate_enter(&gate, &second.waiter);
	gate_leave(&gate);
	assert_int_equal(first.granted, 1);
	assert_int_equal(second.granted, 0);
	gate_leave(&gate);
	assert_int_equal(second.granted, 2);
}

static void who_waits_no_longer_is_passed_over(void **state)
{
	struct waiting in = new_waiting(), first = new_waiting(), second = new_waiting();

	(void)state;
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &first.waiter);
	(void)gate_enter(&gate, &second.waiter);
	assert_true(gate_cancel(&gate, &first.waiter));
	gate_leave(&gate);
	assert_int_equal(first.granted, 0);
	assert_int_equal(second.granted, 1);
	assert_false(gate_cancel(&gate, &second.waiter));
}

static void slots_are_given_back_exactly(void **state)
{
	struct waiting w = new_waiting();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(gate_enter(&gate, &w.waiter), GATE_IN);
		gate_leave(&gate);
	}
	assert_int_equal(gate.in_use, 0);
}

static void a_larger_cap_lets_those_who_wait_in_at_once(void **state)
{
	struct waiting in = new_waiting(), first = new_waiting(), second = new_waiting();

	(void)state;
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &in.waiter);
	(void)gate_enter(&gate, &first.waiter);
	(void)gate_enter(&gate, &second.waiter);
	gate_set(&gate, 3, 2);
	assert_int_equal(first.granted, 1);
	assert_int_equal(second.granted, 0);
	gate_set(&gate, 0, 2); /* no cap */
	assert_int_equal(second.granted, 2);
}

static void without_a_cap_nobody_waits(void **state)
{
	struct waiting w = new_waiting();

	(void)state;
	gate_set(&gate, 0, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(gate_enter(&gate, &w.waiter), GATE_IN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_many_enter_as_may_and_the_next_wait, begin, end),
		cmocka_unit_test_setup_teardown(who_waits_longest_has_the_next_slot, begin, end),
		cmocka_unit_test_setup_teardown(who_waits_no_longer_is_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(slots_are_given_back_exactly, begin, end),
		cmocka_unit_test_setup_teardown(a_larger_cap_lets_those_who_wait_in_at_once, begin,
						end),
		cmocka_unit_test_setup_teardown(without_a_cap_nobody_waits, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
