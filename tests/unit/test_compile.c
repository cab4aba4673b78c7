/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/duration.h"
#include "guarded.h"
#include "policies.h"
#include "policy/compile.h"

#define TICK_NS 4000000 /* 250 Hz */

/* One agent's life: policies compiled one after the other. */
struct world {
	struct numbering *numbering;
	struct compiled compiled;
	uint32_t generation;
};

static int make_world(void **state)
{
	static struct world world;

	world = (struct world){0};
	*state = &world;
	return numbering_new(&world.numbering);
}

static int end_world(void **state)
{
	struct world *world = *state;

	compiled_free(&world->compiled);
	numbering_free(world->numbering);
	return 0;
}

/* Compile text as the given generation. */
static const struct sl_policy *compile_as(struct world *world, uint32_t generation,
					  const char *text)
{
	struct policy *policy = policy_of(text);

	compiled_free(&world->compiled);
	assert_int_equal(
		policy_compile(policy, generation, TICK_NS, world->numbering, &world->compiled), 0);
	policy_free(policy);
	world->generation = generation;
	return world->compiled.policy;
}

static const struct sl_policy *compile(struct world *world, const char *text)
{
	return compile_as(world, world->generation + 1, text);
}

static const struct sl_policy *compile_sources(struct world *world, const char *sources)
{
	char text[1024];

	snprintf(text, sizeof(text), MINIMAL "sources:\n%s", sources);
	return compile(world, text);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(bytes_of(text), &prefix, NULL), PREFIX_OK);
	return prefix;
}

static struct sl_rule rule_of(const struct world *world, const char *text)
{
	struct prefix prefix = prefix_of(text);

	for (size_t i = 0; i < world->compiled.rule_count; i++)
		if (!prefix_compare(&world->compiled.rules[i].prefix, &prefix))
			return world->compiled.rules[i].rule;
	fail_msg("no entry %s", text);
	return (struct sl_rule){0};
}

static uint32_t id_of(const struct world *world, const char *text)
{
	struct prefix prefix = prefix_of(text);

	return numbering_rule(world->numbering, &prefix);
}

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

/* ---- Numbers ---- */

static void numbers_stay_while_others_come_and_go(void **state)
{
	struct world *world = *state;
	uint32_t kept;

	compile_sources(world, "  10.0.0.0/8: partner\n  20.0.0.0/8: partner\n");
	kept = id_of(world, "20.0.0.0/8");
	compile_sources(world, "  5.0.0.0/8: deny\n  20.0.0.0/8: deny\n");
	assert_int_equal(id_of(world, "20.0.0.0/8"), kept);
	assert_int_equal(rule_of(world, "20.0.0.0/8").id, kept);
}

static void a_freed_number_rests_two_generations_and_one_more_for_its_counters(void **state)
{
	struct world *world = *state;
	uint32_t freed, ids[4];

	compile_sources(world, "  10.0.0.0/8: deny\n");
	freed = id_of(world, "10.0.0.0/8");
	compile_sources(world, "  20.0.0.0/8: deny\n"); /* freed here */
	compile_sources(world, "  21.0.0.0/8: deny\n");
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 4), 0);
	assert_int_equal(id_of(world, "10.0.0.0/8"), freed);
	compile_sources(world, "  22.0.0.0/8: deny\n");
	assert_int_not_equal(id_of(world, "22.0.0.0/8"), freed);
	assert_int_equal(id_of(world, "10.0.0.0/8"), 0);
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 4), 1);
	assert_int_equal(ids[0], freed);
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 4), 0);
	compile_sources(world, "  23.0.0.0/8: deny\n");
	assert_int_equal(id_of(world, "23.0.0.0/8"), freed);
}

static void who_comes_back_while_resting_gets_the_old_number(void **state)
{
	struct world *world = *state;
	uint32_t number;

	compile_sources(world, "  10.0.0.0/8: deny\n");
	number = id_of(world, "10.0.0.0/8");
	compile_sources(world, "  20.0.0.0/8: deny\n");
	compile_sources(world, "  21.0.0.0/8: deny\n");
	compile_sources(world, "  10.0.0.0/8: deny\n");
	assert_int_equal(id_of(world, "10.0.0.0/8"), number);
}

static void a_second_try_at_one_generation_ages_nothing(void **state)
{
	struct world *world = *state;
	uint32_t number, ids[4];

	compile_as(world, 1, MINIMAL "sources: {10.0.0.0/8: deny}\n");
	number = id_of(world, "10.0.0.0/8");
	for (int i = 0; i < 5; i++)
		compile_as(world, 2, MINIMAL "sources: {20.0.0.0/8: deny}\n");
	assert_int_equal(id_of(world, "10.0.0.0/8"), number);
	assert_int_equal(numbering_released(world->numbering, 2, ids, 4), 0);
	for (int i = 0; i < 3; i++)
		compile_as(world, 4, MINIMAL "sources: {20.0.0.0/8: deny, 30.0.0.0/8: deny}\n");
	assert_int_not_equal(id_of(world, "30.0.0.0/8"), number);
	assert_int_equal(numbering_released(world->numbering, 4, ids, 4), 1);
}

static void released_numbers_are_told_in_portions(void **state)
{
	struct world *world = *state;
	uint32_t ids[2];

	compile_sources(world, "  10.0.0.0/8: deny\n  11.0.0.0/8: deny\n  12.0.0.0/8: deny\n");
	compile(world, MINIMAL);
	compile(world, MINIMAL);
	compile(world, MINIMAL);
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 2), 2);
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 2), 1);
	assert_int_equal(numbering_released(world->numbering, world->generation, ids, 2), 0);
}

static void generations_may_wrap(void **state)
{
	struct world *world = *state;
	uint32_t number;

	compile_as(world, 0xfffffffeu, MINIMAL "sources: {10.0.0.0/8: deny}\n");
	number = id_of(world, "10.0.0.0/8");
	compile_as(world, 0xffffffffu, MINIMAL);
	compile_as(world, 0, MINIMAL);
	assert_int_equal(id_of(world, "10.0.0.0/8"), number);
	compile_as(world, 1, MINIMAL);
	assert_int_equal(id_of(world, "10.0.0.0/8"), 0);
}

static void a_number_leads_back_to_its_prefix(void **state)
{
	struct world *world = *state;
	struct prefix expected = prefix_of("20.0.0.0/8"), prefix;

	compile_sources(world, "  10.0.0.0/8: deny\n  20.0.0.0/8: deny\n");
	assert_true(numbering_rule_prefix(world->numbering, 2, &prefix));
	assert_int_equal(prefix_compare(&prefix, &expected), 0);
	assert_false(numbering_rule_prefix(world->numbering, 0, &prefix));
	assert_false(numbering_rule_prefix(world->numbering, 3, &prefix));
	assert_false(numbering_rule_prefix(world->numbering, ~0u, &prefix));
}

static void tiers_keep_their_numbers_by_name(void **state)
{
	struct world *world = *state;
	const struct sl_policy *out;
	uint8_t tiers[4];

	compile(world, PLANES "tiers: {a: unlimited, b: unlimited}\ndefault: a\n");
	out = compile(world, PLANES "tiers: {c: unlimited, b: unlimited}\ndefault: b\n");
	assert_int_equal(numbering_tier(world->numbering, "b"), 1);
	assert_int_equal(numbering_tier(world->numbering, "c"), 2);
	assert_int_equal(numbering_tier(world->numbering, "a"), 0);
	assert_string_equal(numbering_tier_name(world->numbering, 0), "a");
	assert_int_equal(out->default_rule.tier, 1);
	assert_false(out->tier[0].unlimited);

	compile(world, PLANES "tiers: {b: unlimited}\ndefault: b\n");
	compile(world, PLANES "tiers: {b: unlimited}\ndefault: b\n");
	assert_int_equal(numbering_tier(world->numbering, "a"), -ENOENT);
	assert_null(numbering_tier_name(world->numbering, 0));
	assert_int_equal(numbering_released_tiers(world->numbering, world->generation, tiers, 4),
			 1);
	assert_int_equal(tiers[0], 0);
}

static void allow_and_deny_are_their_own_numbers(void **state)
{
	struct world *world = *state;

	assert_int_equal(numbering_tier(world->numbering, "allow"), SL_TIER_ALLOW);
	assert_int_equal(numbering_tier(world->numbering, "deny"), SL_TIER_DENY);
	assert_int_equal(numbering_tier(world->numbering, "nobody"), -ENOENT);
	assert_string_equal(numbering_tier_name(world->numbering, SL_TIER_DENY), "deny");
	assert_null(numbering_tier_name(world->numbering, 252));
}

/* A policy with count tiers called first, first + 1, ... */
static char *many_tiers(int first, int count)
{
	auto_buffer struct buffer text = buffer_new(1 << 20);
	char *taken;

	buffer_printf(&text, PLANES "default: t%d\ntiers:\n", first);
	for (int i = first; i < first + count; i++)
		buffer_printf(&text, "  t%d: unlimited\n", i);
	taken = text.at;
	text = buffer_new(0);
	return taken;
}

static void numbers_of_tiers_can_run_out_and_then_nothing_changes(void **state)
{
	struct world *world = *state;
	char *first = many_tiers(0, 200), *second = many_tiers(200, 51);
	struct policy *policy = policy_of(second);
	struct compiled compiled;

	compile(world, first);
	assert_int_equal(policy_compile(policy, 2, TICK_NS, world->numbering, &compiled), -ENOSPC);
	assert_int_equal(numbering_tier(world->numbering, "t199"), 199);
	assert_int_equal(numbering_tier(world->numbering, "t200"), -ENOENT);
	policy_free(policy);
	free(first);
	free(second);
}

/* ---- Saved ---- */

static void fill_for_saving(struct world *world)
{
	compile_sources(world, "  10.0.0.0/8: deny\n  11.0.0.0/8: deny\n");
	compile_sources(world, "  11.0.0.0/8: deny\n  12.0.0.0/8: deny\n  ::1: deny\n");
	compile_sources(world, "  13.0.0.0/8: deny\n  12.0.0.0/8: deny\n");
	compile_sources(world, "  13.0.0.0/8: deny\n  14.0.0.0/8: deny\n");
}

static void a_saved_numbering_goes_on_as_if_nothing_had_happened(void **state)
{
	struct world *world = *state;
	auto_buffer struct buffer saved = buffer_new(1 << 20), again = buffer_new(1 << 20);
	struct numbering *loaded;

	fill_for_saving(world);
	numbering_save(world->numbering, &saved);
	assert_int_equal(numbering_load((struct bytes){saved.at, saved.len}, &loaded), 0);
	assert_int_equal(numbering_tier(loaded, "partner"), 1);
	numbering_free(world->numbering);
	world->numbering = loaded;
	numbering_save(loaded, &again);
	assert_int_equal(again.len, saved.len);
	assert_memory_equal(again.at, saved.at, saved.len);

	compile_sources(world, "  14.0.0.0/8: deny\n  11.0.0.0/8: deny\n");
	assert_int_equal(id_of(world, "11.0.0.0/8"), 2);
}

static void what_is_no_saved_numbering_is_refused(void **state)
{
	struct world *world = *state;
	auto_buffer struct buffer saved = buffer_new(1 << 20);
	struct numbering *loaded = NULL;

	fill_for_saving(world);
	numbering_save(world->numbering, &saved);
	assert_int_equal(numbering_load((struct bytes){NULL, 0}, &loaded), -EINVAL);
	for (size_t len = 0; len < saved.len; len += len < 64 ? 1 : 61) {
		struct guarded guarded = guarded_copy((struct bytes){saved.at, len});

		assert_int_equal(numbering_load(guarded.text, &loaded), -EINVAL);
		guarded_free(&guarded);
	}
	buffer_add(&saved, BYTES("x"));
	assert_int_equal(numbering_load((struct bytes){saved.at, saved.len}, &loaded), -EINVAL);
	assert_null(loaded);
}

static void a_saved_numbering_with_any_byte_changed_is_refused_or_harmless(void **state)
{
	struct world *world = *state;
	auto_buffer struct buffer saved = buffer_new(1 << 20);

	fill_for_saving(world);
	numbering_save(world->numbering, &saved);
	for (size_t i = 0; i<saved.len; i += i> 128 && i + 256 < saved.len ? 97 : 1) {
		struct numbering *loaded = NULL;

		saved.at[i] ^= 0x41;
		(void)numbering_load((struct bytes){saved.at, saved.len}, &loaded);
		numbering_free(loaded); /* the sanitizer is the judge */
		saved.at[i] ^= 0x41;
	}
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
		WORLD(numbers_stay_while_others_come_and_go),
		WORLD(a_freed_number_rests_two_generations_and_one_more_for_its_counters),
		WORLD(who_comes_back_while_resting_gets_the_old_number),
		WORLD(a_second_try_at_one_generation_ages_nothing),
		WORLD(released_numbers_are_told_in_portions),
		WORLD(generations_may_wrap),
		WORLD(a_number_leads_back_to_its_prefix),
		WORLD(tiers_keep_their_numbers_by_name),
		WORLD(allow_and_deny_are_their_own_numbers),
		WORLD(numbers_of_tiers_can_run_out_and_then_nothing_changes),
		WORLD(a_saved_numbering_goes_on_as_if_nothing_had_happened),
		WORLD(what_is_no_saved_numbering_is_refused),
		WORLD(a_saved_numbering_with_any_byte_changed_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
