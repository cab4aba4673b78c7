// SPDX-License-Identifier: BSD-2-Clause
/* The strangers' table under floods of forged sources. Nobody is tracked: newcomers stay strangers. */
#include "harness.h"

#include <arpa/inet.h>
#include <linux/ip.h>
#include <stddef.h>
#include <string.h>

#include <sluice/bucket.h>

#define OFFENDER "192.0.2.1"
#define FORGED	 0x0a000000u /* 10.0.0.0 */
/* Slow: a packet costs a second; fast: a millisecond. */
#define TWO_TIERS                                                                              \
	"protect: everything\n"                                                                \
	"tiers: {fast: {packets: 1000/second burst 10}, slow: {packets: 60/minute burst 2}}\n" \
	"default: slow\nsources: {192.0.2.0/24: fast}\n"

static struct frame forged_frame(void)
{
	return frame_of_tcp("10.0.0.0", 80, ACK);
}

static bool forged_passes(struct harness *harness, struct frame *frame, uint32_t number)
{
	uint32_t address_be = htonl(FORGED + number);

	memcpy(frame->byte + frame->ip_at + offsetof(struct iphdr, saddr), &address_be,
	       sizeof(address_be));
	return harness_run(harness, frame) == XDP_PASS;
}

static void a_flood_in_a_slow_tier_does_not_loosen_a_fast_one(void **state)
{
	struct frame offender = frame_of_tcp(OFFENDER, 80, ACK), forged = forged_frame();
	uint64_t passed = 0;

	harness_policy(*state, TWO_TIERS);
	harness_close_sources(*state);
	/* A second: each millisecond 100 forged sources, and 5 packets where 1 is allowed. */
	for (uint32_t ms = 0; ms < 1000; ms++) {
		for (uint32_t i = 0; i < 100; i++)
			forged_passes(*state, &forged, ms * 100 + i);
		for (int i = 0; i < 5; i++)
			passed += harness_run(*state, &offender) == XDP_PASS;
		harness_advance(*state, MS);
	}
	/* The flood did overrun its own region. */
	assert_true(harness_fault_count(*state, SL_FAULT_EVICTED) > 50000);
	assert_in_range(passed, 1005, 1010);
}

static void a_flood_the_table_holds_lets_no_forged_source_send_twice(void **state)
{
	struct frame forged = forged_frame();
	uint64_t second = 0, third = 0;

	harness_policy(*state, TWO_TIERS);
	harness_close_sources(*state);
	for (uint32_t i = 0; i < 2000; i++)
		assert_true(forged_passes(*state, &forged, i));
	for (uint32_t i = 0; i < 2000; i++)
		second += forged_passes(*state, &forged, i);
	for (uint32_t i = 0; i < 2000; i++)
		third += forged_passes(*state, &forged, i);
	assert_int_equal(second, 2000); /* a burst of two */
	assert_int_equal(third, 0);
	assert_int_equal(harness_fault_count(*state, SL_FAULT_EVICTED), 0);
}

static void who_owes_more_outlasts_a_flood_of_sources_that_send_once(void **state)
{
	struct frame offender = frame_of_tcp("172.16.0.1", 80, ACK), forged = forged_frame();
	uint64_t passed;

	harness_policy(*state, "protect: everything\n"
			       "tiers: {public: {packets: 10/second burst 20}}\ndefault: public\n");
	harness_close_sources(*state);
	passed = harness_passes(*state, &offender, 100);
	assert_int_equal(passed, 20);
	/* Five times as many debts as the region has words. */
	for (uint32_t i = 0; i < 40000; i++)
		forged_passes(*state, &forged, i);
	assert_true(harness_fault_count(*state, SL_FAULT_EVICTED) > 10000);
	assert_int_equal(harness_passes(*state, &offender, 100), 0);
	harness_advance(*state, SECOND);
	assert_int_equal(harness_passes(*state, &offender, 100), 10);
}

static void a_flood_never_refuses_a_source_that_owes_nothing(void **state)
{
	struct frame innocent = frame_of_tcp("172.16.0.1", 80, ACK), forged = forged_frame();
	uint64_t passed = 0;

	harness_policy(*state, TWO_TIERS);
	harness_close_sources(*state);
	for (uint32_t second = 0; second < 20; second++) {
		for (uint32_t i = 0; i < 5000; i++)
			forged_passes(*state, &forged, second * 5000 + i);
		passed += harness_run(*state, &innocent) == XDP_PASS;
		harness_advance(*state, SECOND);
	}
	assert_int_equal(passed, 20);
}

static void past_words_are_free_for_others(void **state)
{
	struct frame forged = forged_frame();

	harness_policy(*state, TWO_TIERS);
	harness_close_sources(*state);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 2000; i++)
			assert_true(forged_passes(*state, &forged, round * 2000 + i));
		harness_advance(*state, 2 * SECOND);
	}
	assert_int_equal(harness_fault_count(*state, SL_FAULT_EVICTED), 0);
}

static void a_debt_is_kept_across_the_wrap_of_its_word(void **state)
{
	const uint64_t wrap_ns = 1ull << (SL_INSTANT_BITS + SL_UNIT_SHIFT);
	struct frame frame = frame_of_tcp("172.16.0.1", 80, ACK);

	harness_policy(*state, TWO_TIERS);
	harness_close_sources(*state);
	harness_set_clock(*state, wrap_ns - SECOND);
	assert_int_equal(harness_passes(*state, &frame, 10), 2);
	harness_advance(*state, SECOND - 1000); /* rounding may let it in 128 ns early */
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
	harness_advance(*state, 1064);
	assert_int_equal(harness_passes(*state, &frame, 10), 1);
	harness_advance(*state, 3 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 10), 2);
}

static void kinds_of_one_stranger_have_words_of_their_own(void **state)
{
	struct frame syn = frame_of_tcp("172.16.0.1", 80, SYN),
		     ack = frame_of_tcp("172.16.0.1", 80, ACK);

	harness_policy(*state,
		       "protect: everything\n"
		       "tiers: {public: {packets: 60/minute burst 10, bytes: 60000/minute burst "
		       "100000, connections: 60/minute burst 4}}\ndefault: public\n");
	harness_close_sources(*state);
	assert_int_equal(harness_passes(*state, &syn, 20), 4);
	assert_int_equal(harness_passes(*state, &ack, 20), 6);
	assert_int_equal(harness_reason_count(*state, SL_OVER_CONNECTIONS), 16);
	assert_int_equal(harness_reason_count(*state, SL_OVER_PACKETS), 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_flood_in_a_slow_tier_does_not_loosen_a_fast_one),
		HARNESS_TEST(a_flood_the_table_holds_lets_no_forged_source_send_twice),
		HARNESS_TEST(who_owes_more_outlasts_a_flood_of_sources_that_send_once),
		HARNESS_TEST(a_flood_never_refuses_a_source_that_owes_nothing),
		HARNESS_TEST(past_words_are_free_for_others),
		HARNESS_TEST(a_debt_is_kept_across_the_wrap_of_its_word),
		HARNESS_TEST(kinds_of_one_stranger_have_words_of_their_own),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
