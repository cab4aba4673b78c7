/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sluice/bucket.h>

#define MS   1000000ull
#define SEC  1000000000ull
#define HOUR (3600 * SEC)

/* 100 a second, 3 back to back. */
#define COST  (10 * MS)
#define BURST (30 * MS)

static int takes_at(__u64 *full_at_ns, __u64 now_ns)
{
	int taken = 0;

	while (sl_bucket_take(*full_at_ns, COST, BURST, now_ns, full_at_ns))
		taken++;
	return taken;
}

static void a_full_bucket_allows_exactly_the_burst(void **state)
{
	__u64 full_at_ns = 0;

	assert_int_equal(takes_at(&full_at_ns, 500 * MS), 3);
}

static void a_refused_take_leaves_the_output_alone(void **state)
{
	__u64 full_at_ns = 0, after = 77;

	takes_at(&full_at_ns, 500 * MS);
	assert_false(sl_bucket_take(full_at_ns, COST, BURST, 500 * MS, &after));
	assert_int_equal(after, 77);
}

static void one_token_returns_after_one_cost_and_not_1ns_sooner(void **state)
{
	__u64 full_at_ns = 0;

	takes_at(&full_at_ns, 500 * MS);
	assert_int_equal(takes_at(&full_at_ns, 510 * MS - 1), 0);
	assert_int_equal(takes_at(&full_at_ns, 510 * MS), 1);
}

static void long_idle_grants_no_more_than_the_burst(void **state)
{
	__u64 full_at_ns = 0;

	takes_at(&full_at_ns, 500 * MS);
	assert_int_equal(takes_at(&full_at_ns, 1000 * HOUR), 3);
}

static void a_clock_that_steps_back_grants_nothing(void **state)
{
	__u64 full_at_ns = 0;

	takes_at(&full_at_ns, 500 * MS);
	assert_int_equal(takes_at(&full_at_ns, 400 * MS), 0);
}

static void a_debt_of_a_longer_burst_is_clamped_to_the_present_one(void **state)
{
	assert_int_equal(sl_bucket_owed(500 * MS + HOUR, BURST, 500 * MS), BURST);
	assert_int_equal(sl_bucket_owed(500 * MS + BURST, BURST, 500 * MS), BURST);
	assert_int_equal(sl_bucket_owed(500 * MS + 1, BURST, 500 * MS), 1);
	assert_int_equal(sl_bucket_owed(500 * MS, BURST, 500 * MS), 0);
	assert_int_equal(sl_bucket_owed(499 * MS, BURST, 500 * MS), 0);
}

static void a_cost_fits_up_to_the_last_nanosecond_of_the_burst(void **state)
{
	assert_true(sl_bucket_fits(BURST - COST, COST, BURST));
	assert_false(sl_bucket_fits(BURST - COST + 1, COST, BURST));
}

static void a_packet_costs_the_same_whatever_its_length(void **state)
{
	const struct sl_limit limit = {.cost = COST};

	assert_int_equal(sl_limit_cost_ns(&limit, SL_PACKETS, 64), COST);
	assert_int_equal(sl_limit_cost_ns(&limit, SL_CONNECTIONS, 9000), COST);
}

static void bytes_are_rounded_up_once_for_the_whole_packet(void **state)
{
	const struct sl_limit tiny = {.cost = 1};
	const struct sl_limit one_ns = {.cost = 1ull << SL_BYTE_SHIFT};
	const struct sl_limit third = {.cost = (1ull << SL_BYTE_SHIFT) / 3};

	assert_int_equal(sl_limit_cost_ns(&tiny, SL_BYTES, 0), 0);
	assert_int_equal(sl_limit_cost_ns(&tiny, SL_BYTES, 1), 1);
	assert_int_equal(sl_limit_cost_ns(&one_ns, SL_BYTES, 1514), 1514);
	assert_int_equal(sl_limit_cost_ns(&third, SL_BYTES, 300), 100);
}

static void a_length_is_capped_and_the_slowest_byte_limit_does_not_overflow(void **state)
{
	const struct sl_limit slowest = {.cost = SL_BYTE_COST_MAX};
	const __u64 longest = (SL_BYTE_COST_MAX >> SL_BYTE_SHIFT) * SL_LEN_MAX;

	assert_int_equal(sl_limit_cost_ns(&slowest, SL_BYTES, SL_LEN_MAX), longest);
	assert_int_equal(sl_limit_cost_ns(&slowest, SL_BYTES, SL_LEN_MAX + 1), longest);
	assert_int_equal(sl_limit_cost_ns(&slowest, SL_BYTES, ~0u), longest);
}

static void regions_end_at_1_ms_32_ms_and_1_s(void **state)
{
	assert_int_equal(sl_region_of(0), 0);
	assert_int_equal(sl_region_of(MS), 0);
	assert_int_equal(sl_region_of(MS + 1), 1);
	assert_int_equal(sl_region_of(32 * MS), 1);
	assert_int_equal(sl_region_of(32 * MS + 1), 2);
	assert_int_equal(sl_region_of(SEC), 2);
	assert_int_equal(sl_region_of(SEC + 1), 3);
	assert_int_equal(sl_region_of(SL_COST_NS_MAX), SL_REGIONS - 1);
}

static void a_word_gives_back_its_tag_and_its_debt(void **state)
{
	__u64 word = sl_word_of(SL_TAG_MASK, 5 * SEC, 640);

	assert_int_equal(sl_word_tag(word), SL_TAG_MASK);
	assert_int_equal(sl_word_owed(word, 5 * SEC, HOUR), 640);
	assert_int_equal(sl_word_tag(sl_word_of(1, 5 * SEC, 640)), 1);
}

static void a_debt_is_rounded_up_to_64_ns_against_the_sender(void **state)
{
	assert_int_equal(sl_word_owed(sl_word_of(1, 0, 1), 0, HOUR), 64);
	assert_int_equal(sl_word_owed(sl_word_of(1, 0, 64), 0, HOUR), 64);
	assert_int_equal(sl_word_owed(sl_word_of(1, 0, 65), 0, HOUR), 128);
	assert_int_equal(sl_word_owed(sl_word_of(1, 0, 0), 0, HOUR), 0);
}

static void an_empty_word_owes_nothing(void **state)
{
	assert_int_equal(sl_word_owed(0, 5 * SEC, HOUR), 0);
	assert_int_equal(sl_word_tag(0), 0);
}

static void a_word_whose_instant_is_past_is_a_full_bucket(void **state)
{
	__u64 word = sl_word_of(9, 5 * SEC, SEC);

	assert_int_equal(sl_word_owed(word, 6 * SEC - 64, HOUR), 64);
	assert_int_equal(sl_word_owed(word, 6 * SEC, HOUR), 0);
	assert_int_equal(sl_word_owed(word, 6 * SEC + 64, HOUR), 0);
	assert_int_equal(sl_word_owed(word, 77 * HOUR, HOUR), 0);
}

static void an_older_clock_still_sees_a_full_debt_within_the_slack(void **state)
{
	/* Made at 100 s with the whole burst of a second, read by a CPU whose clock is behind. */
	__u64 word = sl_word_of(9, 100 * SEC, SEC);

	assert_int_equal(sl_word_owed(word, 100 * SEC - SL_CLOCK_SLACK_NS, SEC),
			 SEC + SL_CLOCK_SLACK_NS);
	assert_int_equal(sl_word_owed(word, 100 * SEC - SL_CLOCK_SLACK_NS - 64, SEC), 0);
}

static void an_instant_survives_the_wrap_after_78_hours(void **state)
{
	const __u64 wrap_ns = 1ull << (SL_INSTANT_BITS + SL_UNIT_SHIFT);
	__u64 word = sl_word_of(3, wrap_ns - SEC, 2 * SEC);

	assert_true(wrap_ns > 78 * HOUR && wrap_ns < 79 * HOUR);
	assert_int_equal(sl_word_tag(word), 3);
	assert_int_equal(sl_word_owed(word, wrap_ns - SEC, HOUR), 2 * SEC);
	assert_int_equal(sl_word_owed(word, wrap_ns, HOUR), SEC);
	assert_int_equal(sl_word_owed(word, wrap_ns + SEC, HOUR), 0);
}

static void an_hourly_clearing_is_soon_enough_before_a_past_instant_returns(void **state)
{
	const __u64 wrap_ns = 1ull << (SL_INSTANT_BITS + SL_UNIT_SHIFT);
	__u64 word = sl_word_of(3, 0, 0);

	/* The first moment at which the past would be taken for a debt is far beyond two hours. */
	assert_int_equal(sl_word_owed(word, 2 * HOUR, HOUR), 0);
	assert_int_equal(sl_word_owed(word, wrap_ns - HOUR - SL_CLOCK_SLACK_NS - 64, HOUR), 0);
	assert_int_equal(sl_word_owed(word, wrap_ns - HOUR, HOUR), HOUR);
}

static void a_window_is_over_after_its_length(void **state)
{
	const __u64 unit = 1ull << SL_WINDOW_SHIFT;
	__u64 word = sl_window_word(1000 * unit, 5);

	assert_false(sl_window_is_over(word, 1000 * unit, 10 * unit));
	assert_false(sl_window_is_over(word, 1011 * unit - 1, 10 * unit));
	assert_true(sl_window_is_over(word, 1011 * unit, 10 * unit));
}

static void a_windows_start_survives_its_wrap(void **state)
{
	const __u64 unit = 1ull << SL_WINDOW_SHIFT, wrap = unit << 32;
	__u64 word = sl_window_word(wrap - unit, 5);

	assert_true(wrap > 52 * 24 * HOUR);
	assert_false(sl_window_is_over(word, wrap + unit, 2 * unit));
	assert_true(sl_window_is_over(word, wrap + 2 * unit, 2 * unit));
}

static void drops_of_a_window_are_counted_from_its_start(void **state)
{
	assert_int_equal(sl_window_drops(sl_window_word(SEC, 100), 100), 0);
	assert_int_equal(sl_window_drops(sl_window_word(SEC, 100), 107), 7);
	assert_int_equal(sl_window_drops(sl_window_word(SEC, 0xffffffffull), 0x100000004ull), 5);
}

static void a_ban_doubles_with_each_strike_up_to_its_longest(void **state)
{
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 0), 60 * SEC);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 1), 60 * SEC);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 2), 120 * SEC);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 6), 1920 * SEC);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 7), HOUR);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, 42), HOUR);
	assert_int_equal(sl_ban_ns(60 * SEC, HOUR, ~0u), HOUR);
	assert_int_equal(sl_ban_ns(HOUR, HOUR, 1), HOUR);
	assert_int_equal(sl_ban_ns(1, ~0ull, 41), 1ull << 40);
	assert_int_equal(sl_ban_ns(1, ~0ull, 42), ~0ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_allows_exactly_the_burst),
		cmocka_unit_test(a_refused_take_leaves_the_output_alone),
		cmocka_unit_test(one_token_returns_after_one_cost_and_not_1ns_sooner),
		cmocka_unit_test(long_idle_grants_no_more_than_the_burst),
		cmocka_unit_test(a_clock_that_steps_back_grants_nothing),
		cmocka_unit_test(a_debt_of_a_longer_burst_is_clamped_to_the_present_one),
		cmocka_unit_test(a_cost_fits_up_to_the_last_nanosecond_of_the_burst),
		cmocka_unit_test(a_packet_costs_the_same_whatever_its_length),
		cmocka_unit_test(bytes_are_rounded_up_once_for_the_whole_packet),
		cmocka_unit_test(a_length_is_capped_and_the_slowest_byte_limit_does_not_overflow),
		cmocka_unit_test(regions_end_at_1_ms_32_ms_and_1_s),
		cmocka_unit_test(a_word_gives_back_its_tag_and_its_debt),
		cmocka_unit_test(a_debt_is_rounded_up_to_64_ns_against_the_sender),
		cmocka_unit_test(an_empty_word_owes_nothing),
		cmocka_unit_test(a_word_whose_instant_is_past_is_a_full_bucket),
		cmocka_unit_test(an_older_clock_still_sees_a_full_debt_within_the_slack),
		cmocka_unit_test(an_instant_survives_the_wrap_after_78_hours),
		cmocka_unit_test(an_hourly_clearing_is_soon_enough_before_a_past_instant_returns),
		cmocka_unit_test(a_window_is_over_after_its_length),
		cmocka_unit_test(a_windows_start_survives_its_wrap),
		cmocka_unit_test(drops_of_a_window_are_counted_from_its_start),
		cmocka_unit_test(a_ban_doubles_with_each_strike_up_to_its_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
