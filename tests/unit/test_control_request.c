/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "control/commands.h"
#include "control/request.h"

static enum request_result parse(const char *text, struct request *ret_request,
				 struct request_error *ret_error)
{
	size_t scanned = 0;
	size_t head_len;

	return request_parse(bytes_of(text), &scanned, ret_request, &head_len, ret_error);
}

/* A request for target. Its slices live through the test: each of the last four has its own bytes. */
static struct request request_for(const char *method, const char *target)
{
	static char texts[4][256];
	static unsigned next;
	char *text = texts[next++ % 4];
	struct request request = {0};
	struct request_error error;

	(void)snprintf(text, sizeof(texts[0]), "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, target);
	assert_int_equal(parse(text, &request, &error), REQUEST_DONE);
	return request;
}

static unsigned status_of(const char *text)
{
	struct request_error error = {0};
	struct request request;

	assert_int_equal(parse(text, &request, &error), REQUEST_BAD);
	assert_non_null(error.detail);
	return error.status;
}

static void a_target_is_split_into_path_and_query(void **state)
{
	struct request request = request_for("GET", "/v1/bans?prefix=192.0.2.0%2F24&x");

	assert_true(bytes_equal(request.path, BYTES("/v1/bans")));
	assert_true(bytes_equal(request.query, BYTES("prefix=192.0.2.0%2F24&x")));
	assert_true(request.keep_alive);
	assert_int_equal(request.body_len, 0);
}

static void a_body_is_as_long_as_content_length_says(void **state)
{
	struct request request = {0};
	struct request_error error;

	assert_int_equal(parse("POST /v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\n"
			       "Expect: 100-continue\r\n\r\n",
			       &request, &error),
			 REQUEST_DONE);
	assert_int_equal(request.body_len, 42);
	assert_true(request.expects_continue);
}

static void a_chunked_body_is_411_and_a_malformed_length_400(void **state)
{
	assert_int_equal(
		status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 411);
	assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n"),
			 400);
	assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
				   "Content-Length: 2\r\n\r\n"),
			 400);
	assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
				   "Expect: tea\r\n\r\n"),
			 417);
}

static void a_target_that_is_no_path_is_400(void **state)
{
	assert_int_equal(status_of("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
	assert_int_equal(status_of("GET http://x/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
}

static void connection_close_and_http_1_0_end_the_connection(void **state)
{
	struct request_error error;
	struct request old = {0};
	struct request closing = {0};

	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n", &old, &error), REQUEST_DONE);
	assert_int_equal(
		parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", &closing, &error),
		REQUEST_DONE);
	assert_false(old.keep_alive);
	assert_true(old.http10);
	assert_false(closing.keep_alive);
}

static void every_prefix_of_a_good_head_wants_more(void **state)
{
	static const char good[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		char *exact = test_malloc(len ? len : 1);
		struct request_error error;
		struct request request;
		size_t scanned = 0;
		size_t head_len;

		memcpy(exact, good, len);
		assert_int_equal(request_parse((struct bytes){exact, len}, &scanned, &request,
					       &head_len, &error),
				 REQUEST_MORE);
		test_free(exact);
	}
}

static void a_parameter_is_decoded_and_the_first_one_counts(void **state)
{
	struct request request = request_for("GET", "/x?a=1%2f2&b&a=3&c=%");
	char text[8];

	assert_int_equal(request_param(&request, "a", text, sizeof(text)), PARAM_OK);
	assert_string_equal(text, "1/2");
	assert_int_equal(request_param(&request, "b", text, sizeof(text)), PARAM_OK);
	assert_string_equal(text, "");
	assert_int_equal(request_param(&request, "d", text, sizeof(text)), PARAM_ABSENT);
	assert_int_equal(request_param(&request, "c", text, sizeof(text)), PARAM_BAD);
}

static void a_nul_a_broken_escape_and_what_is_too_long_are_bad(void **state)
{
	char text[4];

	assert_int_equal(request_decode(BYTES("%00"), text, sizeof(text)), PARAM_BAD);
	assert_int_equal(request_decode(BYTES("%g0"), text, sizeof(text)), PARAM_BAD);
	assert_int_equal(request_decode(BYTES("a%4"), text, sizeof(text)), PARAM_BAD);
	assert_int_equal(request_decode(BYTES("abcd"), text, sizeof(text)), PARAM_BAD);
	assert_string_equal(text, "");
	assert_int_equal(request_decode(BYTES("abc"), text, sizeof(text)), PARAM_OK);
	assert_string_equal(text, "abc");
}

static void a_command_is_found_by_method_and_path(void **state)
{
	struct response response = response_new();
	struct request get = request_for("GET", "/v1/bans");
	struct request post = request_for("POST", "/v1/bans");
	struct request explain = request_for("GET", "/v1/explain/192.0.2.7");

	assert_ptr_equal(commands_find(&get, false, &response)->run, bans_list);
	assert_ptr_equal(commands_find(&post, false, &response)->run, bans_add);
	assert_ptr_equal(commands_find(&explain, false, &response)->run, explain_get);
	assert_true(bytes_equal(explain.rest, BYTES("192.0.2.7")));
	response_free(&response);
}

static void another_method_is_405_with_those_there_are_and_another_path_404(void **state)
{
	struct response response = response_new();
	struct request put = request_for("PUT", "/v1/bans");
	struct request nothing = request_for("GET", "/v1/explain/");

	assert_null(commands_find(&put, false, &response));
	assert_int_equal(response.status, 405);
	assert_string_equal(response.allow, "GET, POST, DELETE");
	assert_null(commands_find(&nothing, false, &response));
	assert_int_equal(response.status, 404);
	assert_string_equal(response.allow, "");
	response_free(&response);
}

static void strangers_find_metrics_and_health_and_nothing_else(void **state)
{
	struct response response = response_new();
	struct request metrics = request_for("GET", "/metrics?all=1");
	struct request ready = request_for("HEAD", "/readyz");
	struct request status = request_for("GET", "/v1/status");
	struct request detach = request_for("POST", "/v1/detach");

	assert_non_null(commands_find(&metrics, true, &response));
	assert_non_null(commands_find(&ready, true, &response));
	assert_null(commands_find(&status, true, &response));
	assert_int_equal(response.status, 404);
	assert_null(commands_find(&detach, true, &response));
	assert_int_equal(response.status, 404);
	response_free(&response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_split_into_path_and_query),
		cmocka_unit_test(a_body_is_as_long_as_content_length_says),
		cmocka_unit_test(a_chunked_body_is_411_and_a_malformed_length_400),
		cmocka_unit_test(a_target_that_is_no_path_is_400),
		cmocka_unit_test(connection_close_and_http_1_0_end_the_connection),
		cmocka_unit_test(every_prefix_of_a_good_head_wants_more),
		cmocka_unit_test(a_parameter_is_decoded_and_the_first_one_counts),
		cmocka_unit_test(a_nul_a_broken_escape_and_what_is_too_long_are_bad),
		cmocka_unit_test(a_command_is_found_by_method_and_path),
		cmocka_unit_test(another_method_is_405_with_those_there_are_and_another_path_404),
		cmocka_unit_test(strangers_find_metrics_and_health_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
