// SPDX-License-Identifier: BSD-2-Clause
/* Automatic bans: when they begin, how long they last, what is remembered. */
#include "harness.h"

#define A     "192.0.2.1"
#define RULES "bans: {after: 5 drops in 10 seconds, for: 1 minute, up to: 3 minutes}\n"
#define ONE   "protect: everything\ntiers: {public: {packets: 60/minute burst 1}}\ndefault: public\n"

static struct sl_ban ban_of(struct harness *harness, const char *address)
{
	struct sl_ban ban;

	assert_true(harness_ban_of(harness, address, &ban));
	return ban;
}

static void nobody_is_banned_without_the_rule(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, ONE);
	harness_passes(*state, &frame, 10000);
	assert_int_equal(harness_reason_count(*state, SL_BANNED), 0);
	assert_false(harness_ban_of(*state, A, &ban));
}

static void the_fifth_drop_bans_and_the_fourth_does_not(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, ONE RULES);
	assert_reason(*state, &frame, CONFORMING);
	for (int i = 0; i < 4; i++)
		assert_reason(*state, &frame, OVER_PACKETS);
	assert_false(harness_ban_of(*state, A, &ban));
	assert_reason(*state, &frame, OVER_PACKETS);
	ban = ban_of(*state, A);
	assert_int_equal(ban.strikes, 1);
	assert_int_equal(ban.cause, SL_BAN_DROPS);
	assert_int_equal(ban.since_ns, HARNESS_START);
	assert_int_equal(ban.until_ns, HARNESS_START + MINUTE);
	assert_int_equal(harness_state(*state)->bans, 1);
	assert_reason(*state, &frame, BANNED);
}

static void a_ban_ends_at_its_time_and_not_1ns_sooner(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE RULES);
	harness_passes(*state, &frame, 10);
	harness_set_clock(*state, HARNESS_START + MINUTE - 1);
	assert_reason(*state, &frame, BANNED);
	harness_set_clock(*state, HARNESS_START + MINUTE);
	assert_reason(*state, &frame, CONFORMING);
}

static void drops_spread_over_more_than_the_window_ban_nobody(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, ONE RULES);
	for (int i = 0; i < 50; i++) {
		harness_passes(*state, &frame, 4); /* one passes, three are dropped */
		harness_advance(*state, 11 * SECOND);
	}
	assert_false(harness_ban_of(*state, A, &ban));
}

static void bans_double_up_to_the_cap_and_strikes_outlive_them(void **state)
{
	static const uint64_t minutes[] = {1, 2, 3, 3, 3};
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE RULES);
	for (size_t i = 0; i < sizeof(minutes) / sizeof(*minutes); i++) {
		struct sl_ban ban;

		harness_passes(*state, &frame, 10);
		ban = ban_of(*state, A);
		assert_int_equal(ban.strikes, i + 1);
		assert_int_equal(ban.until_ns, harness_now(*state) + minutes[i] * MINUTE);
		harness_advance(*state, (int64_t)(minutes[i] * MINUTE));
	}
	assert_int_equal(harness_state(*state)->bans, 1);
}

static void banned_packets_are_no_further_offence(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE RULES);
	harness_passes(*state, &frame, 6);
	harness_passes(*state, &frame, 10000);
	assert_int_equal(harness_reason_count(*state, SL_OVER_PACKETS), 5);
	assert_int_equal(harness_reason_count(*state, SL_BANNED), 10000);
	assert_int_equal(ban_of(*state, A).until_ns, HARNESS_START + MINUTE);
}

static void flagging_and_counting_tiers_ban_nobody(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, "protect: everything\n"
			       "tiers: {public: {packets: 60/minute burst 1, over: flag}}\n"
			       "default: public\n" RULES);
	harness_passes(*state, &frame, 1000);
	assert_false(harness_ban_of(*state, A, &ban));
}

static void a_full_ban_map_refuses_the_new_ban_counts_it_and_frees_nobody(void **state)
{
	const struct harness_options options = {.sources = 1024, .region_lines = 1024, .bans = 2};
	struct harness *harness = harness_new(&options);
	struct frame first = frame_of_tcp("192.0.2.1", 80, ACK);
	struct frame second = frame_of_tcp("192.0.2.2", 80, ACK);
	struct frame third = frame_of_tcp("192.0.2.3", 80, ACK);

	(void)state;
	harness_policy(harness, ONE RULES);
	harness_passes(harness, &first, 10);
	harness_passes(harness, &second, 10);
	harness_passes(harness, &third, 10);
	assert_true(harness_fault_count(harness, SL_FAULT_BAN_FULL) > 0);
	assert_int_equal(harness_passes(harness, &third, 100), 0);
	assert_int_equal(harness_judge(harness, &first), SL_BANNED);
	assert_int_equal(harness_judge(harness, &second), SL_BANNED);
	assert_int_equal(harness_judge(harness, &third), SL_OVER_PACKETS);
	harness_free(harness);
}

static void a_manual_ban_that_lasts_longer_is_not_shortened(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE RULES);
	harness_passes(*state, &frame, 4);
	harness_ban(*state, A, HARNESS_START + 100 * MINUTE);
	harness_passes(*state, &frame, 100);
	assert_int_equal(ban_of(*state, A).until_ns, HARNESS_START + 100 * MINUTE);
}

static void an_ipv6_ban_covers_the_slash_64(void **state)
{
	struct frame offender = frame_of_tcp("2001:db8:0:1::1", 80, ACK);
	struct frame sibling = frame_of_tcp("2001:db8:0:1::2", 80, ACK);
	struct frame neighbor = frame_of_tcp("2001:db8:0:2::1", 80, ACK);

	harness_policy(*state, ONE RULES);
	harness_passes(*state, &offender, 10);
	assert_reason(*state, &sibling, BANNED);
	assert_reason(*state, &neighbor, CONFORMING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(nobody_is_banned_without_the_rule),
		HARNESS_TEST(the_fifth_drop_bans_and_the_fourth_does_not),
		HARNESS_TEST(a_ban_ends_at_its_time_and_not_1ns_sooner),
		HARNESS_TEST(drops_spread_over_more_than_the_window_ban_nobody),
		HARNESS_TEST(bans_double_up_to_the_cap_and_strikes_outlive_them),
		HARNESS_TEST(banned_packets_are_no_further_offence),
		HARNESS_TEST(flagging_and_counting_tiers_ban_nobody),
		HARNESS_TEST(a_full_ban_map_refuses_the_new_ban_counts_it_and_frees_nobody),
		HARNESS_TEST(a_manual_ban_that_lasts_longer_is_not_shortened),
		HARNESS_TEST(an_ipv6_ban_covers_the_slash_64),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
