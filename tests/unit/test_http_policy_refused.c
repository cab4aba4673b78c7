/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands under `http` and is refused, each with its place, and what is only warned of. */
#include "policy_mistakes.h"

#include <stdio.h>

/* What every policy below has; line 4 is the first of its own. */
#define START "http:\n  listen: [\"127.0.0.1:80\"]\n  upstream: [\"127.0.0.1:5000\"]\n"

struct mistake {
	const char *text; /* on line 4, below http */
	unsigned column;
	const char *says;
};

static void assert_mistakes(const struct mistake *mistakes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char whole[8192];

		snprintf(whole, sizeof(whole), START "  %s\n", mistakes[i].text);
		refuse(whole);
		assert_told(4, mistakes[i].column, mistakes[i].says);
		if (problems.errors != 1)
			fail_msg("more than one mistake: %s", mistakes[i].text);
	}
}

#define ASSERT_MISTAKES(list) assert_mistakes(list, sizeof(list) / sizeof((list)[0]))

/* ---- Mistakes, each with its place ---- */

static void what_must_be_there_is_missed(void **state)
{
	refuse("http: {}\n");
	assert_told(1, 1, "`listen` is missing");
	assert_told(1, 1, "`upstream` is missing");
	assert_int_equal(problems.errors, 2);
	refuse("http: {listen: [], upstream: []}\n");
	assert_told(1, 16, "empty list");
	assert_told(1, 30, "empty list");
	refuse("http: {listen: [\"1.2.3.4:80\"], upstreams: {a: \"1.2.3.4:1\", b: "
	       "\"1.2.3.4:2\"}}\n");
	assert_told(1, 1, "names none of `upstreams`");
}

static void addresses_have_a_port_and_a_family_that_can_be_listened_on(void **state)
{
	static const char *const bad[] = {"80",
					  "\"127.0.0.1\"",
					  "\"127.0.0.1:0\"",
					  "\"127.0.0.1:65536\"",
					  "\"host:80\"",
					  "\"unix:relative\"",
					  "\"unix:\"",
					  "\"::1:80\"",
					  "\"10.0.0.0/8:80\"",
					  "[[]]"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char whole[512];

		snprintf(whole, sizeof(whole), "http: {listen: [%s], upstream: \"a:1\"}\n", bad[i]);
		refuse(whole);
		assert_told(1, 17, ", expected \"");
	}
}

static void plain_values_are_checked_against_their_bounds(void **state)
{
	static const struct mistake list[] = {
		{"timeouts: {head: 0s}", 20, "expected 1s to 1h"},
		{"timeouts: {head: 2 hours}", 20, "found 2h"},
		{"timeouts: {head: soon}", 20, "expected a span of time"},
		{"timeouts: {heat: 5s}", 14, "did you mean \"head\"?"},
		{"max: {connections: 0}", 22, "a number from 1 to 10000000"},
		{"max: {fields: 256}", 17, "a number from 8 to 255"},
		{"max: {head: 2 MiB}", 15, "1 KiB to 1 MiB"},
		{"max: {body: much}", 15, "an amount of memory"},
		{"cache: {heuristics: maybe}", 23, "on or off"},
		{"cache: {refresh_early: 91%}", 26, "1% to 90%"},
		{"cache: {refresh_early: \"%\"}", 26, "1% to 90%"},
		{"cache: {request_directives: obey}", 31, "ignore or honour"},
		{"forwarded: x-real-ip", 14, "x-forwarded-for, forwarded or off"},
		{"caution: cautious", 12, "normal, cache-only or refuse"},
		{"threads: 65", 12, "a number from 1 to 64"},
		{"nonsense: 1", 3, "unknown key \"nonsense\""},
		{"listen: [\"1.2.3.4:80\"]", 3, "stands twice"},
	};

	ASSERT_MISTAKES(list);
}

static void peers_are_checked(void **state)
{
	static const struct mistake list[] = {
		{"trusted_proxies: [10.0.0.1/8]", 21, "did you mean 10.0.0.0/8?"},
		{"trusted_proxies: [proxy]", 21, "an address or a prefix"},
		{"proxy_protocol: on", 19, "{required: [SENDERS]}"},
		{"proxy_protocol: {required: [x]}", 31, "an address or a prefix"},
		{"hosts: [\"a b\"]", 11, "a host's name"},
		{"hosts: [\"a.example:80\"]", 11, "a host's name"},
		{"hosts: [a.example, A.Example]", 22, "stands here twice"},
		{"upstreams: {a: {servers: []}}", 28, "empty list"},
		{"upstreams: {a: {max_requests: 1}}", 18, "`servers` is missing"},
		{"upstreams: {a: \"h:1\", a: \"h:2\"}", 25, "stands twice"},
		{"upstreams: {default: \"h:1\"}", 15, "stands twice"},
		{"upstreams: {a: [\"h:1\", \"H:1\"]}", 26, "stands here twice"},
		{"upstreams: {a: {servers: \"h:1\", health: {path: x}}}", 50, "expected a path"},
		{"upstreams: {a: {servers: \"h:1\", health: {expect: 99}}}", 52, "a status"},
	};

	ASSERT_MISTAKES(list);
}

static void limits_are_checked(void **state)
{
	static const struct mistake list[] = {
		{"limits: [\"5 per fortnight\"]", 19, "\"fortnight\""},
		{"limits: \"1/second; 5 per fortnight\"", 28, "\"fortnight\""},
		{"limits: [{strategy: fixed-window}]", 12, "`limit` is missing"},
		{"limits: [{limit: 5/second burst 9, strategy: fixed-window}]", 20,
		 "makes a token bucket"},
		{"limits: [{limit: 10001/second, strategy: moving-window}]", 20, "sliding-window"},
		{"limits: [{limit: 5/second, strategy: leaky}]", 40, "moving-window"},
		{"limits: [{limit: 5/second, cost: 6}]", 20, "costs 6 here"},
		{"limits: [{limit: 5/second, key: api-key}]", 20, "names no keys"},
		{"limits: [{limit: 5/second, key: []}]", 35, "who is counted"},
		{"limits: [{limit: 5/second, key: {header: \"a b\"}}]", 44, "a header field"},
		{"limits: [{limit: 5/second, tiers: [gold]}]", 20, "no tier is called gold"},
		{"limits: [{limit: 5/second, count_status: [700]}]", 45, "a status"},
		{"limits: [{limit: \"5/second; 6/day\", name: x}]", 12, "one by one"},
		{"limits: [5/second, 5/second]", 22, "in force here already"},
		{"limits: [{limit: 5/second, name: x}, {limit: 6/day, name: x}]", 48,
		 "called x already"},
		{"global_limits: [{limit: 5/second, shared: x}]", 27, "has no meaning here"},
		{"strategy: leaky-bucket", 13, "expected sliding-window, token-bucket"},
	};

	ASSERT_MISTAKES(list);
}

static void routes_are_checked(void **state)
{
	static const struct mistake list[] = {
		{"routes: {match: /a}", 11, "a list of routes"},
		{"routes: [{cache: off}]", 12, "`match` is missing"},
		{"routes: [{match: users}]", 20, "begins with '/'"},
		{"routes: [{match: /a, upstream: nowhere}]", 34, "no upstream is called nowhere"},
		{"routes: [{match: /a}, {match: /a}]", 33, "neither is more specific"},
		{"routes: [{match: /a, cache: 500ms}]", 31, "whole seconds"},
		{"routes: [{match: /a, cache: []}]", 31, "a span of time"},
		{"routes: [{match: /a, status: [206]}]", 32, "never stored"},
		{"routes: [{match: /a, status: [2xx]}]", 32, "206 is never stored"},
		{"routes: [{match: /a, status: {except: [700]}}]", 42, "a status such as"},
		{"routes: [{match: /a, status: {only: [404]}}]", 33, "except"},
		{"routes: [{match: /a, tags: [\"a b\"]}]", 31, "without spaces"},
		{"routes: [{match: /a, invalidates: [\"/a*b\"]}]", 38, "and '*'"},
		{"routes: [{match: /a, ignore: [\"x y\"]}]", 33, "a header field"},
		{"routes: [{match: /a, on_limit: {status: 200}}]", 43, "from 400 to 599"},
		{"routes: [{match: /a, on_limit: {type: text/plain}}]", 34, "without a `body`"},
		{"routes: [{match: /a, retry: always}]", 31, "safe, idempotent or off"},
		{"routes: [{match: /a, exempt: [gold]}]", 20, "no tier is called gold"},
		{"routes: [{match: /a, limits: [3/parsec]}]", 35, "\"parsec\""},
		{"routes: [{match: /a, limits: [3/day], cost: 4}]", 33, "costs 4 here"},
		{"routes: [{match: /a, tiers: [x]}]", 24, "unknown key \"tiers\""},
	};

	ASSERT_MISTAKES(list);
}

static void what_does_not_fit_together_is_told(void **state)
{
	static const struct mistake list[] = {
		{"max: {memory: 64 MiB}\n  cache: {size: 64 MiB}", 8, "more than max.memory"},
		{"cache: {size: 8 MiB, object_max: 4 MiB}", 10, "a quarter of cache.size"},
		{"escalate: {for: 2 hours}", 13, "no more than `up to`"},
		{"escalate: {after: many}", 21, "40 refused in 10 seconds"},
		{"keys: {file: keys.txt}", 16, "an absolute path"},
		{"access_log: log", 15, "an absolute path"},
	};

	ASSERT_MISTAKES(list);
}

static void all_mistakes_are_told_at_once(void **state)
{
	refuse(START "  timeouts: {head: soon}\n  limits: [\"5 per fortnight\"]\n"
		     "  routes: [{match: a}, {match: /b, upstream: c}]\n  nonsense: 1\n");
	assert_told(4, 20, "a span of time");
	assert_told(5, 19, "\"fortnight\"");
	assert_told(6, 20, "begins with '/'");
	assert_told(6, 46, "no upstream is called c");
	assert_told(7, 3, "unknown key");
	assert_int_equal(problems.errors, 5);
}

static void a_mistake_in_a_default_limit_is_told_once_for_all_routes(void **state)
{
	refuse(START "  limits: [{limit: 10001/second, strategy: moving-window}]\n"
		     "  routes: [{match: /a}, {match: /b}, {match: /c}]\n");
	assert_int_equal(problems.errors, 1);
}

static void what_is_allowed_but_unwise_is_a_warning(void **state)
{
	static const char text[] =
		START "  escalate: {after: 40 refused in 10s}\n  caution: refuse\n"
		      "  routes: [{match: \"POST /a\", cache: 5s}]\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_told(4, 3, "no packet plane to ban in");
	assert_told(5, 3, "nothing is ever flagged");
	assert_told(6, 20, "only answers to GET are stored");
	policy_free(policy);
}

static void what_cannot_be_meant_is_a_warning(void **state)
{
	static const char text[] = START "  trusted_proxies: [192.0.2.0/24, 0.0.0.0/0]\n"
					 "  routes:\n"
					 "    - {match: \"GET /a\", cache: 5s, tags: [users]}\n"
					 "    - {match: \"POST /a\", invalidates: [usres, users]}\n"
					 "    - {match: \"GET /a/:id\"}\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_told(4, 3, "any client can say that it is another");
	assert_told(7, 15, "usres, a tag that no route gives");
	assert_told(8, 15, "{name} stands for any one segment");
	assert_int_equal(problems.warnings, 3);
	policy_free(policy);
}

static void an_upstream_that_is_sluice_itself_is_a_warning(void **state)
{
	static const struct {
		const char *listen, *server;
		size_t warnings;
	} list[] = {
		{"127.0.0.1:80", "127.0.0.1:80", 1}, {"127.0.0.1:80", "127.0.0.1:81", 0},
		{"0.0.0.0:80", "127.0.0.1:80", 1},   {"0.0.0.0:80", "10.0.0.1:80", 0},
		{"[::]:80", "[::1]:80", 1},	     {"[::]:80", "127.0.0.1:80", 0},
		{"unix:/a", "unix:/a", 1},	     {"unix:/a", "unix:/b", 0},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct policy *policy = NULL;
		char text[256];

		snprintf(text, sizeof(text), "http:\n  listen: [\"%s\"]\n  upstream: [\"%s\"]\n",
			 list[i].listen, list[i].server);
		problems = (struct policy_problems){.count = 0};
		assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
		assert_int_equal(problems.warnings, list[i].warnings);
		if (problems.warnings)
			assert_told(3, 14, "an address of `listen`");
		policy_free(policy);
	}
}

static void checks_that_contradict_each_other_are_a_warning(void **state)
{
	static const char *const second[] = {
		"servers: [\"10.0.0.2:80\", \"10.0.0.1:80\"], health: {path: /other}",
		"servers: [\"10.0.0.1:80\"], health: {path: /same}",
		"servers: [\"10.0.0.2:80\"], health: {path: /other}",
		"servers: [\"10.0.0.1:80\"]",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++) {
		struct policy *policy = NULL;

		snprintf(text, sizeof(text),
			 START "  upstreams:\n    one: {servers: [\"10.0.0.1:80\"], health: {path: "
			       "/same}}\n"
			       "    two: {%s}\n  routes: [{match: /a, upstream: one}, {match: /b, "
			       "upstream: two}]\n",
			 second[i]);
		problems = (struct policy_problems){.count = 0};
		assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
		assert_int_equal(problems.warnings, i == 0);
		if (!i)
			assert_told(6, 5, "another than that of one");
		policy_free(policy);
	}
}

static void an_unknown_key_is_answered_with_whole_names(void **state)
{
	static const char text[] = START "  routes: [{match: \"GET /a\", zzzzz: 1}]\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), -EINVAL);
	assert_told(4, 30, "expected one of match, upstream, ");
	assert_told(4, 30, ", ...");
}

/* Warnings of a policy with both planes. */
static void warned(const char *tiers, const char *http)
{
	char text[1024];
	struct policy *policy = NULL;

	snprintf(text, sizeof(text),
		 "interfaces: [eth0]\nprotect: {tcp: [80, \"8000-8010\"]}\n%s\ndefault: public\n"
		 "http:\n  upstream: [\"127.0.0.1:5000\"]\n%s\n",
		 tiers, http);
	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	policy_free(policy);
}

#define PLAIN	"tiers: {public: {packets: 100/second}}"
#define FLAGS	"tiers: {public: {packets: 100/second, flag above: 50%}}"
#define ACCEPTS "\nflag: {accept: true}"

static void a_ban_that_would_not_reach_its_port_is_a_warning(void **state)
{
	warned(PLAIN,
	       "  listen: [\"10.0.0.1:80\", \"[::1]:8010\", \"unix:/s\"]\n  escalate: {slow: off}");
	assert_int_equal(problems.warnings, 0);
	warned(PLAIN, "  listen: [\"10.0.0.1:8011\"]\n  escalate: {slow: off}");
	assert_told(7, 12, "`protect` does not name tcp port 8011");
	warned(PLAIN "\nscope: everything",
	       "  listen: [\"10.0.0.1:8011\"]\n  escalate: {slow: off}");
	assert_int_equal(problems.warnings, 0);
	warned(PLAIN, "  listen: [\"10.0.0.1:8011\"]");
	assert_int_equal(problems.warnings, 0);
}

static void caution_that_can_never_be_is_a_warning(void **state)
{
	const char *cautious = "  listen: [\"10.0.0.1:80\"]\n  caution: refuse";

	warned(FLAGS ACCEPTS, cautious);
	assert_int_equal(problems.warnings, 0);
	warned(FLAGS, cautious);
	assert_told(8, 3, "accepted connections carry no mark");
	warned(PLAIN ACCEPTS, cautious);
	assert_told(9, 3, "no tier flags anything");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_be_there_is_missed),
		cmocka_unit_test(addresses_have_a_port_and_a_family_that_can_be_listened_on),
		cmocka_unit_test(plain_values_are_checked_against_their_bounds),
		cmocka_unit_test(peers_are_checked),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(what_does_not_fit_together_is_told),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(a_mistake_in_a_default_limit_is_told_once_for_all_routes),
		cmocka_unit_test(what_is_allowed_but_unwise_is_a_warning),
		cmocka_unit_test(what_cannot_be_meant_is_a_warning),
		cmocka_unit_test(an_upstream_that_is_sluice_itself_is_a_warning),
		cmocka_unit_test(checks_that_contradict_each_other_are_a_warning),
		cmocka_unit_test(an_unknown_key_is_answered_with_whole_names),
		cmocka_unit_test(a_ban_that_would_not_reach_its_port_is_a_warning),
		cmocka_unit_test(caution_that_can_never_be_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
