/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "policies.h"

#define TEXT_MAX (8 << 20)

static void assert_diff(const char *before, const char *after, const char *expected)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *old = policy_of(before), *new = policy_of(after);
	size_t lines = policy_diff(old, new, &out), expected_lines = 0;

	for (const char *at = expected; (at = strchr(at, '\n')); at++)
		expected_lines++;
	assert_string_equal(out.len ? out.at : "", expected);
	assert_int_equal(lines, expected_lines);
	policy_free(old);
	policy_free(new);
}

static void the_same_meaning_is_no_difference(void **state)
{
	assert_diff(MINIMAL, MINIMAL, "");
	assert_diff(PLANES "tiers: {a: {packets: 60 per minute burst 64}}\ndefault: a\n",
		    PLANES "tiers: {a: {packets: 1/second}}\ndefault: a\n", "");
	assert_diff("interfaces: [e]\nprotect: {tcp: [80, 81]}\n" TIERS EVERYONE,
		    "interfaces: e\nprotect: {tcp: \"80-81\"}\n" TIERS EVERYONE, "");
	assert_diff(MINIMAL "sources: {10.0.0.0/8: deny, 11.0.0.0/8: partner}\n",
		    PLANES "tiers: {partner: {bytes: 1 MB/second}, public: {packets: "
			   "100/second}}\n" EVERYONE
			   "sources: {11.0.0.0/8: partner, 10.0.0.0/8: deny}\n",
		    "");
}

static void limits_are_compared_one_by_one(void **state)
{
	assert_diff(
		PLANES
		"tiers: {public: {packets: 2000/second, bytes: 1 MB/second}}\ndefault: public\n",
		PLANES
		"tiers: {public: {packets: 500/second, connections: 5/second burst 20, over: "
		"flag, flag above: 50%}}\ndefault: public\n",
		"tier public: packets 2000/second -> 500/second\n"
		"tier public: bytes 1 MB/second -> no limit\n"
		"tier public: connections no limit -> 5/second burst 20\n"
		"tier public: over drop -> flag\n"
		"tier public: flag above 0% -> 50%\n");
}

static void a_burst_alone_is_a_change(void **state)
{
	assert_diff(PLANES "tiers: {public: {packets: 2000/second}}\ndefault: public\n",
		    PLANES "tiers: {public: {packets: 2000/second burst 4000}}\ndefault: public\n",
		    "tier public: packets 2000/second -> 2000/second burst 4000\n");
}

static void tiers_come_go_and_lose_their_limits(void **state)
{
	assert_diff(PLANES "tiers: {a: {packets: 99/second}, b: unlimited}\ndefault: a\n",
		    PLANES "tiers: {a: unlimited, c: {packets: 99/second}}\ndefault: c\n",
		    "tier a: {packets: 99/second, over: drop} -> unlimited\n"
		    "tier c: added, {packets: 99/second, over: drop}\n"
		    "tier b: removed, was unlimited\n"
		    "default: a -> c\n");
}

static void sources_are_told_in_their_order(void **state)
{
	assert_diff(MINIMAL "sources: {10.0.0.0/8: public, 12.0.0.0/8: deny, \"::1\": deny}\n",
		    MINIMAL "sources: {10.0.0.0/8: partner, 11.0.0.0/8: allow, \"::1\": deny}\n",
		    "source 10.0.0.0/8: public -> partner\n"
		    "source 11.0.0.0/8: added, allow\n"
		    "source 12.0.0.0/8: removed, was deny\n");
}

static void a_source_whose_tier_is_gone_has_changed(void **state)
{
	assert_diff(
		PLANES "tiers: {a: unlimited, b: unlimited}\ndefault: a\nsources: {\"::1\": b}\n",
		PLANES "tiers: {a: unlimited, c: unlimited}\ndefault: a\nsources: {\"::1\": c}\n",
		"tier c: added, unlimited\n"
		"tier b: removed, was unlimited\n"
		"source ::1: b -> c\n");
}

static void every_other_section_has_its_line(void **state)
{
	assert_diff(MINIMAL,
		    "interfaces: [eth1]\nprotect: everything\nscope: everything\n" TIERS EVERYONE
		    "bans: {after: 5 drops in 1 second, for: 1 minute}\n"
		    "source_prefix: {ipv4: 24}\nflag: {mark: 2}\n" HTTP
		    "tables: {sources: 99, strangers: 1 MiB, prefixes: 98, bans: 97}\n",
		    "interfaces: [\"eth0\"] -> [\"eth1\"]\n"
		    "protect: {tcp: [80]} -> everything\n"
		    "scope: protected -> everything\n"
		    "bans: added, {after: 5 drops in 1s, for: 1m, up to: 1h}\n"
		    "source_prefix: ipv4 32 -> 24\n"
		    "tables.sources: 65536 -> 99\n"
		    "tables.strangers: 16 MiB -> 1 MiB\n"
		    "tables.prefixes: 1000000 -> 98\n"
		    "tables.bans: 262144 -> 97\n"
		    "flag: mark 0x1 -> 0x2\n"
		    "flag: mask 0x1 -> 0x2\n"
		    "http: added, the HTTP plane\n");
}

static void without_a_policy_before_all_is_added(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *policy = policy_of(MINIMAL "sources: {10.0.0.0/8: partner}\n");

	assert_int_equal(policy_diff(NULL, policy, &out), 13);
	assert_non_null(strstr(out.at, "interfaces: added, [\"eth0\"]\n"));
	assert_non_null(strstr(out.at, "tier partner: added, {bytes: 1 MB/second, over: drop}\n"));
	assert_non_null(strstr(out.at, "source 10.0.0.0/8: added, partner\n"));
	assert_null(strstr(out.at, "removed"));
	policy_free(policy);
}

static struct policy *with_sources(int count)
{
	auto_buffer struct buffer text = buffer_new(TEXT_MAX);

	buffer_add_text(&text, MINIMAL "sources:\n");
	for (int i = 0; i < count; i++)
		buffer_printf(&text, "  10.%d.%d.0/24: deny\n", i / 256, i % 256);
	return policy_of(text.at);
}

static void above_a_thousand_lines_the_rest_is_counted(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *before = policy_of(MINIMAL), *exact = with_sources(POLICY_DIFF_MAX);
	struct policy *more = with_sources(POLICY_DIFF_MAX + 234);

	assert_int_equal(policy_diff(before, exact, &out), POLICY_DIFF_MAX);
	assert_null(strstr(out.at, "more changes"));
	buffer_free(&out);
	assert_int_equal(policy_diff(before, more, &out), POLICY_DIFF_MAX + 1);
	assert_non_null(
		strstr(out.at, "source 10.3.231.0/24: added, deny\nand 234 more changes\n"));
	policy_free(before);
	policy_free(exact);
	policy_free(more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_meaning_is_no_difference),
		cmocka_unit_test(limits_are_compared_one_by_one),
		cmocka_unit_test(a_burst_alone_is_a_change),
		cmocka_unit_test(tiers_come_go_and_lose_their_limits),
		cmocka_unit_test(sources_are_told_in_their_order),
		cmocka_unit_test(a_source_whose_tier_is_gone_has_changed),
		cmocka_unit_test(every_other_section_has_its_line),
		cmocka_unit_test(without_a_policy_before_all_is_added),
		cmocka_unit_test(above_a_thousand_lines_the_rest_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
