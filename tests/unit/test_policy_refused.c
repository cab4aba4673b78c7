/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies that are refused, each with its place, and what is only warned of. */
#include "policy_mistakes.h"

#include "base/cleanup.h"

/* Behind MINIMAL, whose last line is the fourth: line 5 is text's first. */
static void assert_wrong(const char *text, unsigned line, unsigned column, const char *says)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), MINIMAL "%s", text);
	refuse(whole);
	assert_int_equal(problems.errors, 1);
	assert_told(line, column, says);
}

/* The value of a tier, in `tiers: {t: VALUE}` on line 3: VALUE's column is 12. */
static void assert_wrong_tier(const char *value, unsigned column, const char *says)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), PLANES "tiers: {t: %s}\ndefault: t\n", value);
	refuse(whole);
	assert_int_equal(problems.errors, 1);
	assert_told(3, column, says);
}

static struct policy *good(const char *text)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), MINIMAL "%s", text);
	return policy_of(whole);
}

/* ---- What is refused, and where ---- */

static void what_is_missing_is_named_with_an_example(void **state)
{
	refuse("interfaces: [eth0]\n" TIERS EVERYONE);
	assert_told(1, 1, "`protect` is missing");
	refuse("default: allow\n" PLANES);
	assert_told(2, 1, "`tiers` is missing");
	refuse(PLANES TIERS);
	assert_told(3, 1, "`default` is missing");
	refuse("scope: protected\n");
	assert_told(1, 1, "neither `interfaces` nor `http`");
	assert_wrong("bans: {for: 1 minute}\n", 5, 1, "`after` is missing");
	assert_wrong("bans: {after: 1 drop in 1 second}\n", 5, 1, "`for` is missing");
}

static void misspelt_keys_are_errors_with_a_suggestion(void **state)
{
	assert_wrong("bnas: {}\n", 5, 1, "did you mean \"bans\"?");
	assert_wrong("sorces: {}\n", 5, 1, "did you mean \"sources\"?");
	assert_wrong("colour: red\n", 5, 1, "unknown key \"colour\"; expected one of interfaces");
	assert_wrong("tables: {source: 5}\n", 5, 10, "did you mean \"sources\"?");
	assert_wrong("flag:\n  marc: 1\n", 6, 3, "did you mean \"mark\"?");
	assert_wrong_tier("{packet: 5/second, packets: 5/second burst 10}", 13,
			  "did you mean \"packets\"?");
	assert_wrong("<<: {}\n", 5, 1, "unknown key \"<<\"");
}

static void a_key_that_stands_twice_is_an_error(void **state)
{
	assert_wrong("default: partner\n", 5, 1, "\"default\" stands twice; it is on line 4");
	assert_wrong("tables:\n  bans: 5\n  bans: 6\n", 7, 3, "on line 6 already");
	refuse(PLANES "tiers:\n  a: unlimited\n  b: unlimited\n  a: unlimited\ndefault: a\n");
	assert_told(6, 3, "tier a stands twice; it is on line 4");
}

static void values_of_the_wrong_kind_are_errors(void **state)
{
	assert_wrong("scope: [everything]\n", 5, 8,
		     "found a list, expected protected or everything");
	assert_wrong("scope: everythin\n", 5, 8, "did you mean \"everything\"?");
	assert_wrong("bans: often\n", 5, 7, "found \"often\", expected a mapping");
	assert_wrong("sources: [10.0.0.0/8]\n", 5, 10, "found a list, expected a mapping");
	assert_wrong("sources: {10.0.0.0/8: [a]}\n", 5, 23, "found a list, expected a tier's name");
	assert_wrong("sources: {10.0.0.0/8: }\n", 5, 23, "found nothing, expected a tier's name");
	assert_wrong("http: yes\n", 5, 7, "expected a mapping");
	assert_wrong("? [a]\n: b\n", 5, 3, "found a list, expected a key");
	assert_wrong("flag: {accept: yes}\n", 5, 16, "expected false or true");
	assert_wrong("source_prefix: {ipv4: 33}\n", 5, 23, "a number from 1 to 32");
	assert_wrong("source_prefix: {ipv6: 0}\n", 5, 23, "a number from 1 to 128");
	assert_wrong("tables: {sources: 15}\n", 5, 19, "a number from 16");
	assert_wrong("tables: {prefixes: -1}\n", 5, 20, "found \"-1\"");
	assert_wrong("tables: {bans: 18446744073709551617}\n", 5, 16, "expected a number");
	assert_wrong("tables: {strangers: 3 MiB}\n", 5, 21, "a power of two");
	assert_wrong("tables: {strangers: 32 KiB}\n", 5, 21, "a power of two");
	assert_wrong("tables: {strangers: 2 GiB}\n", 5, 21, "a power of two");
	assert_wrong("tables: {strangers: 3 MiX}\n", 5, 23, "found \"MiX\"");
}

static void interfaces_are_names_or_globs(void **state)
{
	static const char *const wrong[] = {"abcdefghijklmnop", "a/b", "\"a b\"", "\"\"", "[a]"};
	char whole[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(whole, sizeof(whole),
			 "interfaces: [ok, %s]\nprotect: everything\n" TIERS EVERYONE, wrong[i]);
		refuse(whole);
		assert_told(1, 18, "expected an interface's name");
	}
	refuse("interfaces: []\nprotect: everything\n" TIERS EVERYONE);
	assert_told(1, 13, "found an empty list");
	policy_free(policy_of("interfaces: abcdefghijklmno\nprotect: everything\n" TIERS EVERYONE));
}

static void what_is_protected_is_checked(void **state)
{
	static const struct {
		const char *value;
		unsigned column;
		const char *says;
	} cases[] = {
		{"nothing", 10, "`everything` or protocols"},
		{"{}", 10, "found no protocol"},
		{"{tcp: []}", 16, "found an empty list"},
		{"{tcp: [0]}", 17, "expected a port"},
		{"{tcp: [65536]}", 17, "expected a port"},
		{"{tcp: [\"90-80\"]}", 17, "expected a port"},
		{"{tcp: [\"80-\"]}", 17, "expected a port"},
		{"{tcp: http}", 16, "expected a port"},
		{"{tpc: [80]}", 11, "did you mean \"tcp\"?"},
		{"{icmp: [8]}", 17, "no ports"},
	};
	char whole[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(whole, sizeof(whole), "interfaces: [e]\nprotect: %s\n" TIERS EVERYONE,
			 cases[i].value);
		refuse(whole);
		assert_told(2, cases[i].column, cases[i].says);
	}
}

static void tiers_are_checked(void **state)
{
	assert_wrong_tier("{}", 12, "found no limit");
	assert_wrong_tier("{over: drop}", 12, "found no limit");
	assert_wrong_tier("endless", 12, "expected `unlimited` or limits");
	assert_wrong_tier("{packets: 2000/secnd}", 27, "found \"secnd\"");
	assert_wrong_tier("{packets: \"2000/secnd\"}", 28, "found \"secnd\"");
	assert_wrong_tier("{packets: 5/second burst 0}", 37, "expected 1 to 18000");
	assert_wrong_tier("{packets: [5]}", 22, "found a list, expected a rate");
	assert_wrong_tier("{packets: 50/second, over: drp}", 39, "did you mean \"drop\"?");
	assert_wrong_tier("{packets: 50/second, flag above: 0%}", 45, "from 1% to 99%");
	assert_wrong_tier("{packets: 50/second, flag above: 100%}", 45, "from 1% to 99%");
	assert_wrong_tier("{packets: 50/second, flag above: 50}", 45, "from 1% to 99%");
}

static void tiers_have_plain_names(void **state)
{
	static const char *const wrong[] = {
		"allow",
		"deny",
		"'a b'",
		"-a",
		"a/b",
		"''",
		"a123456789012345678901234567890123456789012345678901234567890123"};
	char whole[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(whole, sizeof(whole),
			 PLANES "tiers:\n  ok: unlimited\n  %s: unlimited\n"
				"default: ok\n",
			 wrong[i]);
		refuse(whole);
		assert_int_equal(problems.at[0].place.line, 5);
		assert_int_equal(problems.at[0].place.column, 3);
	}
}

static void sources_are_checked(void **state)
{
	assert_wrong("sources:\n  10.1.2.3/8: public\n", 6, 3, "did you mean 10.0.0.0/8?");
	assert_wrong("sources:\n  2001:db8::1/32: public\n", 6, 3, "did you mean 2001:db8::/32?");
	assert_wrong("sources:\n  10.0.0.0/33: public\n", 6, 3, "at most /32");
	assert_wrong("sources:\n  example.org: public\n", 6, 3, "found \"example.org\"");
	assert_wrong("sources:\n  10.0.0.0/8: publik\n", 6, 3, "did you mean \"public\"?");
	assert_wrong("sources:\n  10.0.0.0/8: bogus\n", 6, 3,
		     "expected public, partner, allow or deny");
	assert_wrong("sources:\n  10.0.0.0/8: public\n  11.0.0.0/8: deny\n  10.0.0.0/8: public\n",
		     8, 3, "10.0.0.0/8 stands twice; it is on line 6 already");
	assert_wrong("sources:\n  ::/0: deny\n  0::/0: allow\n", 7, 3,
		     "contradicts line 6: deny there, allow here");
	refuse(PLANES TIERS "default: nobody\n");
	assert_told(4, 10, "unknown tier \"nobody\"");
}

static void more_prefixes_than_the_table_holds_are_an_error(void **state)
{
	policy_free(good("tables: {prefixes: 2}\nsources: {10.0.0.0/8: deny, 11.0.0.0/8: deny, "
			 "\"::1\": deny}\n"));
	assert_wrong(
		"tables: {prefixes: 2}\nsources: {10.0.0.0/8: deny, 11.0.0.0/8: deny, 12.0.0.0/8: "
		"deny}\n",
		6, 1, "3 IPv4");
	policy_free(good("tables: {prefixes: 1}\nsources: {1.2.3.4: deny, \"::/64\": deny}\n"));
	assert_wrong("tables: {prefixes: 1}\nsources: {\"::1\": deny}\n", 6, 1, "2 IPv6");
}

static void bans_are_checked(void **state)
{
	static const char *const wrong[] = {"often",
					    "0 drops in 1 second",
					    "5 drops",
					    "5 in 1 second",
					    "5 drops in",
					    "5 drops in 999ms",
					    "5 drops in 2 days",
					    "1000000001 drops in 1 second"};
	char text[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "bans: {for: 1 minute, after: %s}\n", wrong[i]);
		assert_wrong(text, 5, 30, "expected `N drops in TIME`");
	}
	assert_wrong("bans: {after: 1 drop in 1 second, for: 0}\n", 5, 40, "at least 1 second");
	assert_wrong("bans: {after: 1 drop in 1 second, for: ages}\n", 5, 40, "a span of time");
	assert_wrong("bans: {after: 1 drop in 1 second, for: 11 weeks 4000 days}\n", 5, 40,
		     "ten years");
	assert_wrong("bans: {after: 1 drop in 1 second, for: 2m, up to: 1m}\n", 5, 51, "shorter");
}

static void a_mark_lies_within_its_mask(void **state)
{
	policy_free(good("flag: {mark: 2, mask: 3}\n"));
	assert_wrong("flag: {mark: 3, mask: 1}\n", 5, 14, "outside its mask");
	assert_wrong("flag: {mask: 2}\n", 5, 14, "outside its mask");
	assert_wrong("flag: {mark: 0}\n", 5, 14, "a number from 1");
	assert_wrong("flag: {mask: 0}\n", 5, 14, "a number from 1");
	assert_wrong("flag: {mark: 0x100000000}\n", 5, 14, "a number from 1");
}

static void yaml_that_policies_do_not_use_is_refused(void **state)
{
	refuse("interfaces: &a [eth0]\n");
	assert_told(1, 13, "anchors");
	refuse("interfaces: *a\n");
	assert_told(1, 13, "aliases");
	refuse("interfaces: !!seq [eth0]\n");
	assert_told(1, 13, "tags");
	refuse(MINIMAL "---\na: b\n");
	assert_told(5, 1, "second document");
	refuse("");
	assert_told(1, 1, "found nothing");
	refuse("- a\n");
	assert_told(1, 1, "found a list, expected a mapping");
	assert_int_equal(problems.errors, 1);
	refuse("interfaces: [eth0\n");
	assert_told(2, 1, "not YAML");
	refuse("a:\n\xff\n");
	assert_told(2, 1, "not YAML");
	refuse("http:\n\tlisten: []\n");
	assert_told(2, 1, "a tab; indent with spaces");
}

static void nesting_ends_at_sixteen(void **state)
{
	refuse("http: {a: [[[[[[[[[[[[[[]]]]]]]]]]]]]]}\n");
	assert_int_equal(problems.errors, 3); /* what is missing, and the key; not the nesting */
	refuse("http: {a: [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}\n");
	assert_told(1, 25, "nested too deeply");
}

static void all_mistakes_are_told_at_once_in_the_files_order(void **state)
{
	refuse("sources: {1.2.3.4: nobody}\nscope: x\ninterfaces: [a]\nbans: 5\n");
	assert_int_equal(problems.errors, 5);
	for (size_t i = 1; i < problems.count; i++)
		assert_true(problems.at[i - 1].place.line <= problems.at[i].place.line);
}

static void small_bursts_are_warned_of_and_still_good(void **state)
{
	struct policy *policy;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(
		policy_parse(BYTES(PLANES "tiers:\n  a: {packets: 5/second burst 9, bytes: 1 "
					  "MB/second burst 1513}\n  b: {packets: 5/second burst "
					  "10, bytes: 1 MB/second burst 1514}\ndefault: a\n"),
			     &problems, &policy),
		0);
	assert_int_equal(problems.errors, 0);
	assert_int_equal(problems.warnings, 2);
	assert_told(4, 16, "a burst of 9 packets");
	assert_told(4, 41, "a burst of 1513 bytes");
	assert_true(problems.at[0].is_warning);
	policy_free(policy);
}

static void the_first_fifty_errors_are_kept_and_all_are_counted(void **state)
{
	auto_buffer struct buffer text = buffer_new(1 << 20), told = buffer_new(1 << 20);

	for (int i = 0; i < 120; i++)
		buffer_printf(&text, "k%d: 1\n", i);
	refuse(text.at);
	assert_int_equal(problems.count, POLICY_ERRORS_MAX);
	assert_int_equal(problems.errors, 121);
	assert_told(49, 1, "k48");
	policy_problems_format(&problems, "file", &told);
	assert_non_null(strstr(told.at, "file:2:1: error: unknown key \"k1\""));
	assert_non_null(strstr(told.at, "file: and 71 more\n"));
}

static void a_default_that_limits_connections_only_is_warned_of(void **state)
{
	struct policy *policy;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(
		policy_parse(BYTES(PLANES
				   "tiers:\n  a: {connections: 5/second}\n  b: {connections: "
				   "5/second, packets: 5/second}\ndefault: a\n"),
			     &problems, &policy),
		0);
	assert_int_equal(problems.warnings, 1);
	assert_told(6, 10, "frames with more than two VLAN tags");
	policy_free(policy);

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(
		policy_parse(BYTES(PLANES
				   "tiers:\n  a: {connections: 5/second}\n  b: {connections: "
				   "5/second, packets: 5/second}\ndefault: b\n"),
			     &problems, &policy),
		0);
	assert_int_equal(problems.warnings, 0);
	policy_free(policy);
}

static void an_error_is_kept_rather_than_a_warning(void **state)
{
	auto_buffer struct buffer text = buffer_new(1 << 20);

	buffer_add_text(&text, PLANES "default: t0\ntiers:\n");
	for (int i = 0; i < 60; i++)
		buffer_printf(&text, "  t%d: {packets: 5/second burst 1}\n", i);
	buffer_add_text(&text, "scope: x\n");
	refuse(text.at);
	assert_int_equal(problems.errors, 1);
	assert_int_equal(problems.warnings, 60);
	assert_told(65, 8, "found \"x\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_named_with_an_example),
		cmocka_unit_test(misspelt_keys_are_errors_with_a_suggestion),
		cmocka_unit_test(a_key_that_stands_twice_is_an_error),
		cmocka_unit_test(values_of_the_wrong_kind_are_errors),
		cmocka_unit_test(interfaces_are_names_or_globs),
		cmocka_unit_test(what_is_protected_is_checked),
		cmocka_unit_test(tiers_are_checked),
		cmocka_unit_test(tiers_have_plain_names),
		cmocka_unit_test(sources_are_checked),
		cmocka_unit_test(more_prefixes_than_the_table_holds_are_an_error),
		cmocka_unit_test(bans_are_checked),
		cmocka_unit_test(a_mark_lies_within_its_mask),
		cmocka_unit_test(yaml_that_policies_do_not_use_is_refused),
		cmocka_unit_test(nesting_ends_at_sixteen),
		cmocka_unit_test(all_mistakes_are_told_at_once_in_the_files_order),
		cmocka_unit_test(small_bursts_are_warned_of_and_still_good),
		cmocka_unit_test(the_first_fifty_errors_are_kept_and_all_are_counted),
		cmocka_unit_test(a_default_that_limits_connections_only_is_warned_of),
		cmocka_unit_test(an_error_is_kept_rather_than_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
