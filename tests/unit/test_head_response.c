/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message_input.h"

static struct response_head answer;

static enum message_result parse_answer(const char *text)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned = 0;

	return head_parse_response(at_edge(bytes_of(text)), &limits, &scanned, &answer);
}

static void a_response_is_taken_apart(void **state)
{
	assert_int_equal(parse_answer("HTTP/1.1 404 Not  Found \xfc\r\nAge: 3\r\n\r\nbody"),
			 MESSAGE_DONE);
	assert_int_equal(answer.status, 404);
	assert_int_equal(answer.minor, 1);
	assert_bytes(answer.reason, "Not  Found \xfc");
	assert_int_equal(answer.len, strlen("HTTP/1.1 404 Not  Found \xfc\r\nAge: 3\r\n\r\n"));
	assert_non_null(fields_first(&answer.fields, FIELD_AGE));

	assert_int_equal(parse_answer("HTTP/1.0 200 \r\n\r\n"), MESSAGE_DONE);
	assert_int_equal(answer.minor, 0);
	assert_int_equal(parse_answer("HTTP/1.1 200\r\n\r\n"), MESSAGE_DONE);
	assert_bytes(answer.reason, "");
	assert_int_equal(parse_answer("HTTP/1.1 999 x\r\n\r\n"), MESSAGE_DONE);
	assert_int_equal(parse_answer("HTTP/1.1 100 x\r\n\r\n"), MESSAGE_DONE);
}

static void malformed_responses_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum message_result result;
	} rows[] = {
		{"HTTP/1.1 099 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1 20 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1 2000 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1  200 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1 +20 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.2 200 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/2 200 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"ICY 200 OK\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"\r\nHTTP/1.1 200 x\r\n\r\n", MESSAGE_BAD_STATUS_LINE},
		{"HTTP/1.1 200 x\n\r\n", MESSAGE_BAD_LINE_END},
		{"HTTP/1.1 200 x\ry\r\n\r\n", MESSAGE_BAD_LINE_END},
		{"HTTP/1.1 200 x\x01\r\n\r\n", MESSAGE_BAD_LINE_END},
		{"HTTP/1.1 200 x\r\nA : b\r\n\r\n", MESSAGE_BAD_NAME},
		{"HTTP/1.1 200 x\r\nA: b\r\n c\r\n\r\n", MESSAGE_FOLDED},
		{"HTTP/1.1 200 x\r\nA: b\n\r\n", MESSAGE_BAD_LINE_END},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(parse_answer(rows[i].text), rows[i].result);
}

static void every_beginning_of_a_good_response_wants_more(void **state)
{
	const char *good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct head_limits limits = HEAD_LIMITS_DEFAULT;

	for (size_t len = 0; len < strlen(good); len++) {
		size_t scanned = 0;
		struct bytes part = at_edge((struct bytes){good, len});

		assert_int_equal(head_parse_response(part, &limits, &scanned, &answer),
				 MESSAGE_MORE);
		part = at_edge(bytes_of(good));
		assert_int_equal(head_parse_response(part, &limits, &scanned, &answer),
				 MESSAGE_DONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_is_taken_apart),
		cmocka_unit_test(malformed_responses_are_refused),
		cmocka_unit_test(every_beginning_of_a_good_response_wants_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
