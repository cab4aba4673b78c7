/* SPDX-License-Identifier: BSD-2-Clause */
/* URLs as operators write them, made keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "http/cache_url.h"
#include "policies.h"

#define POLICY                                                                      \
	"http:\n"                                                                   \
	"  listen: [\"127.0.0.1:80\"]\n"                                            \
	"  upstream: [\"127.0.0.1:1\"]\n"                                           \
	"  routes:\n"                                                               \
	"    - {match: \"GET /q\", cache: {for: 1 minute, key: {query: [b, a]}}}\n" \
	"    - {match: \"GET /loose/*\", path: lenient}\n"

static struct policy *policy;

static int set_up(void **state)
{
	policy = policy_of(POLICY);
	return policy ? 0 : -1;
}

static int tear_down(void **state)
{
	policy_free(policy);
	return 0;
}

static void assert_key(const char *url, const char *key)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct cache_url read;

	assert_int_equal(cache_url_read(policy->http, bytes_of(url), &out, &read), 0);
	assert_int_equal(read.key.whole.len, strlen(key));
	assert_memory_equal(read.key.whole.at, key, strlen(key));
	assert_int_equal(read.key.url_len, strlen(key));
}

static void assert_refused(const char *url)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct cache_url read = {0};

	assert_int_equal(cache_url_read(policy->http, bytes_of(url), &out, &read), -EINVAL);
	assert_non_null(read.why);
}

static void scheme_and_host_have_one_spelling(void **state)
{
	assert_key("HTTP://Api.Example/x", "http://api.example/x");
	assert_key("https://api.example:443/x", "https://api.example/x");
	assert_key("http://api.example:443/x", "http://api.example:443/x");
	assert_key("http://api.example.:80/x", "http://api.example/x");
	assert_key("http://[2001:DB8:0::1]/x", "http://[2001:db8::1]/x");
}

static void the_path_is_in_the_normal_form_of_requests(void **state)
{
	assert_key("http://h", "http://h/");
	assert_key("http://h?x=1", "http://h/?x=1");
	assert_key("http://h/a/./b/../%63", "http://h/a/c");
	assert_key("http://h/a%2eb", "http://h/a.b");
}

static void of_the_query_counts_what_the_route_keeps(void **state)
{
	assert_key("http://h/q?a=1&c=3&b=2", "http://h/q?b=2&a=1");
	assert_key("http://h/other?a=1&c=3", "http://h/other?a=1&c=3");
}

static void what_no_request_may_ask_for_is_refused(void **state)
{
	assert_refused("");
	assert_refused("/x");
	assert_refused("ftp://h/x");
	assert_refused("http://");
	assert_refused("http:///x");
	assert_refused("http://user@h/x");
	assert_refused("http://h:0/x");
	assert_refused("http://h/a b");
	assert_refused("http://h/a\n");
	assert_refused("http://h/a#b");
	assert_refused("http://h/\xc3\xa4");
	assert_refused("http://h/%zz");
	assert_refused("http://h/a%2Fb");
}

static void a_lenient_route_takes_more_paths(void **state)
{
	assert_key("http://h/loose/a%2Fb", "http://h/loose/a%2Fb");
}

static void a_prefix_is_literal_behind_the_host(void **state)
{
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);

	assert_int_equal(cache_url_prefix(BYTES("HTTPS://Api.Exa"), &out), 0);
	assert_string_equal(out.at, "https://api.exa");
	out.len = 0;
	assert_int_equal(cache_url_prefix(BYTES("http://H/A%2e*"), &out), 0);
	assert_string_equal(out.at, "http://h/A%2e*");
	assert_int_equal(cache_url_prefix(BYTES("/a"), &out), -EINVAL);
	assert_int_equal(cache_url_prefix(BYTES("http:/"), &out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scheme_and_host_have_one_spelling),
		cmocka_unit_test(the_path_is_in_the_normal_form_of_requests),
		cmocka_unit_test(of_the_query_counts_what_the_route_keeps),
		cmocka_unit_test(what_no_request_may_ask_for_is_refused),
		cmocka_unit_test(a_lenient_route_takes_more_paths),
		cmocka_unit_test(a_prefix_is_literal_behind_the_host),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
