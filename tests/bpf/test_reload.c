// SPDX-License-Identifier: BSD-2-Clause
/* A new policy under old buckets, bans and counters. */
#include "harness.h"

#define A	   "192.0.2.1"
#define TIER(how)  "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"
#define BURST_OF_3 TIER("packets: 60/minute burst 3")

static void the_same_policy_again_grants_nothing(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, BURST_OF_3);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	for (int i = 0; i < 5; i++) {
		harness_policy(*state, BURST_OF_3);
		assert_int_equal(harness_passes(*state, &frame, 10), 0);
	}
}

static void a_strangers_debt_survives_a_reload(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("packets: 60/minute burst 10"));
	assert_int_equal(harness_passes(*state, &frame, 5), 5);
	assert_false(harness_tracked(*state, A, &tracked));
	harness_policy(*state, TIER("packets: 60/minute burst 10"));
	assert_int_equal(harness_passes(*state, &frame, 20), 5);
}

static void a_debt_is_clamped_to_the_new_burst(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 60"));
	assert_int_equal(harness_passes(*state, &frame, 100), 60);
	harness_policy(*state, TIER("packets: 60/minute burst 5"));
	assert_int_equal(harness_passes(*state, &frame, 100), 0);
	harness_set_clock(*state, HARNESS_START + SECOND - 1);
	assert_int_equal(harness_passes(*state, &frame, 100), 0);
	/* 60 s were owed; the new burst asks for 5 of them. */
	harness_set_clock(*state, HARNESS_START + SECOND);
	assert_int_equal(harness_passes(*state, &frame, 100), 1);
}

static void nobody_waits_longer_than_the_new_burst(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 1/minute burst 60"));
	assert_int_equal(harness_passes(*state, &frame, 100), 60);
	harness_policy(*state, TIER("packets: 60/minute burst 5"));
	harness_passes(*state, &frame, 1);
	harness_advance(*state, 5 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 100), 5);
}

static void counters_of_tiers_and_rules_survive_while_their_names_do(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	const char *with = BURST_OF_3 "sources: {192.0.2.0/24: public}\n";

	harness_policy(*state, with);
	harness_passes(*state, &frame, 10);
	harness_policy(*state, "protect: everything\n"
			       "tiers: {first: unlimited, public: {packets: 60/minute burst 3}}\n"
			       "default: first\n"
			       "sources: {10.0.0.0/8: first, 192.0.2.0/24: public}\n");
	harness_passes(*state, &frame, 10);
	assert_int_equal(harness_tier(*state, "public").by_verdict[SL_PASS].packets, 3);
	assert_int_equal(harness_tier(*state, "public").by_verdict[SL_DROP].packets, 17);
	assert_int_equal(harness_rule(*state, "192.0.2.0/24").by_verdict[SL_DROP].packets, 17);
}

static void a_tracked_source_moves_to_its_new_tier_at_once(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, BURST_OF_3);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	harness_policy(*state, BURST_OF_3 "sources: {192.0.2.1: deny}\n");
	assert_reason(*state, &frame, DENIED);
	harness_policy(*state, BURST_OF_3 "sources: {192.0.2.0/24: allow}\n");
	assert_reason(*state, &frame, ALLOW_RULE);
	harness_policy(*state, BURST_OF_3);
	assert_reason(*state, &frame, OVER_PACKETS);
}

static void bans_survive_a_reload(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, BURST_OF_3);
	harness_ban(*state, A, SL_NEVER);
	harness_policy(*state, TIER("packets: 600/minute burst 30"));
	assert_reason(*state, &frame, BANNED);
}

static void runtime_allows_survive_a_reload(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, BURST_OF_3);
	harness_allow(*state, A, SL_NEVER);
	harness_policy(*state, BURST_OF_3);
	assert_int_equal(harness_passes(*state, &frame, 10), 10);
}

static void what_is_protected_changes_with_the_policy(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	const char *https = "protect: {tcp: [443]}\n"
			    "tiers: {public: {packets: 60/minute burst 3}}\ndefault: public\n";

	harness_policy(*state, BURST_OF_3);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	harness_policy(*state, https);
	assert_int_equal(harness_passes(*state, &frame, 10), 10);
	harness_policy(*state, BURST_OF_3);
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
}

static void the_newest_of_twenty_policies_is_in_force(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	for (int i = 1; i <= 20; i++)
		harness_policy(*state,
			       i % 2 == 0 ? BURST_OF_3 : TIER("packets: 60/minute burst 5"));
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(the_same_policy_again_grants_nothing),
		HARNESS_TEST(a_strangers_debt_survives_a_reload),
		HARNESS_TEST(a_debt_is_clamped_to_the_new_burst),
		HARNESS_TEST(nobody_waits_longer_than_the_new_burst),
		HARNESS_TEST(counters_of_tiers_and_rules_survive_while_their_names_do),
		HARNESS_TEST(a_tracked_source_moves_to_its_new_tier_at_once),
		HARNESS_TEST(bans_survive_a_reload),
		HARNESS_TEST(runtime_allows_survive_a_reload),
		HARNESS_TEST(what_is_protected_changes_with_the_policy),
		HARNESS_TEST(the_newest_of_twenty_policies_is_in_force),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
