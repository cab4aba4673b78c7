/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "policies.h"

static struct policy *good(const char *text)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), MINIMAL "%s", text);
	return policy_of(whole);
}

/* ---- What is read ---- */

static void the_smallest_policy_has_the_documented_defaults(void **state)
{
	struct policy *policy = policy_of(MINIMAL);

	assert_true(policy->has_packet_plane);
	assert_false(policy->has_http_plane);
	assert_int_equal(policy->interface_count, 1);
	assert_null(policy->interfaces[1]);
	assert_false(policy->scope_everything);
	assert_int_equal(policy->bans.after, 0);
	assert_int_equal(policy->source_bits.ipv4, 32);
	assert_int_equal(policy->source_bits.ipv6, 64);
	assert_int_equal(policy->tables.sources, 65536);
	assert_int_equal(policy->tables.strangers, 16 << 20);
	assert_int_equal(policy->tables.prefixes, 1000000);
	assert_int_equal(policy->tables.bans, 262144);
	assert_int_equal(policy->flag.mark, 1);
	assert_int_equal(policy->flag.mask, 1);
	assert_false(policy->flag.accept);
	assert_int_equal(policy->tiers[0].over, SL_OVER_DROP);
	assert_int_equal(policy->tiers[0].flag_above_percent, 0);
	policy_free(policy);
}

static void sections_may_stand_in_any_order_and_style(void **state)
{
	struct policy *policy =
		policy_of("default: b\n"
			  "sources:\n  10.0.0.0/8: a\n  '::/0': \"allow\"\n"
			  "tiers:\n  a: unlimited\n  b:\n    packets: 5/second burst "
			  "10\n    over: flag\n    flag above: 50 %\n"
			  "protect:\n  tcp:\n  - 80\n  - 443\n  udp: 53\n"
			  "interfaces:\n- eth0\n- ens*\n");

	assert_int_equal(policy->default_tier, 1);
	assert_int_equal(policy->sources[0].tier, 0);
	assert_int_equal(policy->sources[0].place.line, 3);
	assert_int_equal(policy->sources[1].tier, SL_TIER_ALLOW);
	assert_int_equal(policy->tiers[1].over, SL_OVER_FLAG);
	assert_int_equal(policy->tiers[1].flag_above_percent, 50);
	assert_int_equal(policy->tiers[1].rate[SL_PACKETS].burst, 10);
	assert_int_equal(policy->tiers[1].rate[SL_PACKETS].place.line, 8);
	assert_int_equal(policy->protect.range_count[SL_PORTS_TCP], 2);
	assert_int_equal(policy->protect.range_count[SL_PORTS_UDP], 1);
	assert_int_equal(policy->interface_count, 2);
	policy_free(policy);
}

static void ports_are_sorted_and_what_touches_is_joined(void **state)
{
	struct policy *policy =
		policy_of("interfaces: [e]\nprotect: {tcp: [443, \"8000-8010\", 80, "
			  "8011, \"8005-8006\", 81, 443, 65535, 1]}\n" TIERS EVERYONE);
	const struct port_range *range = policy->protect.ranges[SL_PORTS_TCP];
	static const struct port_range expected[] = {
		{1, 1}, {80, 81}, {443, 443}, {8000, 8011}, {65535, 65535}};

	assert_int_equal(policy->protect.range_count[SL_PORTS_TCP], 5);
	assert_memory_equal(range, expected, sizeof(expected));
	policy_free(policy);
}

static void icmp_means_both_of_them(void **state)
{
	struct policy *policy =
		policy_of("interfaces: [e]\nprotect: {icmp: all, tcp: all}\n" TIERS EVERYONE);

	assert_true(policy->protect.whole[1]);
	assert_true(policy->protect.whole[58]);
	assert_true(policy->protect.whole[6]);
	assert_false(policy->protect.whole[17]);
	policy_free(policy);
}

static void bans_end_after_an_hour_unless_told(void **state)
{
	struct policy *policy = good("bans: {after: 1000 drops in 10 seconds, for: 1 minute}\n");

	assert_int_equal(policy->bans.after, 1000);
	assert_int_equal(policy->bans.within_ns, 10 * NS_PER_SEC);
	assert_int_equal(policy->bans.for_ns, 60 * NS_PER_SEC);
	assert_int_equal(policy->bans.max_ns, 3600 * NS_PER_SEC);
	policy_free(policy);
	policy = good("bans: {for: 2 hours, after: 1 drop in 1 day}\n");
	assert_int_equal(policy->bans.max_ns, 7200 * NS_PER_SEC);
	policy_free(policy);
}

static void tables_flag_and_prefix_are_read(void **state)
{
	struct policy *policy =
		good("tables: {sources: 16, strangers: 64 KiB, prefixes: 7, bans: 16777216}\n"
		     "flag: {mark: 0xF0, accept: true}\nsource_prefix: {ipv6: 128}\nscope: "
		     "everything\n");

	assert_int_equal(policy->tables.sources, 16);
	assert_int_equal(policy->tables.strangers, 65536);
	assert_int_equal(policy->tables.prefixes, 7);
	assert_int_equal(policy->tables.bans, 16777216);
	assert_int_equal(policy->flag.mark, 0xf0);
	assert_int_equal(policy->flag.mask, 0xf0);
	assert_true(policy->flag.accept);
	assert_int_equal(policy->source_bits.ipv6, 128);
	assert_true(policy->scope_everything);
	policy_free(policy);
}

static void http_alone_needs_no_packet_plane(void **state)
{
	struct policy *policy =
		policy_of("http: {listen: [\"0.0.0.0:80\"], upstream: [\"127.0.0.1:5000\"]}\n");

	assert_true(policy->has_http_plane);
	assert_false(policy->has_packet_plane);
	assert_non_null(policy->http);
	policy_free(policy);
}

static void the_longest_prefix_of_an_address_is_found(void **state)
{
	static const struct {
		const char *address, *prefix;
	} cases[] = {
		{"10.1.2.3", "10.1.2.3"},
		{"10.1.2.4", "10.1.0.0/16"},
		{"10.2.0.0", "10.0.0.0/8"},
		{"10.1.128.1", "10.1.128.0/17"},
		{"9.255.255.255", "0.0.0.0/0"},
		{"255.255.255.255", "0.0.0.0/0"},
		{"2001:db8::1", "2001:db8::/32"},
		{"::1", ""},
		{"2001:db9::", ""},
		{"2001:db8:5::1", "2001:db8:5::1"},
	};
	struct policy *policy = good(
		"sources: {0.0.0.0/0: deny, 10.0.0.0/8: allow, 10.1.0.0/16: partner, 10.1.2.3: "
		"deny, 10.1.128.0/17: deny, 2001:db8::/32: deny, \"2001:db8:5::1\": deny}\n");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct policy_source *source;
		struct prefix address;
		char text[PREFIX_TEXT_MAX] = "";

		prefix_parse(bytes_of(cases[i].address), &address, NULL);
		source = policy_find_source(policy, &address);
		assert_string_equal(source ? prefix_format(&source->prefix, text) : text,
				    cases[i].prefix);
	}
	policy_free(policy);
}

static void finding_agrees_with_looking_at_every_prefix(void **state)
{
	auto_buffer struct buffer text = buffer_new(1 << 20);
	struct policy *policy;

	srandom(7);
	buffer_add_text(&text, MINIMAL "sources:\n");
	for (int i = 0; i < 64; i++) /* nested and side by side, all different */
		buffer_printf(&text, "  %d.%d.0.0/%d: deny\n", i % 8, (i / 8) * 32,
			      i % 2 ? 11 : 16);
	policy = policy_of(text.at);
	for (int i = 0; i < 5000; i++) {
		const struct policy_source *longest = NULL;
		struct prefix address = {.family = ADDRESS_IPV4, .bits = 32};

		address.byte[0] = (uint8_t)(random() % 9);
		address.byte[1] = (uint8_t)random();
		for (size_t j = 0; j < policy->source_count; j++)
			if (prefix_covers(&policy->sources[j].prefix, &address))
				longest = &policy->sources[j];
		assert_ptr_equal(policy_find_source(policy, &address), longest);
	}
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_policy_has_the_documented_defaults),
		cmocka_unit_test(sections_may_stand_in_any_order_and_style),
		cmocka_unit_test(ports_are_sorted_and_what_touches_is_joined),
		cmocka_unit_test(icmp_means_both_of_them),
		cmocka_unit_test(bans_end_after_an_hour_unless_told),
		cmocka_unit_test(tables_flag_and_prefix_are_read),
		cmocka_unit_test(http_alone_needs_no_packet_plane),
		cmocka_unit_test(the_longest_prefix_of_an_address_is_found),
		cmocka_unit_test(finding_agrees_with_looking_at_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
