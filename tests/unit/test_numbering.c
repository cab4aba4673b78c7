/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of tiers and prefixes: they stay, they rest, they can be saved. */
#include "compile_fixture.h"

#include <errno.h>

#include "guarded.h"

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
