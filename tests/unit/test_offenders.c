/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/duration.h"
#include "http/offenders.h"

#define START_NS (1000 * NS_PER_SEC)

static struct offenders *table(void **state)
{
	return *state;
}

static struct prefix address(uint32_t number)
{
	return (struct prefix){
		.family = ADDRESS_IPV4,
		.bits = 32,
		.byte = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct offence offence(uint32_t from, uint32_t count, uint64_t within_s)
{
	return (struct offence){.source = address(from),
				.kind = STRIKE_REFUSED,
				.pattern = {count, within_s * NS_PER_SEC}};
}

/* So many strikes at one instant; the result of the last. */
static enum offence_result strike(void **state, const struct offence *what, unsigned times,
				  uint64_t now_ns)
{
	enum offence_result result = OFFENCE_COUNTED;

	while (times--) {
		assert_int_equal(result, OFFENCE_COUNTED);
		result = offenders_add(table(state), what, now_ns);
	}
	return result;
}

static int begin(void **state)
{
	const struct siphash_secret secret = {{1, 2}};

	return offenders_new(&secret, (struct offenders **)state);
}

static int end(void **state)
{
	offenders_free(table(state));
	return 0;
}

static void the_last_of_the_pattern_makes_it_and_not_the_one_before(void **state)
{
	const struct offence what = offence(1, 40, 10);

	assert_int_equal(strike(state, &what, 39, START_NS), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &what, 1, START_NS), OFFENCE_PATTERN);
}

static void strikes_count_for_the_time_of_the_pattern_and_not_1ns_longer(void **state)
{
	const struct offence in_time = offence(1, 3, 10), late = offence(2, 3, 10);

	strike(state, &in_time, 1, START_NS);
	strike(state, &late, 1, START_NS);
	strike(state, &in_time, 1, START_NS + 5 * NS_PER_SEC);
	strike(state, &late, 1, START_NS + 5 * NS_PER_SEC);
	assert_int_equal(strike(state, &late, 1, START_NS + 10 * NS_PER_SEC + 1), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &in_time, 1, START_NS + 10 * NS_PER_SEC), OFFENCE_PATTERN);
}

static void the_time_slides_it_does_not_begin_anew_at_an_edge(void **state)
{
	const struct offence what = offence(1, 10, 10);

	strike(state, &what, 4, START_NS);
	strike(state, &what, 5, START_NS + 9 * NS_PER_SEC);
	/* The first four are forgotten; the five count with what comes after an edge at 10 s. */
	assert_int_equal(strike(state, &what, 4, START_NS + 11 * NS_PER_SEC), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &what, 1, START_NS + 11 * NS_PER_SEC), OFFENCE_PATTERN);
}

static void after_a_pattern_counting_begins_anew(void **state)
{
	const struct offence what = offence(1, 3, 10);

	assert_int_equal(strike(state, &what, 3, START_NS), OFFENCE_PATTERN);
	assert_int_equal(strike(state, &what, 2, START_NS + NS_PER_SEC), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &what, 1, START_NS + NS_PER_SEC), OFFENCE_PATTERN);
}

static void one_source_is_told_of_once_a_second_and_its_neighbour_at_once(void **state)
{
	const struct offence what = offence(1, 3, 10), other = offence(2, 3, 10);

	assert_int_equal(strike(state, &what, 3, START_NS), OFFENCE_PATTERN);
	assert_int_equal(strike(state, &what, 3000, START_NS + NS_PER_SEC - 1), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &other, 3, START_NS + 1), OFFENCE_PATTERN);
	assert_int_equal(strike(state, &what, 3, START_NS + NS_PER_SEC), OFFENCE_PATTERN);
}

static void a_pattern_of_one_is_made_by_one(void **state)
{
	const struct offence what = offence(1, 1, 10);

	assert_int_equal(strike(state, &what, 1, START_NS), OFFENCE_PATTERN);
	assert_int_equal(strike(state, &what, 1, START_NS + NS_PER_SEC), OFFENCE_PATTERN);
}

static void kinds_and_sources_are_counted_each_by_itself(void **state)
{
	const struct offence refused = offence(1, 3, 10), other = offence(2, 3, 10);
	struct offence slow = refused;

	slow.kind = STRIKE_SLOW;
	strike(state, &refused, 2, START_NS);
	assert_int_equal(strike(state, &slow, 2, START_NS), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &other, 2, START_NS), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &refused, 1, START_NS), OFFENCE_PATTERN);
}

/* Steady strikes: how many are inside the time when the pattern is seen. */
static uint64_t seen_after(void **state, uint32_t source, uint32_t count, uint64_t every_ns)
{
	const struct offence what = offence(source, count, 3600);
	uint64_t strikes = 0;

	do
		strikes++;
	while (offenders_add(table(state), &what, START_NS + strikes * every_ns) ==
	       OFFENCE_COUNTED);
	return strikes;
}

static void large_patterns_take_no_fewer_and_little_more(void **state)
{
	for (uint32_t count = 1; count < 3000; count += 7) {
		uint64_t took = seen_after(state, count, count, 1000);

		assert_in_range(took, count, count + count / OFFENDERS_EXACT + 1);
	}
}

/* Whatever the instants: an exact log of them agrees that there were so many within the time. */
static void a_pattern_is_never_seen_in_fewer(void **state)
{
	static uint64_t log_ns[100000];
	uint64_t random = 88172645463325252ull;

	for (uint32_t count = 1; count < 400; count += 13) {
		const struct offence what = offence(count, count, 10);
		uint64_t now_ns = START_NS, len = 0, anew = 0;

		for (int i = 0; i < 3000; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			now_ns += random % (20 * NS_PER_SEC / count);
			log_ns[len++] = now_ns;
			if (offenders_add(table(state), &what, now_ns) == OFFENCE_COUNTED)
				continue;
			assert_true(len - anew >= count);
			assert_true(now_ns - log_ns[len - count] <= 10 * NS_PER_SEC);
			anew = len;
		}
	}
}

static void a_clock_that_steps_back_is_no_strike_more_and_no_time_less(void **state)
{
	const struct offence what = offence(1, 3, 10);

	strike(state, &what, 1, START_NS);
	strike(state, &what, 1, START_NS - NS_PER_SEC);
	assert_int_equal(strike(state, &what, 1, START_NS + 10 * NS_PER_SEC), OFFENCE_PATTERN);
}

static void another_pattern_in_the_policy_begins_anew(void **state)
{
	const struct offence fine = offence(1, 64, 10), coarse = offence(1, 65, 10);

	strike(state, &fine, 63, START_NS);
	assert_int_equal(strike(state, &coarse, 63, START_NS), OFFENCE_COUNTED);
}

static void a_source_that_was_vouched_for_has_no_pattern_for_that_time(void **state)
{
	const struct offence what = offence(1, 3, 10), other = offence(2, 3, 10);

	offenders_vouch(table(state), &what.source, START_NS);
	assert_int_equal(strike(state, &what, 3, START_NS + 9 * NS_PER_SEC), OFFENCE_VOUCHED);
	assert_int_equal(strike(state, &other, 3, START_NS + 9 * NS_PER_SEC), OFFENCE_PATTERN);
	assert_int_equal(strike(state, &what, 3, START_NS + 12 * NS_PER_SEC), OFFENCE_PATTERN);
	offenders_vouch(table(state), &what.source, START_NS + 13 * NS_PER_SEC);
	assert_int_equal(strike(state, &what, 3, START_NS + 14 * NS_PER_SEC), OFFENCE_VOUCHED);
}

static void a_crowd_of_offenders_frees_no_vouched_source(void **state)
{
	const struct offence what = offence(1, 3, 3600);

	offenders_vouch(table(state), &what.source, START_NS);
	for (uint32_t i = 2; i < 4 * OFFENDERS_MAX; i++) {
		const struct offence other = offence(i, 3, 3600);

		strike(state, &other, 1, START_NS);
	}
	assert_int_equal(strike(state, &what, 3, START_NS + 1), OFFENCE_VOUCHED);
}

static void a_crowd_pushes_out_those_who_have_been_quiet(void **state)
{
	const struct offence what = offence(1, 2, 3600);

	strike(state, &what, 1, START_NS);
	for (uint32_t i = 2; i < 20 * OFFENDERS_MAX; i++) {
		const struct offence other = offence(i, 2, 3600);

		strike(state, &other, 1, START_NS + 1);
	}
	/* Forgotten, in his favour: nobody is banned for what others did. */
	assert_int_equal(strike(state, &what, 1, START_NS + 2), OFFENCE_COUNTED);
	assert_int_equal(strike(state, &what, 1, START_NS + 2), OFFENCE_PATTERN);
}

#define THREADS	   8
#define PER_THREAD 20000

static _Atomic uint64_t seconds; /* a strike each: a pattern takes ten */

static void *strike_on(void *offenders)
{
	const struct offence what = offence(1, 10, 3600);
	uintptr_t patterns = 0;

	for (int i = 0; i < PER_THREAD; i++)
		patterns += offenders_add(offenders, &what, START_NS + ++seconds * NS_PER_SEC) ==
			    OFFENCE_PATTERN;
	return (void *)patterns;
}

static void threads_lose_no_strike_and_count_none_twice(void **state)
{
	pthread_t thread[THREADS];
	uintptr_t patterns = 0;
	void *found;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, strike_on, table(state)), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &found), 0);
		patterns += (uintptr_t)found;
	}
	assert_int_equal(patterns, THREADS * PER_THREAD / 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_of_the_pattern_makes_it_and_not_the_one_before),
		TEST(strikes_count_for_the_time_of_the_pattern_and_not_1ns_longer),
		TEST(the_time_slides_it_does_not_begin_anew_at_an_edge),
		TEST(after_a_pattern_counting_begins_anew),
		TEST(one_source_is_told_of_once_a_second_and_its_neighbour_at_once),
		TEST(a_pattern_of_one_is_made_by_one),
		TEST(kinds_and_sources_are_counted_each_by_itself),
		TEST(large_patterns_take_no_fewer_and_little_more),
		TEST(a_pattern_is_never_seen_in_fewer),
		TEST(a_clock_that_steps_back_is_no_strike_more_and_no_time_less),
		TEST(another_pattern_in_the_policy_begins_anew),
		TEST(a_source_that_was_vouched_for_has_no_pattern_for_that_time),
		TEST(a_crowd_of_offenders_frees_no_vouched_source),
		TEST(a_crowd_pushes_out_those_who_have_been_quiet),
		TEST(threads_lose_no_strike_and_count_none_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
