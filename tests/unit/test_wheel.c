/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/wheel.h"

#define START_NS (1000 * WHEEL_TICK_NS)

struct probe {
	struct wheel_timer timer;
	unsigned expired;
	uint64_t at_ns;
	struct wheel *wheel;
	struct wheel_timer *other; /* cancelled when this one expires */
};

static void expired(struct wheel_timer *timer, uint64_t now_ns)
{
	struct probe *probe = (struct probe *)timer;

	probe->expired++;
	probe->at_ns = now_ns;
	if (probe->other)
		wheel_cancel(probe->other);
}

static struct probe new_probe(struct wheel *wheel)
{
	return (struct probe){.timer.expired = expired, .wheel = wheel};
}

/* Time goes on tick by tick until to_ns. */
static void run_until(struct wheel *wheel, uint64_t from_ns, uint64_t to_ns)
{
	for (uint64_t now_ns = from_ns; now_ns < to_ns; now_ns += WHEEL_TICK_NS)
		wheel_advance(wheel, now_ns);
	wheel_advance(wheel, to_ns);
}

static struct wheel wheel;

static void a_timer_expires_within_a_tick_after_its_deadline_and_never_before(void **state)
{
	struct probe probe = new_probe(&wheel);
	uint64_t deadline_ns = START_NS + 10 * WHEEL_TICK_NS + 1;

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, deadline_ns);
	run_until(&wheel, START_NS, deadline_ns - 1);
	assert_int_equal(probe.expired, 0);
	wheel_advance(&wheel, deadline_ns + WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

static void a_timer_expires_once(void **state)
{
	struct probe probe = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, START_NS + WHEEL_TICK_NS);
	run_until(&wheel, START_NS, START_NS + 3000 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

static void a_timer_that_is_put_off_expires_at_the_later_deadline(void **state)
{
	struct probe probe = new_probe(&wheel);
	uint64_t later_ns = START_NS + 50 * WHEEL_TICK_NS;

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, START_NS + 5 * WHEEL_TICK_NS);
	wheel_set(&wheel, &probe.timer, later_ns);
	run_until(&wheel, START_NS, later_ns - 1);
	assert_int_equal(probe.expired, 0);
	run_until(&wheel, later_ns, later_ns + 2 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

static void a_timer_that_is_brought_forward_expires_at_the_earlier_deadline(void **state)
{
	struct probe probe = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, START_NS + 500 * WHEEL_TICK_NS);
	wheel_set(&wheel, &probe.timer, START_NS + 5 * WHEEL_TICK_NS);
	run_until(&wheel, START_NS, START_NS + 7 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

static void a_deadline_beyond_one_turn_is_waited_for(void **state)
{
	struct probe probe = new_probe(&wheel);
	uint64_t deadline_ns = START_NS + (3 * WHEEL_SLOTS + 7) * WHEEL_TICK_NS;

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, deadline_ns);
	run_until(&wheel, START_NS, deadline_ns - 1);
	assert_int_equal(probe.expired, 0);
	run_until(&wheel, deadline_ns, deadline_ns + 2 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

static void after_a_long_pause_all_that_is_due_expires(void **state)
{
	struct probe near = new_probe(&wheel), far = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &near.timer, START_NS + 3 * WHEEL_TICK_NS);
	wheel_set(&wheel, &far.timer, START_NS + 900 * WHEEL_TICK_NS);
	wheel_advance(&wheel, START_NS + 100000 * WHEEL_TICK_NS);
	assert_int_equal(near.expired, 1);
	assert_int_equal(far.expired, 1);
}

static void a_cancelled_timer_never_expires(void **state)
{
	struct probe probe = new_probe(&wheel), neighbour = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, START_NS + WHEEL_TICK_NS);
	wheel_set(&wheel, &neighbour.timer, START_NS + WHEEL_TICK_NS);
	wheel_cancel(&probe.timer);
	wheel_cancel(&probe.timer);
	run_until(&wheel, START_NS, START_NS + 10 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 0);
	assert_int_equal(neighbour.expired, 1);
}

static void one_that_expires_may_cancel_another_of_the_same_tick(void **state)
{
	struct probe first = new_probe(&wheel), second = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &first.timer, START_NS + WHEEL_TICK_NS);
	wheel_set(&wheel, &second.timer, START_NS + WHEEL_TICK_NS);
	first.other = &second.timer;
	second.other = &first.timer;
	run_until(&wheel, START_NS, START_NS + 10 * WHEEL_TICK_NS);
	assert_int_equal(first.expired + second.expired, 1);
}

static void a_deadline_of_never_never_comes(void **state)
{
	struct probe probe = new_probe(&wheel);

	(void)state;
	wheel_begin(&wheel, START_NS);
	wheel_set(&wheel, &probe.timer, START_NS + WHEEL_TICK_NS);
	wheel_set(&wheel, &probe.timer, WHEEL_NEVER);
	run_until(&wheel, START_NS, START_NS + 5000 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 0);
	wheel_set(&wheel, &probe.timer, START_NS + 5001 * WHEEL_TICK_NS);
	run_until(&wheel, START_NS + 5000 * WHEEL_TICK_NS, START_NS + 5003 * WHEEL_TICK_NS);
	assert_int_equal(probe.expired, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_expires_within_a_tick_after_its_deadline_and_never_before),
		cmocka_unit_test(a_timer_expires_once),
		cmocka_unit_test(a_timer_that_is_put_off_expires_at_the_later_deadline),
		cmocka_unit_test(a_timer_that_is_brought_forward_expires_at_the_earlier_deadline),
		cmocka_unit_test(a_deadline_beyond_one_turn_is_waited_for),
		cmocka_unit_test(after_a_long_pause_all_that_is_due_expires),
		cmocka_unit_test(a_cancelled_timer_never_expires),
		cmocka_unit_test(one_that_expires_may_cancel_another_of_the_same_tick),
		cmocka_unit_test(a_deadline_of_never_never_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
