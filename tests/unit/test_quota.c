/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of a policy made ready, judged and told: the path of a request without sockets. */
#include "limit_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "quota/quota_counter.h"
#include "quota/quota_judge.h"
#include "quota/quota_scope.h"
#include "quota/quota_text.h"
#include "policies.h"

#define LISTEN "http:\n  listen: [\"127.0.0.1:80\"]\n  upstream: [\"127.0.0.1:5000\"]\n"

struct scene {
	struct policy *policy;
	struct quota_plan *plan;
	struct limit_table *table;
	struct key_file *keys;
	struct head_limits limits;
	struct request_head head;
};

static struct scene scene;
static struct quota_judged judged[QUOTA_LIMITS_MAX];
static struct quota_held held[2 * QUOTA_LIMITS_MAX];

static void end_scene(void)
{
	quota_plan_free(scene.plan);
	policy_free(scene.policy);
	limit_table_close(scene.table);
	key_file_free(scene.keys);
	scene = (struct scene){.plan = NULL};
}

static int end(void **state)
{
	end_scene();
	return 0;
}

static void begin(const char *rules)
{
	struct quota_source source = {.threads = 1};
	char text[8192];
	int fd = -1;

	end_scene();
	snprintf(text, sizeof(text), LISTEN "%s", rules);
	scene.policy = policy_of(text);
	source.policy = scene.policy;
	assert_int_equal(quota_plan_new(&source, &scene.plan), 0);
	assert_int_equal(limit_table_create((struct limit_table_size){512, 1024}, &fd), 0);
	assert_int_equal(limit_table_open(fd, &scene.table), 0);
	close(fd);
}

static struct quota_request request_of(unsigned last, const char *fields, uint64_t now_ns)
{
	static char text[1024]; /* the fields point into it */
	size_t scanned = 0;
	struct quota_request request = {
		.plan = scene.plan,
		.route = &scene.plan->routes[0],
		.table = scene.table,
		.now_ns = now_ns,
		.client = {.method = METHOD_GET,
			   .client = {ADDRESS_IPV4, 32, {192, 0, 2, (uint8_t)last}},
			   .bits = scene.policy->source_bits,
			   .table = scene.table,
			   .keys = scene.keys,
			   .keys_header = "x-api-key"},
	};

	scene.limits = (struct head_limits)HEAD_LIMITS_DEFAULT;
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	assert_int_equal(head_parse_request(bytes_of(text), &scene.limits, &scanned, &scene.head),
			 MESSAGE_DONE);
	request.client.fields = &scene.head.fields;
	request.client.source = request.client.client;
	return request;
}

static struct quota_result result_new(void)
{
	return (struct quota_result){.judged = judged, .held = held};
}

static bool asks_at(unsigned last, const char *fields, uint64_t now_ns)
{
	struct quota_request request = request_of(last, fields, now_ns);
	struct quota_result result = result_new();

	return quota_judge(&request, &result) != QUOTA_REFUSED;
}

/* ---- What counts are known by ---- */

static uint64_t scope_of(const char *rules)
{
	begin(rules);
	return scene.plan->routes[0].own.at[0].scope;
}

static void counts_are_known_by_window_strategy_and_key_and_not_by_n(void **state)
{
	const uint64_t scope = scope_of("  limits: [\"5 per minute\"]\n");

	assert_true(scope == scope_of("  limits: [\"7 per minute\"]\n"));
	assert_true(scope == scope_of("  name: x\n  limits: [{limit: 5/minute, name: y}]\n"));
	assert_true(scope != scope_of("  limits: [\"5 per hour\"]\n"));
	assert_true(scope != scope_of("  limits: [{limit: 5/minute, strategy: fixed-window}]\n"));
	assert_true(scope != scope_of("  limits: [{limit: 5/minute, key: source}]\n"));
	assert_true(scope != scope_of("  limits: [{limit: 5/minute, per_method: true}]\n"));
	assert_true(scope != scope_of("  limits: [{limit: 5/minute, shared: z}]\n"));
	assert_true(scope != scope_of("  limits: [{limit: 5/minute, count_status: [401]}]\n"));
	assert_true(scope != scope_of("  routes: [{match: /a, limits: [5/minute]}]\n"));
}

static void of_two_that_agree_in_all_else_the_smaller_keeps_its_counts(void **state)
{
	const uint64_t scope = scope_of("  limits: [\"5 per minute\"]\n");
	const struct quota *at;

	begin("  limits: [\"9 per minute\", \"5 per minute\"]\n");
	at = scene.plan->routes[0].own.at;
	assert_true(at[1].scope == scope);
	assert_true(at[0].scope != scope);
}

static void a_scope_leads_back_to_its_limit(void **state)
{
	const struct quota *quota;

	begin("  limits: [\"5 per minute\"]\n  global_limits: [\"9 per hour\"]\n");
	quota = quota_plan_find(scene.plan, scene.plan->global.at[0].scope);
	assert_string_equal(quota->limit->name, "9-per-3600s");
	assert_string_equal(quota->counter->route, "");
	assert_null(quota_plan_find(scene.plan, 12345));
}

static void counters_go_on_with_the_next_plan_that_has_their_names(void **state)
{
	struct quota_source source = {.threads = 1};
	struct quota_plan *next;

	begin("  limits: [\"1 per minute\"]\n");
	assert_true(asks_at(1, "", START));
	assert_false(asks_at(1, "", START));
	source.policy = scene.policy;
	source.before = scene.plan;
	assert_int_equal(quota_plan_new(&source, &next), 0);
	quota_plan_free(scene.plan);
	scene.plan = next;
	assert_false(asks_at(1, "", START));
	assert_int_equal(quota_counter_read(next->routes[0].own.at[0].counter).refused, 2);
	assert_int_equal(quota_counter_read(next->routes[0].own.at[0].counter).allowed, 1);
}

/* ---- Whom they count ---- */

static void an_invented_identity_is_charged_to_its_address_too(void **state)
{
	begin("  limits: [{limit: 2/minute, key: {header: X-User}}]\n");
	assert_true(asks_at(1, "X-User: a\r\n", START));
	assert_true(asks_at(1, "X-User: b\r\n", START));
	assert_false(asks_at(1, "X-User: c\r\n", START));
	assert_false(asks_at(1, "", START));
	assert_true(asks_at(2, "X-User: c\r\n", START));
	assert_true(asks_at(3, "X-User: c\r\n", START));
	assert_false(asks_at(4, "X-User: c\r\n", START));
}

static void what_shows_is_the_less_of_identity_and_address(void **state)
{
	struct quota_result result = result_new();
	struct quota_request request;

	begin("  limits: [{limit: 9/minute, key: {header: X-User}}]\n");
	for (int i = 0; i < 4; i++)
		assert_true(asks_at(1, "X-User: a\r\n", START));
	request = request_of(1, "X-User: b\r\n", START);
	assert_int_equal(quota_judge(&request, &result), QUOTA_LET_IN);
	assert_int_equal(result.count, 1);
	assert_int_equal(judged[0].view.remaining, 4);
}

/* ---- Holding ---- */

/* So many answers that count were produced in a window, whatever came in between. */
static void in_no_interleaving_more_than_n_matching_answers_are_produced(void **state)
{
	enum { IN_FLIGHT = 40, STEPS = 20000, N = 7 };
	struct quota_held flights[IN_FLIGHT];
	struct quota_judged shown[IN_FLIGHT];
	struct quota_result flying[IN_FLIGHT] = {{0}};
	uint64_t counted[STEPS], now_ns = START, random = 7;
	size_t count = 0, from = 0;

	begin("  limits: [{limit: 7/minute, count_status: [401]}]\n");
	for (int step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(random_next(&random) % IN_FLIGHT);
		struct quota_request request;

		now_ns += random_next(&random) % SECOND;
		if (flying[i].held_count) {
			bool matches = random_next(&random) % 2;

			quota_settle(scene.table, &flying[i], matches ? 401 : 200, now_ns);
			if (matches)
				counted[count++] = now_ns;
		} else {
			flying[i] = (struct quota_result){.judged = &shown[i], .held = &flights[i]};
			request = request_of(1, "", now_ns);
			(void)quota_judge(&request, &flying[i]);
		}
		while (from < count && counted[from] + 60 * SECOND <= now_ns)
			from++;
		assert_true(count - from <= N);
	}
	assert_true(count > 20);
}

static void what_is_given_back_is_back_at_once(void **state)
{
	struct quota_result result = result_new();
	struct quota_request request;

	begin("  limits: [{limit: 1/minute, count_status: [401]}]\n");
	request = request_of(1, "", START);
	assert_int_equal(quota_judge(&request, &result), QUOTA_LET_IN);
	assert_false(asks_at(1, "", START));
	quota_settle(scene.table, &result, 200, START);
	assert_int_equal(judged[0].view.remaining, 1);
	assert_true(asks_at(1, "", START));
}

static void an_answer_that_nobody_saw_counts(void **state)
{
	struct quota_result result = result_new();
	struct quota_request request;

	begin("  limits: [{limit: 1/minute, count_status: [401]}]\n");
	request = request_of(1, "", START);
	assert_int_equal(quota_judge(&request, &result), QUOTA_LET_IN);
	quota_settle(scene.table, &result, 0, START);
	assert_false(asks_at(1, "", START + SECOND));
}

/* ---- Waiting ---- */

static void who_can_wait_is_charged_when_he_is_let_in(void **state)
{
	struct quota_result result = result_new();
	struct quota_request request;

	begin("  limits: [{limit: 2/minute, strategy: fixed-window}]\n");
	assert_true(asks_at(1, "", START) && asks_at(1, "", START));
	request = request_of(1, "", START + 50 * SECOND);
	request.patience_ns = 10 * SECOND - 1;
	assert_int_equal(quota_judge(&request, &result), QUOTA_REFUSED);
	request.patience_ns = 10 * SECOND;
	assert_int_equal(quota_judge(&request, &result), QUOTA_LATER);
	assert_int_equal(result.later_ns, 10 * SECOND);
	request.now_ns += result.later_ns;
	assert_int_equal(quota_judge(&request, &result), QUOTA_LET_IN);
	assert_int_equal(judged[0].view.remaining, 1);
}

/* ---- In words ---- */

static void assert_text(const struct quota_key *key, const char *text)
{
	char out[QUOTA_TEXT_MAX];

	assert_string_equal(quota_text(key, scene.keys, out), text);
}

static void people_can_read_who_it_is_and_never_what_was_sent(void **state)
{
	const char *file = "alice - "
			   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	struct quota_key key = {
		.parts = QUOTA_ADDRESS, .family = 4, .bits = 32, .address = {192, 0, 2, 7}};
	struct key_error error;

	begin("");
	assert_int_equal(key_file_parse(bytes_of(file), &error, &scene.keys), 0);
	assert_text(&key, "192.0.2.7");
	key.bits = 24;
	key.address[3] = 0;
	key.parts |= QUOTA_SHARED;
	assert_text(&key, "192.0.2.0/24 (shared)");
	key = (struct quota_key){.parts = QUOTA_API_KEY, .rest = key_file_hash(scene.keys, 0)};
	assert_text(&key, "key alice");
	key.rest = 0x123456789abcdef0;
	assert_text(&key, "key#12345678");
	key.parts = QUOTA_COOKIE | QUOTA_ADDRESS;
	assert_text(&key, "unix + cookie#12345678");
}

static void assert_is(const char *who, const struct quota_key *key, bool is)
{
	struct quota_who asked;

	assert_int_equal(quota_who_parse(bytes_of(who), scene.keys, &asked), 0);
	assert_int_equal(quota_who_is(&asked, key, scene.keys), is);
}

static void who_is_asked_for_is_found_by_address_name_or_what_is_told(void **state)
{
	const char *file = "alice - "
			   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	const struct quota_key address = {
		.parts = QUOTA_ADDRESS, .family = 4, .bits = 32, .address = {192, 0, 2, 7}};
	struct quota_key key = {.parts = QUOTA_API_KEY};
	struct key_error error;
	struct quota_who asked;

	begin("");
	assert_int_equal(key_file_parse(bytes_of(file), &error, &scene.keys), 0);
	key.rest = key_file_hash(scene.keys, 0);
	assert_is("192.0.2.7", &address, true);
	assert_is("192.0.2.0/24", &address, true);
	assert_is("192.0.2.8", &address, false);
	assert_is("alice", &key, true);
	assert_is("key alice", &key, true);
	assert_is("alice", &address, false);
	key.rest = 0x123456789abcdef0;
	assert_is("key#12345678", &key, true);
	assert_is("key#12345679", &key, false);
	assert_int_not_equal(quota_who_parse(BYTES("bob"), scene.keys, &asked), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_known_by_window_strategy_and_key_and_not_by_n),
		cmocka_unit_test(of_two_that_agree_in_all_else_the_smaller_keeps_its_counts),
		cmocka_unit_test(a_scope_leads_back_to_its_limit),
		cmocka_unit_test(counters_go_on_with_the_next_plan_that_has_their_names),
		cmocka_unit_test(an_invented_identity_is_charged_to_its_address_too),
		cmocka_unit_test(what_shows_is_the_less_of_identity_and_address),
		cmocka_unit_test(in_no_interleaving_more_than_n_matching_answers_are_produced),
		cmocka_unit_test(what_is_given_back_is_back_at_once),
		cmocka_unit_test(an_answer_that_nobody_saw_counts),
		cmocka_unit_test(who_can_wait_is_charged_when_he_is_let_in),
		cmocka_unit_test(people_can_read_who_it_is_and_never_what_was_sent),
		cmocka_unit_test(who_is_asked_for_is_found_by_address_name_or_what_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
