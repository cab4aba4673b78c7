/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/duration.h"
#include "control/explanation.h"
#include "policy/rate.h"

#define NOW_NS	1000000000000ull
#define COST_NS 500000ull /* 2000 a second */

/* One tier, "public": 2000 packets a second, burst 4000. */
struct world {
	struct policy_tier tier;
	struct policy policy;
	struct sl_tier compiled;
	struct explanation_input input;
};

static void make_world(struct world *world)
{
	memset(world, 0, sizeof(*world));
	strcpy(world->tier.name, "public");
	world->tier.limited[SL_PACKETS] = true;
	world->tier.rate[SL_PACKETS] = (struct rate){
		.count = 2000, .period_ns = NS_PER_SEC, .burst = 4000, .burst_given = true};
	world->policy.tiers = &world->tier;
	world->policy.tier_count = 1;
	world->compiled.limit[SL_PACKETS] = (struct sl_limit){
		.cost = COST_NS, .burst_ns = 4000 * COST_NS, .flag_above_ns = SL_NEVER};
	world->input = (struct explanation_input){
		.now_ns = NOW_NS, .policy = &world->policy, .tier = &world->compiled};
}

static struct explanation explain_world(struct world *world)
{
	struct explanation explanation;

	explain(&world->input, &explanation);
	return explanation;
}

static struct policy_source rule_of(uint8_t tier)
{
	return (struct policy_source){
		.prefix = {.family = ADDRESS_IPV4, .bits = 24, .byte = {203, 0, 113}},
		.tier = tier,
		.place = {.line = 14, .column = 3},
	};
}

static void who_owes_nothing_has_the_whole_burst_and_passes(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	explanation = explain_world(&world);
	assert_int_equal(explanation.verdict, SL_PASS);
	assert_int_equal(explanation.reason, SL_CONFORMING);
	assert_int_equal(explanation.limits[SL_PACKETS].tokens, 4000);
	assert_string_equal(explanation.why,
			    "passed: within the limits of tier public; 4000 packets left");
}

static void the_last_token_passes_and_the_next_packet_does_not(void **state)
{
	struct explanation last;
	struct explanation over;
	struct world world;

	make_world(&world);
	world.input.owed_ns[SL_PACKETS] = 3999 * COST_NS;
	last = explain_world(&world);
	world.input.owed_ns[SL_PACKETS] = 3999 * COST_NS + 1;
	over = explain_world(&world);
	assert_int_equal(last.reason, SL_CONFORMING);
	assert_int_equal(last.limits[SL_PACKETS].tokens, 1);
	assert_string_equal(last.why, "passed: within the limits of tier public; 1 packet left");
	assert_int_equal(over.reason, SL_OVER_PACKETS);
	assert_int_equal(over.verdict, SL_DROP);
	assert_int_equal(over.limits[SL_PACKETS].tokens, 0);
}

static void why_names_the_limit_and_when_a_token_is_back(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.owed_ns[SL_PACKETS] = 4000 * COST_NS - 100000;
	explanation = explain_world(&world);
	assert_string_equal(explanation.why,
			    "dropped: over its packet limit, 2000/second burst 4000; "
			    "a token is back in 400 us");
}

static void a_debt_beyond_the_present_burst_waits_for_one_token_only(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.owed_ns[SL_PACKETS] = 100000 * COST_NS;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_OVER_PACKETS);
	assert_non_null(strstr(explanation.why, "a token is back in 500 us"));
	assert_true(explanation.limits[SL_PACKETS].share == 0);
}

static void a_tier_that_flags_flags_and_one_that_counts_passes(void **state)
{
	struct explanation flagged;
	struct explanation counted;
	struct world world;

	make_world(&world);
	world.input.owed_ns[SL_PACKETS] = 4000 * COST_NS;
	world.compiled.over = SL_OVER_FLAG;
	flagged = explain_world(&world);
	world.compiled.over = SL_OVER_COUNT;
	counted = explain_world(&world);
	assert_int_equal(flagged.verdict, SL_FLAG);
	assert_int_equal(flagged.reason, SL_FLAG_OVER);
	assert_int_equal(counted.verdict, SL_PASS);
	assert_int_equal(counted.reason, SL_DRY_RUN);
}

static void the_soft_mark_flags_above_and_not_at_it(void **state)
{
	struct explanation at;
	struct explanation above;
	struct world world;

	make_world(&world);
	world.compiled.limit[SL_PACKETS].flag_above_ns = 2000 * COST_NS;
	world.input.owed_ns[SL_PACKETS] = 1999 * COST_NS;
	at = explain_world(&world);
	world.input.owed_ns[SL_PACKETS] = 2000 * COST_NS;
	above = explain_world(&world);
	assert_int_equal(at.reason, SL_CONFORMING);
	assert_int_equal(above.reason, SL_FLAG_SOFT);
	assert_int_equal(above.verdict, SL_FLAG);
}

static void bytes_left_are_counted_in_bytes(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	/* A byte costs 1000 ns. */
	world.compiled.limit[SL_BYTES] = (struct sl_limit){
		.cost = 1000ull << SL_BYTE_SHIFT, .burst_ns = 10000000, .flag_above_ns = SL_NEVER};
	world.input.owed_ns[SL_BYTES] = 2500000;
	explanation = explain_world(&world);
	assert_int_equal(explanation.limits[SL_BYTES].tokens, 7500);
	assert_true(explanation.limits[SL_BYTES].share == 0.75);
}

static void a_packet_of_64_bytes_that_does_not_fit_is_over_the_byte_limit(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.tier.rate[SL_BYTES] = (struct rate){
		.count = 1000000, .period_ns = NS_PER_SEC, .burst = 10000, .burst_given = true};
	world.compiled.limit[SL_BYTES] = (struct sl_limit){
		.cost = 1000ull << SL_BYTE_SHIFT, .burst_ns = 10000000, .flag_above_ns = SL_NEVER};
	world.input.owed_ns[SL_BYTES] = 10000000 - 63 * 1000;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_OVER_BYTES);
}

static void an_empty_connection_bucket_stops_no_plain_packet(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.compiled.limit[SL_CONNECTIONS] = (struct sl_limit){
		.cost = NS_PER_SEC, .burst_ns = 10 * NS_PER_SEC, .flag_above_ns = SL_NEVER};
	world.input.owed_ns[SL_CONNECTIONS] = 10 * NS_PER_SEC;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_CONFORMING);
	assert_int_equal(explanation.limits[SL_CONNECTIONS].tokens, 0);
}

static void a_ban_drops_who_owes_nothing(void **state)
{
	struct ban ban = {.prefix = {.family = ADDRESS_IPV4, .bits = 32, .byte = {192, 0, 2, 7}},
			  .until_ns = NOW_NS + NS_PER_SEC,
			  .cause = SL_BAN_DROPS};
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.ban = &ban;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_BANNED);
	assert_int_equal(explanation.verdict, SL_DROP);
	assert_non_null(strstr(explanation.why, "192.0.2.7 is banned until 1970-01-01T"));
	assert_non_null(strstr(explanation.why, "kept sending over its limit"));
}

static void a_runtime_allow_beats_deny_and_ban(void **state)
{
	struct policy_source deny = rule_of(SL_TIER_DENY);
	struct allow allow = {.prefix = {.family = ADDRESS_IPV4, .bits = 8, .byte = {203}},
			      .until_ns = SL_NEVER};
	struct ban ban = {.until_ns = SL_NEVER};
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.rule = &deny;
	world.input.ban = &ban;
	world.input.allow = &allow;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_ALLOWED);
	assert_string_equal(explanation.why, "passed: 203.0.0.0/8 is allowed at run time");
}

static void a_denied_prefix_is_named_with_its_line(void **state)
{
	struct policy_source deny = rule_of(SL_TIER_DENY);
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.rule = &deny;
	world.input.tier = NULL;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_DENIED);
	assert_string_equal(explanation.why,
			    "dropped: denied by 203.0.113.0/24, line 14 of the policy");
}

static void an_allowed_prefix_passes_even_when_banned(void **state)
{
	struct policy_source allow = rule_of(SL_TIER_ALLOW);
	struct ban ban = {.until_ns = SL_NEVER};
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.input.rule = &allow;
	world.input.tier = NULL;
	world.input.ban = &ban;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_ALLOW_RULE);
	assert_int_equal(explanation.verdict, SL_PASS);
}

static void an_unlimited_tier_passes_whatever_is_owed(void **state)
{
	struct explanation explanation;
	struct world world;

	make_world(&world);
	world.compiled.unlimited = 1;
	world.input.owed_ns[SL_PACKETS] = 4000 * COST_NS;
	explanation = explain_world(&world);
	assert_int_equal(explanation.reason, SL_UNLIMITED);
}

static void a_source_is_over_when_one_packet_more_does_not_fit_and_not_before(void **state)
{
	struct sl_tracked tracked = {.full_at_ns = {[SL_PACKETS] = NOW_NS + 3999 * COST_NS}};
	struct world world;

	make_world(&world);
	assert_false(explanation_is_over(&world.tier, &tracked, NOW_NS));
	tracked.full_at_ns[SL_PACKETS]++;
	assert_true(explanation_is_over(&world.tier, &tracked, NOW_NS));
	assert_false(explanation_is_over(&world.tier, &tracked, NOW_NS + 1));
	world.tier.over = SL_OVER_COUNT;
	assert_true(explanation_is_over(&world.tier, &tracked, NOW_NS));
	world.tier.limited[SL_PACKETS] = false;
	assert_false(explanation_is_over(&world.tier, &tracked, NOW_NS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_owes_nothing_has_the_whole_burst_and_passes),
		cmocka_unit_test(the_last_token_passes_and_the_next_packet_does_not),
		cmocka_unit_test(why_names_the_limit_and_when_a_token_is_back),
		cmocka_unit_test(a_debt_beyond_the_present_burst_waits_for_one_token_only),
		cmocka_unit_test(a_tier_that_flags_flags_and_one_that_counts_passes),
		cmocka_unit_test(the_soft_mark_flags_above_and_not_at_it),
		cmocka_unit_test(bytes_left_are_counted_in_bytes),
		cmocka_unit_test(a_packet_of_64_bytes_that_does_not_fit_is_over_the_byte_limit),
		cmocka_unit_test(an_empty_connection_bucket_stops_no_plain_packet),
		cmocka_unit_test(a_ban_drops_who_owes_nothing),
		cmocka_unit_test(a_runtime_allow_beats_deny_and_ban),
		cmocka_unit_test(a_denied_prefix_is_named_with_its_line),
		cmocka_unit_test(an_allowed_prefix_passes_even_when_banned),
		cmocka_unit_test(an_unlimited_tier_passes_whatever_is_owed),
		cmocka_unit_test(a_source_is_over_when_one_packet_more_does_not_fit_and_not_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
