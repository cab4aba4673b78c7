/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "http/caching_facts.h"
#include "message/cookies.h"
#include "policies.h"

#define LISTEN "http:\n  listen: [\"127.0.0.1:80\"]\n  upstream: [\"127.0.0.1:5000\"]\n"

/* A policy, and a request judged under it. */
struct scene {
	struct policy *policy;
	struct plan plan;
	struct route_rules *rules;
	struct peer peer;
	struct request request;
	struct caching_facts facts;
	struct buffer room;
	struct cache_key key;
};

static struct scene scene;

static void ask(const char *policy, const char *head)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	enum message_result result;
	size_t scanned = 0;

	policy_free(scene.policy);
	scene.policy = policy_of(policy);
	scene.plan = (struct plan){.policy = scene.policy, .http = scene.policy->http};
	scene.peer.address = (struct prefix){ADDRESS_IPV4, 32, {192, 0, 2, 1}};
	assert_int_equal(head_parse_request(bytes_of(head), &limits, &scanned, &scene.request.head),
			 MESSAGE_DONE);
	assert_int_equal(request_judge(&scene.plan, &scene.peer, &scene.request, &result),
			 REQUEST_FINE);
	free(scene.rules);
	scene.plan.cache_rules = scene.rules = caching_rules_of_all(scene.plan.http);
	scene.facts = caching_facts_of(&scene.plan, &scene.request);
	buffer_free(&scene.room);
	scene.room = buffer_new(CACHE_KEY_MAX);
	assert_int_equal(caching_key(scene.plan.http, &scene.request, &scene.room, &scene.key), 0);
}

static void assert_key(const char *want)
{
	assert_int_equal(scene.key.whole.len, strlen(want));
	assert_memory_equal(scene.key.whole.at, want, strlen(want));
}

static int end(void **state)
{
	(void)state;
	policy_free(scene.policy);
	free(scene.rules);
	buffer_free(&scene.room);
	return 0;
}

#define GET(path, fields) "GET " path " HTTP/1.1\r\nHost: A.example\r\n" fields "\r\n"
#define KEYED                                                                      \
	LISTEN "  routes:\n    - {match: /a, cache: {for: 60s, key: {query: [q], " \
	       "cookies: ["                                                        \
	       "lang], headers: [accept]}}, ignore: [authorization, {cookie: ad}]}\n"

static void credentials_are_loose_where_the_route_says_nothing(void **state)
{
	(void)state;
	ask(LISTEN, GET("/", "Authorization: Bearer x\r\nCookie: a=b\r\nX-Api-Key: k\r\n"));
	assert_int_equal(scene.facts.req.authorization, PERSONAL_LOOSE);
	assert_int_equal(scene.facts.req.cookie, PERSONAL_LOOSE);
	assert_int_equal(scene.facts.req.identity, PERSONAL_LOOSE);
}

static void request_without_credentials_is_nobodys(void **state)
{
	(void)state;
	ask(LISTEN, GET("/", ""));
	assert_int_equal(scene.facts.req.authorization, PERSONAL_ABSENT);
	assert_int_equal(scene.facts.req.cookie, PERSONAL_ABSENT);
	assert_int_equal(scene.facts.req.identity, PERSONAL_ABSENT);
}

static void cookies_in_the_key_or_ignored_are_declared(void **state)
{
	(void)state;
	ask(KEYED, GET("/a", "Cookie: lang=de; ad=7\r\nAuthorization: x\r\n"));
	assert_int_equal(scene.facts.req.cookie, PERSONAL_DECLARED);
	assert_int_equal(scene.facts.req.authorization, PERSONAL_DECLARED);
}

static void one_cookie_more_is_loose(void **state)
{
	(void)state;
	ask(KEYED, GET("/a", "Cookie: lang=de; ad=7; session=1\r\n"));
	assert_int_equal(scene.facts.req.cookie, PERSONAL_LOOSE);
	ask(KEYED, GET("/a", "Cookie: lang=de\r\nCookie: session=1\r\n"));
	assert_int_equal(scene.facts.req.cookie, PERSONAL_LOOSE);
}

static void cookie_in_another_case_is_another_cookie(void **state)
{
	(void)state;
	ask(KEYED, GET("/a", "Cookie: LANG=de\r\n"));
	assert_int_equal(scene.facts.req.cookie, PERSONAL_LOOSE);
	assert_key("http://a.example/a\nhaccept\nclang");
}

static void header_that_a_limit_knows_clients_by_is_an_identity(void **state)
{
	(void)state;
	ask(LISTEN "  limits: [{limit: 5/second, key: [{header: X-User}]}]\n",
	    GET("/", "X-User: 7\r\n"));
	assert_int_equal(scene.facts.req.identity, PERSONAL_LOOSE);
}

static void header_that_another_route_counts_by_is_an_identity_here_too(void **state)
{
	(void)state;
	ask(LISTEN
	    "  routes: [{match: /other, limits: [{limit: 5/second, key: {header: X-User}}]}]\n",
	    GET("/", "X-User: 7\r\n"));
	assert_int_equal(scene.facts.req.identity, PERSONAL_LOOSE);
}

static void cookie_that_a_limit_knows_clients_by_is_an_identity(void **state)
{
	(void)state;
	ask(LISTEN "  global_limits: [{limit: 5/second, key: [client, {cookie: sid}]}]\n",
	    GET("/", "Cookie: sid=7\r\n"));
	assert_int_equal(scene.facts.req.identity, PERSONAL_LOOSE);
	ask(LISTEN "  global_limits: [{limit: 5/second, key: [client, {cookie: sid}]}]\n",
	    GET("/", "Cookie: lang=7\r\n"));
	assert_int_equal(scene.facts.req.identity, PERSONAL_ABSENT);
}

static void key_has_what_the_route_names_and_nothing_else(void **state)
{
	(void)state;
	ask(KEYED, GET("/a?b=1&q=2", "Accept: text/html\r\nCookie: x=1; lang=de\r\n"));
	assert_key("http://a.example/a?q=2\nhaccept=text/html\nclang=de");
}

static void empty_cookie_is_not_an_absent_one(void **state)
{
	(void)state;
	ask(KEYED, GET("/a", "Cookie: lang=\r\n"));
	assert_key("http://a.example/a\nhaccept\nclang=");
}

static void url_of_a_change_leaves_out_what_the_route_of_get_does(void **state)
{
	struct cache_key key;

	(void)state;
	ask(KEYED, "POST /b HTTP/1.1\r\nHost: a.example\r\n\r\n");
	assert_int_equal(caching_url(scene.plan.http, &scene.request,
				     BYTES("http://a.example/a?b=1&q=2"), &scene.room, &key),
			 0);
	assert_int_equal(key.whole.len, strlen("http://a.example/a?q=2"));
	assert_memory_equal(key.whole.at, "http://a.example/a?q=2", key.whole.len);
}

static void lifetime_on_a_prefix_asks_for_types_that_fit(void **state)
{
	(void)state;
	ask(LISTEN "  routes: [{match: \"/s/*\", cache: 60s}]\n", GET("/s/x", ""));
	assert_true(scene.facts.rules->is_prefix && scene.facts.rules->lifetime_s == 60);
	ask(LISTEN "  routes: [{match: \"/s/*\"}]\n", GET("/s/x", ""));
	assert_false(scene.facts.rules->is_prefix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_are_loose_where_the_route_says_nothing),
		cmocka_unit_test(request_without_credentials_is_nobodys),
		cmocka_unit_test(cookies_in_the_key_or_ignored_are_declared),
		cmocka_unit_test(one_cookie_more_is_loose),
		cmocka_unit_test(cookie_in_another_case_is_another_cookie),
		cmocka_unit_test(header_that_a_limit_knows_clients_by_is_an_identity),
		cmocka_unit_test(header_that_another_route_counts_by_is_an_identity_here_too),
		cmocka_unit_test(cookie_that_a_limit_knows_clients_by_is_an_identity),
		cmocka_unit_test(key_has_what_the_route_names_and_nothing_else),
		cmocka_unit_test(empty_cookie_is_not_an_absent_one),
		cmocka_unit_test(url_of_a_change_leaves_out_what_the_route_of_get_does),
		cmocka_unit_test(lifetime_on_a_prefix_asks_for_types_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
