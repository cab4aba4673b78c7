/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/body.h"
#include "message_input.h"

static struct body body;

static enum message_result request(const char *lines)
{
	return body_of_request(request_with(lines), &body);
}

static enum message_result response(const char *start, const char *lines, enum method method)
{
	return body_of_response(response_with(start, lines), method, &body);
}

static void a_request_without_framing_fields_has_no_body(void **state)
{
	assert_int_equal(request(""), MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_NONE);
	assert_false(body.length_given);
}

static void content_length_is_digits_up_to_2_63_less_1(void **state)
{
	assert_int_equal(request("Content-Length: 0\r\n"), MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_LENGTH);
	assert_int_equal(body.length, 0);
	assert_int_equal(request("content-length:  0042 \r\n"), MESSAGE_DONE);
	assert_int_equal(body.length, 42);
	assert_int_equal(request("Content-Length: 9223372036854775807\r\n"), MESSAGE_DONE);
	assert_int_equal(body.length, INT64_MAX);
	assert_int_equal(request("Content-Length: 9223372036854775808\r\n"), MESSAGE_BAD_LENGTH);
	assert_int_equal(request("Content-Length: 18446744073709551617\r\n"), MESSAGE_BAD_LENGTH);
}

static void malformed_and_repeated_lengths_are_refused(void **state)
{
	static const char *const lines[] = {
		"Content-Length:\r\n",
		"Content-Length: +1\r\n",
		"Content-Length: -1\r\n",
		"Content-Length: 1 2\r\n",
		"Content-Length: 0x1\r\n",
		"Content-Length: 1a\r\n",
		"Content-Length: 1.0\r\n",
		"Content-Length: 1, 1\r\n",
		"Content-Length: 1,\r\n",
		"Content-Length: \"1\"\r\n",
		"Content-Length: 1\r\nContent-Length: 2\r\n",
		"Content-Length: 1\r\nContent-Length: 1\r\n",
		"Content-Length: \xb2\r\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(request(lines[i]), MESSAGE_BAD_LENGTH);
}

static void transfer_encoding_is_exactly_one_chunked(void **state)
{
	static const struct {
		const char *lines;
		enum message_result result;
	} rows[] = {
		{"Transfer-Encoding: chunked\r\n", MESSAGE_DONE},
		{"TRANSFER-ENCODING:\tChunKed\t\r\n", MESSAGE_DONE},
		{"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", MESSAGE_LENGTH_AND_CODING},
		{"Content-Length: x\r\nTransfer-Encoding: x\r\n", MESSAGE_LENGTH_AND_CODING},
		{"Transfer-Encoding: chunked, chunked\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		 MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunked, gzip\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: identity\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: identity, chunked\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: gzip\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding:\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunked,\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: , chunked\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: xchunked\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunke\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: \"chunked\"\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunked;q=1\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: chunked chunked\r\n", MESSAGE_BAD_CODING},
		{"Transfer-Encoding: \xa0"
		 "chunked\r\n",
		 MESSAGE_BAD_CODING},
		{"Transfer-Encoding: gzip, chunked\r\n", MESSAGE_CODING_UNKNOWN},
		{"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
		 MESSAGE_CODING_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(request(rows[i].lines), rows[i].result);
	assert_int_equal(message_status(MESSAGE_CODING_UNKNOWN), 501);
}

static void http_1_0_has_no_transfer_encoding(void **state)
{
	assert_int_equal(
		body_of_request(request_with_minor("Transfer-Encoding: chunked\r\n", 0), &body),
		MESSAGE_CODING_IN_1_0);
	assert_int_equal(response("HTTP/1.0 200 x", "Transfer-Encoding: chunked\r\n", METHOD_GET),
			 MESSAGE_CODING_IN_1_0);
}

static void a_response_without_framing_lasts_until_the_connection_closes(void **state)
{
	assert_int_equal(response("HTTP/1.1 200 x", "", METHOD_GET), MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_UNTIL_CLOSE);
	assert_int_equal(response("HTTP/1.1 200 x", "Content-Length: 5\r\n", METHOD_GET),
			 MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_LENGTH);
	assert_int_equal(response("HTTP/1.1 200 x", "Transfer-Encoding: chunked\r\n", METHOD_GET),
			 MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_CHUNKED);
	assert_int_equal(response("HTTP/1.1 200 x",
				  "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
				  METHOD_GET),
			 MESSAGE_LENGTH_AND_CODING);
}

static void some_responses_have_no_body_whatever_they_say(void **state)
{
	static const char *const starts[] = {"HTTP/1.1 100 x", "HTTP/1.1 101 x", "HTTP/1.1 199 x",
					     "HTTP/1.1 204 x", "HTTP/1.1 304 x"};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		assert_int_equal(response(starts[i], "Content-Length: 5\r\n", METHOD_GET),
				 MESSAGE_DONE);
		assert_int_equal(body.kind, BODY_NONE);
		assert_int_equal(response(starts[i], "Transfer-Encoding: chunked\r\n", METHOD_GET),
				 MESSAGE_DONE);
		assert_int_equal(body.kind, BODY_NONE);
	}
	assert_int_equal(response("HTTP/1.1 200 x", "Content-Length: 5\r\n", METHOD_HEAD),
			 MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_NONE);
	assert_true(body.length_given);
	assert_int_equal(body.length, 5);
	assert_int_equal(response("HTTP/1.1 200 x", "Content-Length: y\r\n", METHOD_HEAD),
			 MESSAGE_DONE);
	assert_false(body.length_given);
	assert_int_equal(response("HTTP/1.1 205 x", "", METHOD_GET), MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_UNTIL_CLOSE);
	assert_int_equal(response("HTTP/1.1 303 x", "", METHOD_GET), MESSAGE_DONE);
	assert_int_equal(body.kind, BODY_UNTIL_CLOSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_framing_fields_has_no_body),
		cmocka_unit_test(content_length_is_digits_up_to_2_63_less_1),
		cmocka_unit_test(malformed_and_repeated_lengths_are_refused),
		cmocka_unit_test(transfer_encoding_is_exactly_one_chunked),
		cmocka_unit_test(http_1_0_has_no_transfer_encoding),
		cmocka_unit_test(a_response_without_framing_lasts_until_the_connection_closes),
		cmocka_unit_test(some_responses_have_no_body_whatever_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
