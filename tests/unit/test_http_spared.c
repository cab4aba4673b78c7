/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "policies.h"
#include "policy/http_policy.h"

#define SPARING                                                                       \
	"http:\n  listen: [\"192.0.2.1:80\", {address: \"[2001:db8:1::1]:80\", "      \
	"proxy_protocol: {required: [198.51.100.0/25]}}, \"unix:/run/x.sock\"]\n"     \
	"  upstreams:\n    one: {servers: [\"10.0.0.9:80\", \"api.internal:80\"]}\n"  \
	"    two: {servers: [\"[2001:db8:2::9]:80\", \"unix:/run/y.sock\"]}\n"        \
	"  routes: [{match: \"/\", upstream: one}, {match: \"/*\", upstream: two}]\n" \
	"  upstream: [\"10.0.0.8:80\"]\n  trusted_proxies: [203.0.113.0/24]\n"        \
	"  proxy_protocol: {required: [\"2001:db8:3::7\"]}\n"

static bool spares(const char *source)
{
	struct policy *policy = policy_of(SPARING);
	struct prefix prefix;
	bool result;

	assert_int_equal(prefix_parse(bytes_of(source), &prefix, NULL), PREFIX_OK);
	result = http_policy_spares(policy->http, &prefix);
	policy_free(policy);
	return result;
}

static void proxies_senders_servers_and_listeners_are_spared(void **state)
{
	assert_true(spares("203.0.113.200"));
	assert_true(spares("198.51.100.127"));
	assert_true(spares("2001:db8:3::7"));
	assert_true(spares("10.0.0.8"));
	assert_true(spares("10.0.0.9"));
	assert_true(spares("2001:db8:2::9"));
	assert_true(spares("192.0.2.1"));
	assert_true(spares("2001:db8:1::1"));
}

static void their_neighbours_are_not(void **state)
{
	assert_false(spares("203.0.114.0"));
	assert_false(spares("198.51.100.128"));
	assert_false(spares("10.0.0.10"));
	assert_false(spares("192.0.2.2"));
	assert_false(spares("2001:db8:4::7"));
}

static void a_source_that_holds_one_of_them_is_spared_whole(void **state)
{
	assert_true(spares("2001:db8:3::/64"));
	assert_true(spares("2001:db8:2::/64"));
	assert_true(spares("2001:db8:1::/64"));
	assert_true(spares("10.0.0.0/24"));
	assert_true(spares("203.0.0.0/16"));
	assert_false(spares("2001:db8:4::/64"));
	assert_false(spares("10.0.1.0/24"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_senders_servers_and_listeners_are_spared),
		cmocka_unit_test(their_neighbours_are_not),
		cmocka_unit_test(a_source_that_holds_one_of_them_is_spared_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
