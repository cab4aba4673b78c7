/* SPDX-License-Identifier: BSD-2-Clause */
/* The threads of the last test are also meant for ThreadSanitizer, as those of test_limit_table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "quota/turnstile.h"

#define THREADS 8
#define ROUNDS	20000

static struct turnstile *turnstile;

static int begin(void **state)
{
	static const struct siphash_secret secret = {{1, 2}};

	return turnstile_new(&secret, &turnstile);
}

static int end(void **state)
{
	turnstile_free(turnstile);
	return 0;
}

struct person {
	struct turnstile_guest guest;
	unsigned woken;
};

static void wake(struct turnstile_guest *guest)
{
	((struct person *)(void *)guest)->woken++;
}

static enum turnstile_result enter(struct person *person, uint64_t client, uint32_t max, bool waits)
{
	const struct turnstile_rules rules = {{.scope = client}, max, waits};

	*person = (struct person){.guest = {.woken = wake}};
	return turnstile_enter(turnstile, &person->guest, &rules);
}

static void leave(struct person *person)
{
	turnstile_leave(turnstile, &person->guest);
}

static void so_many_of_one_client_are_in_and_another_is_not_concerned(void **state)
{
	struct person one, two, three, other;

	assert_int_equal(enter(&one, 1, 2, false), TURNSTILE_IN);
	assert_int_equal(enter(&two, 1, 2, false), TURNSTILE_IN);
	assert_int_equal(enter(&three, 1, 2, false), TURNSTILE_FULL);
	assert_int_equal(enter(&other, 2, 2, false), TURNSTILE_IN);
	leave(&one);
	assert_int_equal(enter(&three, 1, 2, false), TURNSTILE_IN);
	leave(&two);
	leave(&three);
	leave(&other);
}

static void who_waits_comes_in_in_order_and_nobody_overtakes(void **state)
{
	struct person in, first, second, late;

	assert_int_equal(enter(&in, 1, 1, true), TURNSTILE_IN);
	assert_int_equal(enter(&first, 1, 1, true), TURNSTILE_WAIT);
	assert_int_equal(enter(&second, 1, 1, true), TURNSTILE_WAIT);
	leave(&in);
	assert_int_equal(first.woken, 1);
	assert_int_equal(second.woken, 0);
	assert_int_equal(enter(&late, 1, 1, false), TURNSTILE_FULL);
	assert_int_equal(turnstile_retry(turnstile, &second.guest), TURNSTILE_WAIT);
	assert_int_equal(turnstile_retry(turnstile, &first.guest), TURNSTILE_IN);
	leave(&first);
	assert_int_equal(second.woken, 1);
	assert_int_equal(turnstile_retry(turnstile, &second.guest), TURNSTILE_IN);
	leave(&second);
}

static void who_steps_back_is_the_first_again(void **state)
{
	struct person one, two;

	assert_int_equal(enter(&one, 1, 0, true), TURNSTILE_IN);
	assert_true(turnstile_step_back(turnstile, &one.guest));
	assert_int_equal(enter(&two, 1, 0, true), TURNSTILE_WAIT);
	assert_int_equal(turnstile_retry(turnstile, &two.guest), TURNSTILE_WAIT);
	assert_int_equal(turnstile_retry(turnstile, &one.guest), TURNSTILE_IN);
	turnstile_next(turnstile, &one.guest);
	assert_int_equal(two.woken, 1);
	leave(&one);
	leave(&two);
}

static void who_leaves_the_queue_makes_way_for_the_next(void **state)
{
	struct person one, two;

	assert_int_equal(enter(&one, 1, 0, true), TURNSTILE_IN);
	assert_true(turnstile_step_back(turnstile, &one.guest));
	assert_int_equal(enter(&two, 1, 0, true), TURNSTILE_WAIT);
	leave(&one);
	assert_int_equal(two.woken, 1);
	leave(&two);
	leave(&two); /* once more is fine */
}

static void so_many_wait_and_no_more(void **state)
{
	static struct person people[TURNSTILE_WAITING_MAX + TURNSTILE_WAITING_CLIENT_MAX];
	size_t count = sizeof(people) / sizeof(people[0]);
	struct person in, more;

	assert_int_equal(enter(&in, 1, 1, true), TURNSTILE_IN);
	for (int i = 0; i < TURNSTILE_WAITING_CLIENT_MAX; i++)
		assert_int_equal(enter(&people[i], 1, 1, true), TURNSTILE_WAIT);
	assert_int_equal(enter(&more, 1, 1, true), TURNSTILE_FULL);
	for (int i = 0; i < TURNSTILE_WAITING_CLIENT_MAX; i++)
		leave(&people[i]);
	leave(&in);

	/* Of many clients, each with one in and one waiting. */
	for (size_t i = 0; i < TURNSTILE_WAITING_MAX; i++) {
		assert_int_equal(enter(&people[i], i, 0, true), TURNSTILE_IN);
		assert_true(turnstile_step_back(turnstile, &people[i].guest));
	}
	assert_int_equal(enter(&more, 99999, 0, true), TURNSTILE_IN);
	assert_false(turnstile_step_back(turnstile, &more.guest));
	leave(&more);
	for (size_t i = 0; i < TURNSTILE_WAITING_MAX; i++)
		leave(&people[i]);
	assert_true(count > TURNSTILE_WAITING_MAX);
}

static _Atomic int inside;
static _Atomic int most;

static void *come_and_go(void *context)
{
	struct person person;

	for (int i = 0; i < ROUNDS; i++) {
		int now;

		if (enter(&person, 1, 3, i % 2) != TURNSTILE_IN &&
		    (!person.guest.entry ||
		     turnstile_retry(turnstile, &person.guest) != TURNSTILE_IN)) {
			leave(&person);
			continue;
		}
		now = atomic_fetch_add(&inside, 1) + 1;
		if (now > atomic_load(&most))
			atomic_store(&most, now);
		atomic_fetch_sub(&inside, 1);
		leave(&person);
	}
	return NULL;
}

static void eight_threads_never_have_more_than_three_in(void **state)
{
	pthread_t thread[THREADS];
	struct person one, two, three;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_in_range(atomic_load(&most), 1, 3);
	/* And nobody has been left behind. */
	assert_int_equal(enter(&one, 1, 3, false), TURNSTILE_IN);
	assert_int_equal(enter(&two, 1, 3, false), TURNSTILE_IN);
	assert_int_equal(enter(&three, 1, 3, false), TURNSTILE_IN);
	leave(&one);
	leave(&two);
	leave(&three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_of_one_client_are_in_and_another_is_not_concerned),
		cmocka_unit_test(who_waits_comes_in_in_order_and_nobody_overtakes),
		cmocka_unit_test(who_steps_back_is_the_first_again),
		cmocka_unit_test(who_leaves_the_queue_makes_way_for_the_next),
		cmocka_unit_test(so_many_wait_and_no_more),
		cmocka_unit_test(eight_threads_never_have_more_than_three_in),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
