/* SPDX-License-Identifier: BSD-2-Clause */
/* The HTTP plane's part of the metrics, of whatever the child tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/escalation.h"
#include "control/metrics_http.h"
#include "policies.h"

#define POLICY                                         \
	"http:\n"                                      \
	"  listen: [\"127.0.0.1:80\"]\n"               \
	"  upstream: [\"127.0.0.1:1\", \"[::1]:2\"]\n" \
	"  limits: [\"5 per minute\"]\n"               \
	"  global_limits: [\"9 per minute\"]\n"

static void written(const char *told_text, struct buffer *ret_text)
{
	struct policy *policy = policy_of(POLICY);
	json_t *told = told_text ? json_loads(told_text, 0, NULL) : NULL;
	const uint64_t bans[ESCALATION_RESULT_COUNT] = {[ESCALATION_SPARED] = 5};
	const struct metrics_http http = {
		.policy = policy->http,
		.state = {.serves = true, .restarts = 3, .asked_bans = bans},
		.told = told};

	assert_int_equal(told != NULL, told_text != NULL);
	*ret_text = buffer_new(1 << 20);
	metrics_http_write(&http, ret_text);
	assert_int_equal(ret_text->error, 0);
	json_decref(told);
	policy_free(policy);
}

static void assert_line(const struct buffer *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text->at; (at = strstr(at, line)); at++)
		if ((at == text->at || at[-1] == '\n') && at[len] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text->at);
}

static void counters_are_told_by_their_names(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"counters\": {\"requests\": 7, \"answered_2xx\": 5, \"queue_full\": 2},"
		" \"refused\": {\"bad_path\": 4}, \"connections\": 9,"
		" \"cache\": {\"hits\": 11, \"forwarded\": {\"uri-miss\": 12},"
		" \"not_stored\": {\"private\": 13}}}",
		&text);
	assert_line(&text, "sluice_http_requests_total 7");
	assert_line(&text, "sluice_http_responses_total{class=\"2xx\"} 5");
	assert_line(&text, "sluice_http_responses_total{class=\"5xx\"} 0");
	assert_line(&text, "sluice_http_requests_refused_total{reason=\"bad_path\"} 4");
	assert_line(&text, "sluice_http_requests_refused_total{reason=\"queue_full\"} 2");
	assert_line(&text, "sluice_http_connections 9");
	assert_line(&text, "sluice_http_restarts_total 3");
	assert_line(&text, "sluice_cache_hits_total 11");
	assert_line(&text, "sluice_cache_forwarded_total{reason=\"uri-miss\"} 12");
	assert_line(&text, "sluice_cache_not_stored_total{reason=\"private\"} 13");
}

static void what_became_of_bans_that_were_asked_for_is_told(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written(NULL, &text);
	assert_line(&text, "sluice_http_asked_bans_total{result=\"spared\"} 5");
	assert_line(&text, "sluice_http_asked_bans_total{result=\"banned\"} 0");
}

static void a_bucket_holds_all_that_took_no_longer(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"upstream_time\": {\"count\": [1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8],"
		" \"sum_ns\": 1500000000}}",
		&text);
	assert_line(&text, "sluice_http_upstream_seconds_bucket{le=\"0.001\"} 1");
	assert_line(&text, "sluice_http_upstream_seconds_bucket{le=\"0.002\"} 3");
	assert_line(&text, "sluice_http_upstream_seconds_bucket{le=\"0.01\"} 7");
	assert_line(&text, "sluice_http_upstream_seconds_bucket{le=\"30\"} 7");
	assert_line(&text, "sluice_http_upstream_seconds_bucket{le=\"+Inf\"} 15");
	assert_line(&text, "sluice_http_upstream_seconds_sum 1.500");
	assert_line(&text, "sluice_http_upstream_seconds_count 15");
}

static void servers_are_those_of_the_policy_whatever_the_child_names(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"servers\": [{\"name\": \"127.0.0.1:1\", \"outstanding\": 3, \"ejected\": true},"
		" {\"name\": \"evil\", \"outstanding\": 1}, 5, {\"name\": null}]}",
		&text);
	assert_line(&text, "sluice_http_upstream_outstanding{upstream=\"default\","
			   "server=\"127.0.0.1:1\"} 3");
	assert_line(&text,
		    "sluice_http_upstream_ejected{upstream=\"default\",server=\"127.0.0.1:1\"} 1");
	assert_line(&text, "sluice_http_upstream_up{upstream=\"default\",server=\"[::1]:2\"} 0");
	assert_null(strstr(text.at, "evil"));
}

static void nothing_the_child_says_becomes_a_label_or_a_negative_count(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"counters\": {\"requests\": -4, \"aborted\": \"many\", \"evil\": 1},"
		" \"refused\": {\"evil\\\"\\n\": 1}, \"cache\": {\"forwarded\": {\"evil\": 2}},"
		" \"upstream_time\": {\"count\": \"evil\", \"sum_ns\": -1}, \"memory\": []}",
		&text);
	assert_line(&text, "sluice_http_requests_total 0");
	assert_line(&text, "sluice_http_aborted_total 0");
	assert_line(&text, "sluice_http_upstream_seconds_sum 0.000");
	assert_line(&text, "sluice_http_memory_bytes 0");
	assert_null(strstr(text.at, "evil"));
	assert_null(strstr(text.at, "-4"));
}

static void limits_are_those_of_the_policy_whatever_the_child_names(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"limits\": [{\"route\": \"*\", \"limit\": \"5-per-60s\", \"allowed\": 5,"
		" \"refused\": 2, \"dry_run_refused\": 1}, {\"route\": \"evil\", \"limit\": "
		"\"evil\"},"
		" {\"route\": \"*\", \"limit\": \"evil\"}, {\"route\": 1}, []]}",
		&text);
	assert_line(&text, "sluice_limit_requests_total{route=\"*\",limit=\"5-per-60s\","
			   "result=\"allowed\"} 5");
	assert_line(&text, "sluice_limit_requests_total{route=\"*\",limit=\"5-per-60s\","
			   "result=\"refused\"} 2");
	assert_line(&text, "sluice_limit_requests_total{route=\"*\",limit=\"5-per-60s\","
			   "result=\"dry_run\"} 1");
	assert_null(strstr(text.at, "evil"));
}

static void a_limit_the_child_says_nothing_of_is_counted_as_left_out_and_not_as_0(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written("{\"limits\": [{\"route\": \"*\", \"limit\": \"5-per-60s\"}]}", &text);
	assert_line(&text, "sluice_limit_requests_total{route=\"*\",limit=\"5-per-60s\","
			   "result=\"allowed\"} 0");
	assert_null(strstr(text.at, "9-per-60s"));
	assert_line(&text, "sluice_limits_left_out 1");
}

static void of_a_child_that_does_not_answer_only_its_state_is_told(void **state)
{
	auto_buffer struct buffer text;

	(void)state;
	written(NULL, &text);
	assert_line(&text, "sluice_http_up 1");
	assert_null(strstr(text.at, "requests_total"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_told_by_their_names),
		cmocka_unit_test(what_became_of_bans_that_were_asked_for_is_told),
		cmocka_unit_test(a_bucket_holds_all_that_took_no_longer),
		cmocka_unit_test(servers_are_those_of_the_policy_whatever_the_child_names),
		cmocka_unit_test(nothing_the_child_says_becomes_a_label_or_a_negative_count),
		cmocka_unit_test(limits_are_those_of_the_policy_whatever_the_child_names),
		cmocka_unit_test(
			a_limit_the_child_says_nothing_of_is_counted_as_left_out_and_not_as_0),
		cmocka_unit_test(of_a_child_that_does_not_answer_only_its_state_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
