/* SPDX-License-Identifier: BSD-2-Clause */
#include "compile_fixture.h"

#include "base/duration.h"

/* ---- struct sl_policy ---- */

static bool has_bit(const __u64 *words, unsigned bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

static void ports_and_protocols_become_bits(void **state)
{
	const struct sl_policy *out = compile(
		*state, "interfaces: [eth0]\nprotect: {tcp: [80, \"8000-8999\"], udp: 53, sctp: "
			"all, icmp: all, gre: all}\n" TIERS EVERYONE);

	assert_false(out->protect_everything);
	assert_true(has_bit(out->ports[SL_PORTS_TCP], 80));
	assert_false(has_bit(out->ports[SL_PORTS_TCP], 81));
	assert_false(has_bit(out->ports[SL_PORTS_TCP], 7999));
	assert_true(has_bit(out->ports[SL_PORTS_TCP], 8000));
	assert_true(has_bit(out->ports[SL_PORTS_TCP], 8999));
	assert_false(has_bit(out->ports[SL_PORTS_TCP], 9000));
	assert_true(has_bit(out->ports[SL_PORTS_UDP], 53));
	assert_true(has_bit(out->port_protocols, 6));
	assert_true(has_bit(out->port_protocols, 17));
	assert_false(has_bit(out->port_protocols, 132));
	assert_true(has_bit(out->protocols, 132));
	assert_true(has_bit(out->protocols, 1));
	assert_true(has_bit(out->protocols, 58));
	assert_true(has_bit(out->protocols, 47));
	assert_false(has_bit(out->protocols, 50));
	assert_false(has_bit(out->protocols, 6));
}

static void the_last_port_is_a_port(void **state)
{
	const struct sl_policy *out = compile(
		*state, "interfaces: [eth0]\nprotect: {tcp: [\"65534-65535\"]}\n" TIERS EVERYONE);

	assert_true(has_bit(out->ports[SL_PORTS_TCP], 65535));
	assert_false(has_bit(out->ports[SL_PORTS_TCP], 65533));
}

static void everything_else_is_carried_over(void **state)
{
	const struct sl_policy *out = compile(
		*state,
		"interfaces: [eth0]\nprotect: everything\nscope: everything\n" TIERS EVERYONE
		"bans: {after: 7 drops in 3 seconds, for: 1 minute, up to: 2 hours}\n"
		"source_prefix: {ipv4: 24, ipv6: 56}\nflag: {mark: 0x10, mask: 0xf0}\n");

	assert_int_equal(out->generation, 1);
	assert_true(out->protect_everything);
	assert_true(out->scope_everything);
	assert_int_equal(out->source_bits4, 24);
	assert_int_equal(out->source_bits6, 56);
	assert_int_equal(out->flag_mark, 0x10);
	assert_int_equal(out->flag_mask, 0xf0);
	assert_int_equal(out->ban_after, 7);
	assert_int_equal(out->ban_within_ns, 3 * NS_PER_SEC);
	assert_int_equal(out->ban_for_ns, 60 * NS_PER_SEC);
	assert_int_equal(out->ban_max_ns, 7200 * NS_PER_SEC);
	assert_int_equal(out->event_every_ns, 10 * NS_PER_SEC);
	assert_int_equal(out->default_rule.id, 0);
	assert_int_equal(out->default_rule.flags, 0);
	assert_int_equal(out->has_rules4, 0);
	assert_int_equal(out->has_rules6, 0);
}

static void a_tier_has_the_limits_it_names_and_no_other(void **state)
{
	const struct sl_policy *out =
		compile(*state, PLANES "tiers: {a: {packets: 10/second burst 20, over: count, flag "
				       "above: 25%}, b: unlimited}\ndefault: b\n");

	assert_int_equal(out->tier[0].limit[SL_PACKETS].cost, 100000000);
	assert_int_equal(out->tier[0].limit[SL_PACKETS].burst_ns, 2 * NS_PER_SEC);
	assert_int_equal(out->tier[0].limit[SL_PACKETS].flag_above_ns, NS_PER_SEC / 2);
	assert_int_equal(out->tier[0].limit[SL_BYTES].cost, 0);
	assert_int_equal(out->tier[0].limit[SL_CONNECTIONS].cost, 0);
	assert_int_equal(out->tier[0].over, SL_OVER_COUNT);
	assert_false(out->tier[0].unlimited);
	assert_true(out->tier[1].unlimited);
	assert_int_equal(out->default_rule.tier, 1);
	assert_int_equal(((struct world *)*state)->compiled.longest_burst_ns, 2 * NS_PER_SEC);
}

static void what_several_tiers_judge_may_owe_the_longest_burst_of_any(void **state)
{
	const struct sl_policy *out =
		compile(*state, PLANES "tiers: {a: {packets: 10/second burst 20}, b: {packets: "
				       "1000/second burst 5000}, c: {connections: 10/second burst "
				       "70}}\ndefault: b\n");
	const struct sl_limit *any = out->tier[SL_TIER_UNCACHED].limit;

	assert_int_equal(any[SL_PACKETS].burst_ns, 5 * NS_PER_SEC);
	assert_int_equal(any[SL_CONNECTIONS].burst_ns, 7 * NS_PER_SEC);
	assert_int_equal(any[SL_BYTES].burst_ns, 0);
}

static void a_burst_below_16_ticks_needs_the_fine_clock(void **state)
{
	const struct sl_policy *out = compile(
		*state, PLANES "tiers: {fine: {packets: 1000/second burst 63}, coarse: {packets: "
			       "1000/second burst 64}}\ndefault: fine\n");

	assert_true(out->tier[0].fine_clock);
	assert_false(out->tier[1].fine_clock);
}

static void the_default_may_be_deny(void **state)
{
	const struct sl_policy *out = compile(*state, PLANES TIERS "default: deny\n");

	assert_int_equal(out->default_rule.tier, SL_TIER_DENY);
}

/* ---- Rules ---- */

static void every_prefix_is_an_entry_with_a_number_of_its_own(void **state)
{
	struct world *world = *state;
	const struct sl_policy *out = compile_sources(
		world, "  10.0.0.0/8: partner\n  192.0.2.1: deny\n  2001:db8::/32: allow\n");

	assert_int_equal(world->compiled.rule_count, 3);
	assert_int_equal(world->compiled.rule4_count, 2);
	assert_true(out->has_rules4);
	assert_true(out->has_rules6);
	assert_int_equal(rule_of(world, "10.0.0.0/8").tier, 1);
	assert_int_equal(rule_of(world, "192.0.2.1").tier, SL_TIER_DENY);
	assert_int_equal(rule_of(world, "2001:db8::/32").tier, SL_TIER_ALLOW);
	assert_int_equal(rule_of(world, "10.0.0.0/8").id, 1);
	assert_int_equal(rule_of(world, "192.0.2.1").id, 2);
	assert_int_equal(rule_of(world, "2001:db8::/32").id, 3);
}

static void only_a_tiers_prefix_longer_than_nothing_is_named(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  0.0.0.0/0: partner\n  10.0.0.0/8: partner\n  11.0.0.0/8: deny\n"
			       "  12.0.0.0/8: allow\n  ::/0: partner\n");
	assert_int_equal(rule_of(world, "0.0.0.0/0").flags, 0);
	assert_int_equal(rule_of(world, "::/0").flags, 0);
	assert_int_equal(rule_of(world, "10.0.0.0/8").flags, SL_RULE_NAMED);
	assert_int_equal(rule_of(world, "11.0.0.0/8").flags, 0);
	assert_int_equal(rule_of(world, "12.0.0.0/8").flags, 0);
}

static void a_prefix_as_long_as_a_source_splits_nothing(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8::/64: deny\n  192.0.2.1: deny\n");
	assert_int_equal(world->compiled.rule_count, 2);
	assert_int_equal(rule_of(world, "2001:db8::/64").flags, 0);
	assert_int_equal(rule_of(world, "192.0.2.1").flags, 0);
}

static void a_prefix_inside_a_source_adds_a_marker_with_the_default(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8::1: deny\n");
	assert_int_equal(world->compiled.rule_count, 2);
	assert_int_equal(rule_of(world, "2001:db8::/64").id, 0);
	assert_int_equal(rule_of(world, "2001:db8::/64").tier, 0);
	assert_int_equal(rule_of(world, "2001:db8::/64").flags, SL_RULE_SPLIT);
	assert_int_equal(rule_of(world, "2001:db8::1").flags, SL_RULE_SPLIT);
	assert_int_equal(rule_of(world, "2001:db8::1").tier, SL_TIER_DENY);
}

static void a_marker_says_what_the_shorter_prefix_says(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8::/32: partner\n  2001:db8:1::/48: deny\n"
			       "  2001:db8:2::1: deny\n  2001:db8:1::7: allow\n");
	assert_int_equal(rule_of(world, "2001:db8:2::/64").id, id_of(world, "2001:db8::/32"));
	assert_int_equal(rule_of(world, "2001:db8:2::/64").tier, 1);
	assert_int_equal(rule_of(world, "2001:db8:2::/64").flags, SL_RULE_SPLIT | SL_RULE_NAMED);
	assert_int_equal(rule_of(world, "2001:db8:1::/64").id, id_of(world, "2001:db8:1::/48"));
	assert_int_equal(rule_of(world, "2001:db8:1::/64").tier, SL_TIER_DENY);
	assert_int_equal(rule_of(world, "2001:db8::/32").flags, SL_RULE_NAMED);
}

static void a_sources_own_entry_is_the_marker(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8::/64: partner\n  2001:db8::1: deny\n"
			       "  2001:db8::2: deny\n  2001:db8:0:1::/64: partner\n");
	assert_int_equal(world->compiled.rule_count, 4);
	assert_int_equal(rule_of(world, "2001:db8::/64").flags, SL_RULE_SPLIT | SL_RULE_NAMED);
	assert_int_equal(rule_of(world, "2001:db8:0:1::/64").flags, SL_RULE_NAMED);
}

static void many_prefixes_inside_one_source_share_its_marker(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8::100/120: partner\n  2001:db8::101: deny\n"
			       "  2001:db8::8000:0:0:0/65: deny\n  2001:db8:0:1::1: deny\n");
	assert_int_equal(world->compiled.rule_count, 6);
	rule_of(world, "2001:db8::/64");
	rule_of(world, "2001:db8:0:1::/64");
}

static void ipv4_sources_are_split_by_the_policys_own_length(void **state)
{
	struct world *world = *state;

	compile(world, MINIMAL "source_prefix: {ipv4: 24}\nsources: {192.0.2.7: deny}\n");
	assert_int_equal(world->compiled.rule_count, 2);
	assert_int_equal(rule_of(world, "192.0.2.0/24").flags, SL_RULE_SPLIT);
}

static void entries_are_sorted(void **state)
{
	struct world *world = *state;

	compile_sources(world, "  2001:db8:2::1: deny\n  10.1.0.0/16: deny\n  10.0.0.0/8: partner\n"
			       "  2001:db8:1::1: deny\n  9.0.0.0/8: deny\n");
	for (size_t i = 1; i < world->compiled.rule_count; i++)
		assert_true(prefix_compare(&world->compiled.rules[i - 1].prefix,
					   &world->compiled.rules[i].prefix) < 0);
	assert_int_equal(world->compiled.rule4_count, 3);
	assert_int_equal(world->compiled.rule_count, 7);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(ports_and_protocols_become_bits),
		WORLD(the_last_port_is_a_port),
		WORLD(everything_else_is_carried_over),
		WORLD(a_tier_has_the_limits_it_names_and_no_other),
		WORLD(what_several_tiers_judge_may_owe_the_longest_burst_of_any),
		WORLD(a_burst_below_16_ticks_needs_the_fine_clock),
		WORLD(the_default_may_be_deny),
		WORLD(every_prefix_is_an_entry_with_a_number_of_its_own),
		WORLD(only_a_tiers_prefix_longer_than_nothing_is_named),
		WORLD(a_prefix_as_long_as_a_source_splits_nothing),
		WORLD(a_prefix_inside_a_source_adds_a_marker_with_the_default),
		WORLD(a_marker_says_what_the_shorter_prefix_says),
		WORLD(a_sources_own_entry_is_the_marker),
		WORLD(many_prefixes_inside_one_source_share_its_marker),
		WORLD(ipv4_sources_are_split_by_the_policys_own_length),
		WORLD(entries_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
