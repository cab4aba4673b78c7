/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy_mistakes.h"

#include <stdio.h>

#include "base/duration.h"
#include "policy/http_policy.h"

#define SECS	 NS_PER_SEC
#define TEXT_MAX (1 << 20)

/* What every policy below has; line 4 is the first of its own. */
#define START "http:\n  listen: [\"127.0.0.1:80\"]\n  upstream: [\"127.0.0.1:5000\"]\n"

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

static void assert_memory(const char *text, unsigned memory, unsigned table, unsigned cache,
			  unsigned object)
{
	struct policy *policy = good(text);
	const struct http_policy *http = policy->http;

	assert_int_equal(http->max.memory >> 20, memory);
	assert_int_equal(http->max.limit_table >> 20, table);
	assert_int_equal(http->cache.size >> 20, cache);
	assert_int_equal(http->cache.object_max >> 20, object);
	policy_free(policy);
}

static void of_memory_what_is_not_said_follows_what_is(void **state)
{
	assert_memory("", 512, 32, 128, 8);
	assert_memory("  cache: {size: 16 MiB}\n", 512, 32, 16, 4);
	assert_memory("  cache: {size: 1 GiB}\n", 1024 + 32 + 352, 32, 1024, 8);
	assert_memory("  max: {memory: 64 MiB}\n", 64, 8, 16, 4);
	assert_memory("  max: {memory: 16 MiB}\n", 16, 2, 4, 1);
	assert_memory("  max: {memory: 4 GiB}\n", 4096, 32, 128, 8);
	assert_memory("  max: {limit_table: 1 GiB}\n  cache: off\n", 1024 + 352, 1024, 128, 8);
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

static void tags_may_all_be_given_by_the_upstream(void **state)
{
	static const char text[] = START "  routes: [{match: \"POST /a\", invalidates: [users]}]\n";
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(bytes_of(text), &problems, &policy), 0);
	assert_int_equal(problems.warnings, 0);
	policy_free(policy);
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
	"    - {match: /off, cache: off, exempt: true, strategy: moving-window, cost: 2, "
	"status: {except: [404, 410]}}\n";

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
	assert_string_equal(diff.at, "http.timeouts.head: 5s -> 6s\n"
				     "http.routes /b: cache.for 1m -> 2m\n"
				     "http.routes /new: added, {match: \"/new\"}\n"
				     "http.hosts: removed, was [\"a.example\"]\n"
				     "http.routes /gone: removed, was {match: \"/gone\"}\n");
	policy_free(before);
	policy_free(after);
}

static void of_a_route_each_key_that_differs_is_told_and_no_other(void **state)
{
	auto_buffer struct buffer diff = buffer_new(TEXT_MAX);
	struct policy *before =
		good("  routes:\n    - {match: /a, limits: [5/minute], tags: [x, y],\n"
		     "       on_limit: {body: \"a, \\\"b: {\", type: text/plain},\n"
		     "       cache: {for: 1m, key: {headers: [a]}}}\n");
	struct policy *after = good("  routes:\n    - {match: /a, limits: [3/minute], retry: off,\n"
				    "       on_limit: {body: \"a, \\\"b: }\", type: text/plain},\n"
				    "       cache: {for: 1m, key: {headers: [a, b]}}}\n");

	assert_int_equal(policy_diff(before, after, &diff), 5);
	assert_string_equal(diff.at,
			    "http.routes /a: limits [\"5 per minute\"] -> [\"3 per minute\"]\n"
			    "http.routes /a: on_limit.body \"a, \\\"b: {\" -> \"a, \\\"b: }\"\n"
			    "http.routes /a: cache.key.headers [\"a\"] -> [\"a\", \"b\"]\n"
			    "http.routes /a: retry added, off\n"
			    "http.routes /a: tags removed, was [\"x\", \"y\"]\n");
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
		cmocka_unit_test(of_memory_what_is_not_said_follows_what_is),
		cmocka_unit_test(an_upstream_is_healthy_from_200_to_399),
		cmocka_unit_test(a_routes_limits_take_the_place_of_the_defaults),
		cmocka_unit_test(the_nearest_word_about_a_limit_counts),
		cmocka_unit_test(a_token_bucket_without_burst_holds_a_windows_worth),
		cmocka_unit_test(limits_of_one_name_get_numbers),
		cmocka_unit_test(scopes_follow_from_where_a_limit_stands),
		cmocka_unit_test(the_default_upstream_comes_first_wherever_it_stands),
		cmocka_unit_test(senders_are_inherited_by_the_listeners_they_can_reach),
		cmocka_unit_test(hosts_are_names_and_what_lies_below_them),
		cmocka_unit_test(cache_rules_are_read_short_and_long),
		cmocka_unit_test(tags_may_all_be_given_by_the_upstream),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(a_difference_is_told_by_key_and_by_route),
		cmocka_unit_test(of_a_route_each_key_that_differs_is_told_and_no_other),
		cmocka_unit_test(every_prefix_of_a_policy_is_refused_or_read_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
