/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "policies.h"
#include "policy/http_policy.h"

#define SECS	 NS_PER_SEC
#define TEXT_MAX (1 << 20)

/* What every policy below has; line 4 is the first of its own. */
#define START "http:\n  listen: [\"127.0.0.1:80\"]\n  upstream: [\"127.0.0.1:5000\"]\n"

static struct policy_problems problems;

static void refuse(const char *text)
{
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_not_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_null(policy);
}

static void assert_told(unsigned line, unsigned column, const char *says)
{
	for (size_t i = 0; i < problems.count; i++)
		if (problems.at[i].place.line == line && problems.at[i].place.column == column &&
		    strstr(problems.at[i].text, says))
			return;
	for (size_t i = 0; i < problems.count; i++)
		print_error("%u:%u: %s\n", problems.at[i].place.line, problems.at[i].place.column,
			    problems.at[i].text);
	fail_msg("nobody said at %u:%u: %s", line, column, says);
}

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

static struct policy *good(const char *text)
{
	char whole[16384];

	snprintf(whole, sizeof(whole), START "%s", text);
	return policy_of(whole);
}

/* ---- What is there without a word ---- */

static void defaults_are_those_of_the_documents(void **state)
{
	struct policy *policy = good("");
	const struct http_policy *http = policy->http;

	assert_int_equal(http->timeouts.head_ns, 10 * SECS);
	assert_int_equal(http->timeouts.response_ns, 60 * SECS);
	assert_int_equal(http->timeouts.drain_ns, 30 * SECS);
	assert_int_equal(http->max.connections, 10000);
	assert_int_equal(http->max.identities_per_source, 100);
	assert_int_equal(http->cache.stale_on_error_ns, 60 * SECS);
	assert_int_equal(http->caution_for_ns, 60 * SECS);
	assert_false(http->cache.heuristics || http->cache.share_set_cookie ||
		     http->cache.honour_request || http->escalate.enabled);
	assert_int_equal(http->escalate.malformed.count, 20);
	assert_int_equal(http->escalate.malformed.within_ns, 10 * SECS);
	assert_true(http->limit_fields.retry_after && http->limit_fields.ratelimit);
	assert_int_equal(http->forwarded, HTTP_FORWARDED_X_FORWARDED_FOR);
	assert_null(http->access_log.file);
	assert_string_equal(http->upstreams[0].name, "default");
	assert_int_equal(http->other.number, 0);
	assert_int_equal(http->other.how.cost, 1);
	assert_int_equal(http->other.max_body, http->max.body);
	policy_free(policy);
}

static void an_upstream_is_healthy_from_200_to_399(void **state)
{
	struct policy *policy = good("");
	const struct http_statuses *expect = &policy->http->upstreams[0].health.expect;

	assert_false(http_statuses_has(expect, 199));
	assert_true(http_statuses_has(expect, 200));
	assert_true(http_statuses_has(expect, 399));
	assert_false(http_statuses_has(expect, 400));
	assert_false(http_statuses_has(expect, 600) || http_statuses_has(expect, 99));
	policy_free(policy);
}

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
		{"routes: [{match: /a, status: [4xx]}]", 32, "more than 16"},
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
		{"max: {memory: 64 MiB}", 8, "more than max.memory"},
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

/* ---- What limits inherit ---- */

static const struct http_route *route_of(const struct policy *policy, const char *path)
{
	return http_policy_route(policy->http, &(struct route_request){.method = BYTES("GET"),
								       .path = bytes_of(path)});
}

static void a_routes_limits_take_the_place_of_the_defaults(void **state)
{
	struct policy *policy = good("  limits: [9/day, 8/hour]\n  routes:\n"
				     "    - {match: /own, limits: [3/hour]}\n"
				     "    - {match: /both, limits: [3/hour], and_defaults: true}\n"
				     "    - {match: /none, limits: []}\n"
				     "    - {match: /silent}\n");

	assert_int_equal(route_of(policy, "/own")->limits.count, 1);
	assert_int_equal(route_of(policy, "/both")->limits.count, 3);
	assert_int_equal(route_of(policy, "/both")->limits.at[0].rate.count, 3);
	assert_true(route_of(policy, "/both")->limits.at[1].is_default);
	assert_int_equal(route_of(policy, "/none")->limits.count, 0);
	assert_int_equal(route_of(policy, "/silent")->limits.count, 2);
	assert_ptr_equal(route_of(policy, "/elsewhere"), &policy->http->other);
	assert_int_equal(policy->http->other.limits.count, 2);
	policy_free(policy);
}

static void the_nearest_word_about_a_limit_counts(void **state)
{
	struct policy *policy = good(
		"  strategy: fixed-window\n  key: source\n  keys: {file: /k}\n"
		"  limits: [9/day, {limit: 8/day, cost: 5}]\n  routes:\n"
		"    - {match: /a, cost: 2, key: api-key, and_defaults: true, limits: [\n"
		"        4/hour, {limit: 6/hour, cost: 3, key: {cookie: s}}, 5/hour burst 7]}\n");
	const struct http_limit *limits = route_of(policy, "/a")->limits.at;

	assert_int_equal(limits[0].how.cost, 2);
	assert_int_equal(limits[0].how.strategy, HTTP_STRATEGY_FIXED_WINDOW);
	assert_int_equal(limits[0].how.key.part[0].kind, HTTP_KEY_API_KEY);
	assert_int_equal(limits[1].how.cost, 3);
	assert_int_equal(limits[1].how.key.part[0].kind, HTTP_KEY_COOKIE);
	assert_int_equal(limits[2].how.strategy, HTTP_STRATEGY_TOKEN_BUCKET);
	assert_int_equal(limits[2].burst, 7);
	assert_int_equal(limits[3].how.cost, 2);
	assert_int_equal(limits[4].how.cost, 5);
	assert_int_equal(policy->http->other.limits.at[0].how.cost, 1);
	assert_int_equal(policy->http->other.limits.at[0].how.key.part[0].kind, HTTP_KEY_SOURCE);
	policy_free(policy);
}

static void a_token_bucket_without_burst_holds_a_windows_worth(void **state)
{
	struct policy *policy = good("  limits: [{limit: 9/day, strategy: token-bucket}, 8/day]\n");

	assert_int_equal(policy->http->limits.at[0].burst, 9);
	assert_int_equal(policy->http->limits.at[1].burst, 0);
	policy_free(policy);
}

static void limits_of_one_name_get_numbers(void **state)
{
	struct policy *policy = good(
		"  limits: [9/day, {limit: 9/day, key: {cookie: a}}, {limit: 8/day, name: x}]\n");

	assert_string_equal(policy->http->limits.at[0].name, "9-per-86400s");
	assert_string_equal(policy->http->limits.at[1].name, "9-per-86400s-2");
	assert_string_equal(policy->http->limits.at[2].name, "x");
	policy_free(policy);
}

static void scopes_follow_from_where_a_limit_stands(void **state)
{
	struct policy *policy = good("  limits: [9/day]\n  global_limits: [7/day]\n"
				     "  routes: [{match: /a, shared: both, limits: [5/day]}]\n");

	assert_int_equal(policy->http->limits.at[0].scope, HTTP_SCOPE_ROUTE);
	assert_int_equal(policy->http->global_limits.at[0].scope, HTTP_SCOPE_GLOBAL);
	assert_int_equal(route_of(policy, "/a")->limits.at[0].scope, HTTP_SCOPE_SHARED);
	assert_string_equal(route_of(policy, "/a")->limits.at[0].how.shared, "both");
	policy_free(policy);
}

/* ---- Other meanings ---- */

static void the_default_upstream_comes_first_wherever_it_stands(void **state)
{
	struct policy *policy = policy_of(
		"http:\n  listen: [\"1.2.3.4:80\"]\n"
		"  upstreams: {a: \"h:1\", b: \"h:2\"}\n"
		"  upstream: [\"h:3\"]\n"
		"  routes: [{match: /a, upstream: a}, {match: /b, upstream: b}, {match: /c}]\n");

	assert_string_equal(policy->http->upstreams[0].name, "default");
	assert_string_equal(policy->http->upstreams[route_of(policy, "/a")->upstream].name, "a");
	assert_string_equal(policy->http->upstreams[route_of(policy, "/b")->upstream].name, "b");
	assert_int_equal(route_of(policy, "/c")->upstream, 0);
	assert_int_equal(policy->http->other.upstream, 0);
	policy_free(policy);
}

static void senders_are_inherited_by_the_listeners_they_can_reach(void **state)
{
	struct policy *policy =
		policy_of("http:\n  upstream: \"h:1\"\n  proxy_protocol: {required: [10.0.0.0/8]}\n"
			  "  listen:\n    - \"1.2.3.4:80\"\n    - \"unix:/s\"\n"
			  "    - {address: \"1.2.3.4:81\", proxy_protocol: off}\n"
			  "    - {address: \"unix:/t\", proxy_protocol: {required: unix}}\n");
	const struct http_listener *listeners = policy->http->listeners;

	assert_true(listeners[0].senders.required);
	assert_int_equal(listeners[0].senders.prefixes.count, 1);
	assert_false(listeners[1].senders.required);
	assert_false(listeners[2].senders.required);
	assert_true(listeners[3].senders.required && listeners[3].senders.unix_socket);
	policy_free(policy);
	refuse("http: {upstream: \"h:1\", listen: [{address: \"1.2.3.4:80\", proxy_protocol: "
	       "{required: unix}}]}\n");
	assert_told(1, 44, "of nobody who can connect");
}

static void hosts_are_names_and_what_lies_below_them(void **state)
{
	struct policy *policy = good("  hosts: [API.example, \"*.b.example\"]\n");

	assert_true(http_policy_has_host(policy->http, BYTES("api.example")));
	assert_true(http_policy_has_host(policy->http, BYTES("x.b.example")));
	assert_false(http_policy_has_host(policy->http, BYTES("b.example")));
	assert_false(http_policy_has_host(policy->http, BYTES("xb.example")));
	assert_false(http_policy_has_host(policy->http, BYTES("example")));
	policy_free(policy);
	policy = good("");
	assert_true(http_policy_has_host(policy->http, BYTES("anything")));
	policy_free(policy);
}

static void cache_rules_are_read_short_and_long(void **state)
{
	struct policy *policy = good(
		"  routes:\n    - {match: /s, cache: 60 seconds}\n    - {match: /o, cache: off}\n"
		"    - {match: \"/l*\", cache: {for: 1 hour, stale_while_revalidate: 10s, key: "
		"{query: "
		"[b, a], headers: [Accept], identity: true}}}\n");
	const struct http_route *route = route_of(policy, "/lx");

	assert_true(route_of(policy, "/s")->cache.has_lifetime);
	assert_int_equal(route_of(policy, "/s")->cache.lifetime_ns, 60 * SECS);
	assert_true(route_of(policy, "/o")->cache.off);
	assert_true(route->is_prefix && !route_of(policy, "/s")->is_prefix);
	assert_int_equal(route->cache.key.query, HTTP_QUERY_ONLY);
	assert_int_equal(route->cache.key.query_names.count, 2);
	assert_string_equal(route->cache.key.headers.at[0], "accept");
	assert_true(route->cache.key.identity && route->cache.has_stale_while_revalidate);
	policy_free(policy);
}

static void what_is_allowed_but_unwise_is_a_warning(void **state)
{
	static const char text[] =
		START "  escalate: {after: 40 refused in 10s}\n  caution: refuse\n"
		      "  routes: [{match: \"POST /a\", cache: 5s}]\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_told(1, 1, "no packet plane to ban in");
	assert_told(1, 1, "nothing is ever flagged");
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
	assert_told(1, 1, "any client can say that it is another");
	assert_told(7, 15, "usres, a tag that no route gives");
	assert_told(8, 15, "{name} stands for any one segment");
	assert_int_equal(problems.warnings, 3);
	policy_free(policy);
}

static void tags_may_all_be_given_by_the_upstream(void **state)
{
	static const char text[] = START "  routes: [{match: \"POST /a\", invalidates: [users]}]\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_int_equal(problems.warnings, 0);
	policy_free(policy);
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
	assert_told(5, 1, "accepted connections carry no mark");
	warned(PLAIN ACCEPTS, cautious);
	assert_told(6, 1, "no tier flags anything");
}

/* ---- Round trip and differences ---- */

static const char full[] =
	"tiers: {gold: unlimited}\ndefault: gold\n" START
	"  upstreams: {b: {servers: [\"h:1\", \"unix:/s\"], max_requests: 7, queue: {length: 3, "
	"wait: "
	"1s}, health: {path: /h, host: x.example, expect: [204, 3xx], every: 1s}}}\n"
	"  hosts: [\"*.example\"]\n  trusted_proxies: [10.0.0.0/8, unix]\n"
	"  proxy_protocol: {required: [\"::1\"]}\n  forwarded: forwarded\n  path: lenient\n"
	"  method_override: true\n  timeouts: {head: 3s, drain: 0}\n  min_rate: {body: 0}\n"
	"  max: {connections: 77, head: 9 KiB}\n  cache: {size: 99 MiB, refresh_early: 7%}\n"
	"  keys: {file: /k, header: X-Key}\n  strategy: fixed-window\n  key: [source, {header: "
	"A}]\n"
	"  limits: [9/day, {limit: 8/hour, name: eight, tiers: [gold], dry_run: true}]\n"
	"  global_limits: \"5000/minute; 100/second burst 300\"\n"
	"  limit_fields: {ratelimit: off}\n"
	"  escalate: {after: 4 refused in 9s, malformed: off, up to: 2h}\n"
	"  caution: cache-only\n  caution_for: 2m\n  access_log: {file: stderr, format: combined}\n"
	"  name: edge1\n  user: www-data\n  threads: 3\n"
	"  routes:\n"
	"    - {match: \"POST b.example/login\", upstream: b, limits: {limit: 3/hour, "
	"count_status: "
	"[401, 403], per_method: true, cost: 0}, and_defaults: true, on_limit: {status: 503, body: "
	"\"a\\\"\\n\\\\b\", type: text/html, queue: 2s}, concurrency: 4, shared: s, dry_run: "
	"true}\n"
	"    - {match: \"/a/{id}/*\", cache: {for: 5m, key: {query: {except: [u]}, cookies: [c], "
	"headers: [accept]}, stale_if_error: 9s}, ignore: [cookie, {cookie: x}], status: [200, "
	"404], "
	"tags: [t], invalidates: [t, \"/a*\"], share_set_cookie: true, retry: idempotent, path: "
	"strict, upgrade: websocket, method_override: false, max_body: 1 GB, response_timeout: 5m, "
	"exempt: [gold, 10.1.0.0/16]}\n"
	"    - {match: /off, cache: off, exempt: true, strategy: moving-window, cost: 2}\n";

static void what_is_printed_reads_back_the_same(void **state)
{
	auto_buffer struct buffer once = buffer_new(TEXT_MAX), twice = buffer_new(TEXT_MAX),
				  diff = buffer_new(TEXT_MAX);
	struct policy *first = policy_of(full), *second;

	policy_print(first, &once);
	second = policy_of(once.at);
	policy_print(second, &twice);
	assert_string_equal(once.at, twice.at);
	assert_int_equal(policy_diff(first, second, &diff), 0);
	assert_int_equal(second->http->routes[0].limits.count, 3);
	assert_int_equal(second->http->routes[0].limits.at[1].how.dry_run, true);
	assert_string_equal(second->http->routes[0].on_limit.body, "a\"\n\\b");
	policy_free(first);
	policy_free(second);
}

static void a_difference_is_told_by_key_and_by_route(void **state)
{
	auto_buffer struct buffer diff = buffer_new(TEXT_MAX);
	struct policy *before = good("  timeouts: {head: 5s}\n  hosts: [a.example]\n  routes:\n"
				     "    - {match: /gone}\n    - {match: /b, cache: 1m}\n"
				     "    - {match: /same, tags: [x]}\n");
	struct policy *after =
		good("  timeouts: {head: 6s}\n  routes:\n"
		     "    - {match: /same, tags: [x]}\n    - {match: /b, cache: 2m}\n"
		     "    - {match: /new}\n");

	assert_int_equal(policy_diff(before, after, &diff), 5);
	assert_string_equal(diff.at,
			    "http.timeouts.head: 5s -> 6s\n"
			    "http.routes /b: {match: \"/b\", cache: {for: 1m}} -> {match: \"/b\", "
			    "cache: {for: 2m}}\n"
			    "http.routes /new: added, {match: \"/new\"}\n"
			    "http.hosts: removed, was [\"a.example\"]\n"
			    "http.routes /gone: removed, was {match: \"/gone\"}\n");
	policy_free(before);
	policy_free(after);
}

static void every_prefix_of_a_policy_is_refused_or_read_without_harm(void **state)
{
	for (size_t len = 0; len < sizeof(full); len++) {
		struct policy *policy = NULL;

		problems = (struct policy_problems){.count = 0};
		(void)policy_parse((struct bytes){full, len}, &problems, &policy);
		policy_free(policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_documents),
		cmocka_unit_test(an_upstream_is_healthy_from_200_to_399),
		cmocka_unit_test(what_must_be_there_is_missed),
		cmocka_unit_test(addresses_have_a_port_and_a_family_that_can_be_listened_on),
		cmocka_unit_test(plain_values_are_checked_against_their_bounds),
		cmocka_unit_test(peers_are_checked),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(routes_are_checked),
		cmocka_unit_test(what_does_not_fit_together_is_told),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(a_mistake_in_a_default_limit_is_told_once_for_all_routes),
		cmocka_unit_test(a_routes_limits_take_the_place_of_the_defaults),
		cmocka_unit_test(the_nearest_word_about_a_limit_counts),
		cmocka_unit_test(a_token_bucket_without_burst_holds_a_windows_worth),
		cmocka_unit_test(limits_of_one_name_get_numbers),
		cmocka_unit_test(scopes_follow_from_where_a_limit_stands),
		cmocka_unit_test(the_default_upstream_comes_first_wherever_it_stands),
		cmocka_unit_test(senders_are_inherited_by_the_listeners_they_can_reach),
		cmocka_unit_test(hosts_are_names_and_what_lies_below_them),
		cmocka_unit_test(cache_rules_are_read_short_and_long),
		cmocka_unit_test(what_is_allowed_but_unwise_is_a_warning),
		cmocka_unit_test(what_cannot_be_meant_is_a_warning),
		cmocka_unit_test(tags_may_all_be_given_by_the_upstream),
		cmocka_unit_test(an_unknown_key_is_answered_with_whole_names),
		cmocka_unit_test(a_ban_that_would_not_reach_its_port_is_a_warning),
		cmocka_unit_test(caution_that_can_never_be_is_a_warning),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(a_difference_is_told_by_key_and_by_route),
		cmocka_unit_test(every_prefix_of_a_policy_is_refused_or_read_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
