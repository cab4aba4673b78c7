/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glob.h>
#include <string.h>

#include "policies.h"
#include "policy/report.h"

#define TEXT_MAX (1 << 20)

static const struct policy_problems none;

/* Print, parse, print again: the same text, and no difference. */
static void assert_round_trip(const struct policy *policy)
{
	auto_buffer struct buffer first = buffer_new(TEXT_MAX), second = buffer_new(TEXT_MAX);
	auto_buffer struct buffer changes = buffer_new(TEXT_MAX);
	struct policy *again;

	policy_print(policy, &first);
	again = policy_of(first.at);
	policy_print(again, &second);
	assert_string_equal(first.at, second.at);
	assert_int_equal(policy_diff(policy, again, &changes), 0);
	assert_int_equal(policy_diff(again, policy, &changes), 0);
	policy_free(again);
}

static void every_example_reads_back_the_same(void **state)
{
	glob_t found;

	assert_int_equal(glob("docs/examples/*.yaml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct policy_problems problems = none;
		struct policy *policy;

		assert_int_equal(policy_read(found.gl_pathv[i], &problems, NULL, &policy), 0);
		assert_round_trip(policy);
		policy_free(policy);
	}
	globfree(&found);
}

static long below(long n)
{
	return random() % n;
}

static void add_random_tier(struct buffer *out, int i)
{
	static const char *const overs[] = {"drop", "flag", "count"};
	static const char *const units[] = {"B", "KB", "MiB", "MB"};

	if (!below(5)) {
		buffer_printf(out, "  t%d: unlimited\n", i);
		return;
	}
	buffer_printf(out, "  t%d: {packets: %ld per %ld seconds", i, 100 + below(1000000),
		      1 + below(100));
	if (below(2))
		buffer_printf(out, " burst %ld", 1 + below(3000));
	if (below(2))
		buffer_printf(out, ", bytes: %ld %s per minute", 1000 + below(100),
			      units[below(4)]);
	if (below(2))
		buffer_printf(out, ", connections: %ld/hour", 60 + below(5000));
	buffer_printf(out, ", over: %s", overs[below(3)]);
	if (below(2))
		buffer_printf(out, ", flag above: %ld%%", 1 + below(99));
	buffer_add_text(out, "}\n");
}

static void add_random_sources(struct buffer *out, int tiers)
{
	static const char *const fixed[] = {"allow", "deny"};

	buffer_add_text(out, "sources:\n");
	for (int i = 0; i < 20; i++) {
		if (i % 2)
			buffer_printf(out, "  %d.%ld.0.0/16: ", i, below(256));
		else
			buffer_printf(out, "  2001:db8:%d:%lx::/%d: ", i, below(65536), 64 + i);
		if (below(2))
			buffer_printf(out, "%s\n", fixed[below(2)]);
		else
			buffer_printf(out, "t%ld\n", below(tiers));
	}
}

/* A policy that is right, and otherwise anything. */
static void add_random_policy(struct buffer *out)
{
	const int tiers = 1 + (int)below(6);

	buffer_add_text(out,
			below(2) ? "interfaces: [eth0, \"a*\", 'b\"\\']\n" : "interfaces: x\n");
	if (below(3))
		buffer_printf(out, "protect: {tcp: [%ld, \"%ld-%ld\"], udp: all, icmp: all}\n",
			      1 + below(65535), 1 + below(100), 100 + below(1000));
	else
		buffer_add_text(out, "protect: everything\n");
	buffer_add_text(out, below(2) ? "scope: everything\n" : "");
	buffer_add_text(out, "tiers:\n");
	for (int i = 0; i < tiers; i++)
		add_random_tier(out, i);
	buffer_printf(out, "default: %s\n", below(4) ? "t0" : "deny");
	add_random_sources(out, tiers);
	if (below(2))
		buffer_printf(out, "bans: {after: %ld drops in %ldms, for: %lds, up to: %ldh}\n",
			      1 + below(1000), 1000 + below(10000), 1 + below(3000),
			      1 + below(900));
	buffer_printf(out, "source_prefix: {ipv4: %ld, ipv6: %ld}\n", 1 + below(32),
		      1 + below(128));
	buffer_printf(out, "tables: {sources: %ld, strangers: %d KiB}\n", 16 + below(100000),
		      64 << below(8));
	buffer_printf(out, "flag: {mark: 0x%lx, mask: 0xffffffff}\n", 1 + below(1 << 30));
	buffer_add_text(out, below(2) ? HTTP : "");
}

static void random_policies_read_back_the_same(void **state)
{
	srandom(42);
	for (int i = 0; i < 400; i++) {
		auto_buffer struct buffer text = buffer_new(TEXT_MAX);
		struct policy *policy;

		add_random_policy(&text);
		policy = policy_of(text.at);
		assert_round_trip(policy);
		policy_free(policy);
	}
}

static void defaults_are_written_out(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *policy = policy_of(HTTP);

	policy_print(policy, &out);
	assert_memory_equal(
		out.at,
		"scope: protected\n"
		"default: allow\n"
		"source_prefix: {ipv4: 32, ipv6: 64}\n"
		"tables: {sources: 65536, strangers: 16 MiB, prefixes: 1000000, bans: 262144}\n"
		"flag: {mark: 0x1, mask: 0x1, accept: false}\n"
		"http:\n"
		"  listen: [\"127.0.0.1:80\"]\n",
		222);
	assert_round_trip(policy);
	policy_free(policy);
}

static void a_buffer_that_is_too_small_says_so(void **state)
{
	auto_buffer struct buffer out = buffer_new(30);
	struct policy *policy = policy_of(MINIMAL);

	policy_print(policy, &out);
	assert_int_not_equal(out.error, 0);
	policy_free(policy);
}

/* ---- What `--check` reports ---- */

static void the_report_counts_memory_as_the_kernel_takes_it(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *policy = policy_of(MINIMAL "sources: {10.0.0.0/8: deny, \"::1\": deny}\n");

	policy_report(policy, &out);
	/* 65536 * (192 + 16 + 4) bytes */
	assert_non_null(strstr(out.at, "     65536     13.2 MiB\n"));
	assert_non_null(strstr(out.at, "   2097152     16.0 MiB\n"));
	/* The /128 needs a marker; a reload holds everything twice. */
	assert_non_null(strstr(out.at, "prefixes of this policy                           3 "));
	assert_non_null(strstr(
		out.at, "the same while a reload has two copies            6      0.9 KiB\n"));
	policy_free(policy);
}

static void the_report_says_what_flood_a_limit_withstands(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *policy = policy_of(PLANES "tiers: {a: {packets: 20/second, connections: "
						 "1/second}}\ndefault: a\n");

	policy_report(policy, &out);
	/* 16 MiB are 524288 words a region; one packet's debt lasts 50 ms, or a second. */
	assert_non_null(strstr(out.at, "20/second                        10.5 million\n"));
	assert_non_null(strstr(out.at, "1/second                               524288\n"));
	policy_free(policy);
}

static void without_a_packet_plane_there_is_nothing_to_report(void **state)
{
	auto_buffer struct buffer out = buffer_new(TEXT_MAX);
	struct policy *policy = policy_of(HTTP);

	policy_report(policy, &out);
	assert_int_equal(out.len, 0);
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_reads_back_the_same),
		cmocka_unit_test(random_policies_read_back_the_same),
		cmocka_unit_test(defaults_are_written_out),
		cmocka_unit_test(a_buffer_that_is_too_small_says_so),
		cmocka_unit_test(the_report_counts_memory_as_the_kernel_takes_it),
		cmocka_unit_test(the_report_says_what_flood_a_limit_withstands),
		cmocka_unit_test(without_a_packet_plane_there_is_nothing_to_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
