/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "message_input.h"

#define GOOD                             \
	"GET /a?b=c HTTP/1.1\r\n"        \
	"Host: example.com\r\n"          \
	"Accept: text/html\r\n"          \
	"x_y:\t a\tb \xc3\xa9 \t\r\n"    \
	"X-Forwarded-For: 192.0.2.1\r\n" \
	"Empty:\r\n"                     \
	"x-fORWARDED-for: 192.0.2.2\r\n" \
	"\r\n"

static struct request_head head;

static enum message_result parse_within(struct bytes text, struct head_limits limits)
{
	size_t scanned = 0;

	return head_parse_request(at_edge(text), &limits, &scanned, &head);
}

static enum message_result parse(const char *text)
{
	return parse_within(bytes_of(text), HEAD_LIMITS_DEFAULT);
}

/* A request with this line among its fields. */
static enum message_result parse_line(const char *line)
{
	char text[512];

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", line);
	return parse(text);
}

static void a_request_is_taken_apart(void **state)
{
	assert_int_equal(parse(GOOD "next"), MESSAGE_DONE);
	assert_int_equal(head.len, strlen(GOOD));
	assert_int_equal(head.method, METHOD_GET);
	assert_bytes(head.method_text, "GET");
	assert_bytes(head.target, "/a?b=c");
	assert_int_equal(head.minor, 1);
	assert_int_equal(head.fields.count, 6);
	assert_bytes(head.fields.field[2].name, "x_y");
	assert_bytes(head.fields.field[2].value, "a\tb \xc3\xa9");
	assert_bytes(head.fields.field[4].value, "");
	assert_true(head.fields.field[2].underscore);
	assert_false(head.fields.field[1].underscore);
}

static void fields_of_one_name_are_chained_in_order(void **state)
{
	const struct field *field;

	assert_int_equal(parse(GOOD), MESSAGE_DONE);
	field = fields_first(&head.fields, FIELD_X_FORWARDED_FOR);
	assert_non_null(field);
	assert_bytes(field->value, "192.0.2.1");
	field = fields_next(&head.fields, field);
	assert_non_null(field);
	assert_bytes(field->value, "192.0.2.2");
	assert_null(fields_next(&head.fields, field));
	assert_null(fields_first(&head.fields, FIELD_COOKIE));

	field = fields_find(&head.fields, BYTES("EMPTY"), NULL);
	assert_ptr_equal(field, &head.fields.field[4]);
	assert_null(fields_find(&head.fields, BYTES("EMPTY"), field));
}

static void every_beginning_of_a_good_head_wants_more(void **state)
{
	for (size_t len = 0; len < strlen(GOOD); len++)
		assert_int_equal(parse_within((struct bytes){GOOD, len}, HEAD_LIMITS_DEFAULT),
				 MESSAGE_MORE);
}

static void every_cut_in_two_gives_the_same_head(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t len = strlen(GOOD);

	for (size_t cut = 0; cut < len; cut++) {
		size_t scanned = 0;
		struct bytes part = at_edge((struct bytes){GOOD, cut});

		assert_int_equal(head_parse_request(part, &limits, &scanned, &head), MESSAGE_MORE);
		part = at_edge(BYTES(GOOD));
		assert_int_equal(head_parse_request(part, &limits, &scanned, &head), MESSAGE_DONE);
		assert_int_equal(head.len, len);
		assert_int_equal(head.fields.count, 6);
		assert_int_equal(scanned, 0);
	}
}

static void a_head_that_comes_byte_by_byte_is_done_with_its_last_byte(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t len = strlen(GOOD);
	size_t scanned = 0;

	for (size_t n = 1; n < len; n++) {
		struct bytes part = at_edge((struct bytes){GOOD, n});

		assert_int_equal(head_parse_request(part, &limits, &scanned, &head), MESSAGE_MORE);
		assert_int_equal(scanned, n);
	}
	assert_int_equal(head_parse_request(at_edge(BYTES(GOOD)), &limits, &scanned, &head),
			 MESSAGE_DONE);
}

static void a_bare_line_feed_is_refused_as_soon_as_it_comes(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	size_t scanned = 0;

	assert_int_equal(head_parse_request(at_edge(BYTES("GET / HT")), &limits, &scanned, &head),
			 MESSAGE_MORE);
	assert_int_equal(
		head_parse_request(at_edge(BYTES("GET / HTTP/1.1\n")), &limits, &scanned, &head),
		MESSAGE_BAD_LINE_END);
}

static void methods_are_known_by_their_exact_text(void **state)
{
	static const struct {
		const char *text;
		enum method method;
	} rows[] = {
		{"GET", METHOD_GET},	     {"HEAD", METHOD_HEAD},	{"POST", METHOD_POST},
		{"PUT", METHOD_PUT},	     {"PATCH", METHOD_PATCH},	{"DELETE", METHOD_DELETE},
		{"OPTIONS", METHOD_OPTIONS}, {"get", METHOD_OTHER},	{"PURGE", METHOD_OTHER},
		{"GEX", METHOD_OTHER},	     {"LINK", METHOD_OTHER},	{"X", METHOD_OTHER},
		{"UPDATE", METHOD_OTHER},    {"UNKNOWN", METHOD_OTHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].text);
		assert_int_equal(parse(text), MESSAGE_DONE);
		assert_int_equal(head.method, rows[i].method);
	}
}

static void connect_trace_and_methods_of_33_bytes_are_not_carried(void **state)
{
	const char *longest = "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF";
	char text[128];

	assert_int_equal(parse("CONNECT a:80 HTTP/1.1\r\n"), MESSAGE_METHOD_REFUSED);
	assert_int_equal(parse("TRACE / HTTP/1.1\r\n"), MESSAGE_METHOD_REFUSED);
	assert_int_equal(parse("Connect / HTTP/1.1\r\n"), MESSAGE_METHOD_REFUSED);
	assert_int_equal(parse("trace / HTTP/1.1\r\n"), MESSAGE_METHOD_REFUSED);
	assert_int_equal(parse("TRACES / HTTP/1.1\r\nHost: a\r\n\r\n"), MESSAGE_DONE);

	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", longest);
	assert_int_equal(parse(text), MESSAGE_DONE);
	snprintf(text, sizeof(text), "%sG / HTTP/1.1\r\nHost: a\r\n\r\n", longest);
	assert_int_equal(parse(text), MESSAGE_METHOD_REFUSED);
	snprintf(text, sizeof(text), "%s", longest);
	assert_int_equal(parse(text), MESSAGE_MORE);
	snprintf(text, sizeof(text), "%sG", longest);
	assert_int_equal(parse(text), MESSAGE_METHOD_REFUSED);
	assert_int_equal(message_status(MESSAGE_METHOD_REFUSED), 501);
}

static void request_lines_that_could_be_read_in_two_ways_are_refused(void **state)
{
	static const struct {
		const char *line;
		enum message_result result;
	} rows[] = {
		{"GET  / HTTP/1.1\r\n", MESSAGE_BAD_TARGET},
		{" GET / HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"GET\t/ HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"G@T / HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"\x16\x03\x01 / HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"GET\r\n", MESSAGE_BAD_METHOD},
		{"GET /\r\n", MESSAGE_BAD_VERSION},
		{"GET /\n", MESSAGE_BAD_VERSION},
		{"GET /a b HTTP/1.1\r\n", MESSAGE_BAD_VERSION},
		{"GET /a\tb HTTP/1.1\r\n", MESSAGE_BAD_TARGET},
		{"GET /a#b HTTP/1.1\r\n", MESSAGE_BAD_TARGET},
		{"GET /\xc3\xa9 HTTP/1.1\r\n", MESSAGE_BAD_TARGET},
		{"GET /\x7f HTTP/1.1\r\n", MESSAGE_BAD_TARGET},
		{"GET / HTTP/1.1 \r\n", MESSAGE_BAD_VERSION},
		{"GET /  HTTP/1.1\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/1.11\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/1.2\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/2.0\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/0.9\r\n", MESSAGE_BAD_VERSION},
		{"GET / http/1.1\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/1,1\r\n", MESSAGE_BAD_VERSION},
		{"GET / HTTP/1.1\n", MESSAGE_BAD_LINE_END},
		{"GET / HTTP/1.1\rHost: a", MESSAGE_BAD_LINE_END},
		{"\nGET / HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"\r\n\r\nGET / HTTP/1.1\r\n", MESSAGE_BAD_METHOD},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", MESSAGE_BAD_VERSION},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%sHost: a\r\n\r\n", rows[i].line);
		assert_int_equal(parse(text), rows[i].result);
		assert_int_equal(message_status(rows[i].result), 400);
	}
}

static void one_empty_line_before_a_request_is_skipped(void **state)
{
	assert_int_equal(parse("\r\n" GOOD), MESSAGE_DONE);
	assert_int_equal(head.len, strlen(GOOD) + 2);
}

static void field_lines_that_could_be_read_in_two_ways_are_refused(void **state)
{
	static const struct {
		const char *line;
		enum message_result result;
	} rows[] = {
		{"A : b\r\n", MESSAGE_BAD_NAME},
		{"A\t: b\r\n", MESSAGE_BAD_NAME},
		{": b\r\n", MESSAGE_BAD_NAME},
		{"A\r\n", MESSAGE_BAD_NAME},
		{"A(: b\r\n", MESSAGE_BAD_NAME},
		{"\xc3\xa9: b\r\n", MESSAGE_BAD_NAME},
		{"A\x7f: b\r\n", MESSAGE_BAD_NAME},
		{"A: b\r\n c\r\n", MESSAGE_FOLDED},
		{"A: b\r\n\tc\r\n", MESSAGE_FOLDED},
		{"A: b\r\n \r\n", MESSAGE_FOLDED},
		{"A: b\n", MESSAGE_BAD_LINE_END},
		{"A: b\rC: d\r\n", MESSAGE_BAD_LINE_END},
		{"A: b\r\r\n", MESSAGE_BAD_LINE_END},
		{"\nA: b\r\n", MESSAGE_BAD_LINE_END},
		{"A: 1234567890\x01\r\n", MESSAGE_BAD_VALUE},
		{"A: \x1f\r\n", MESSAGE_BAD_VALUE},
		{"A: a\x7f"
		 "b\r\n",
		 MESSAGE_BAD_VALUE},
		{"A: 12345678\tz\x0b\r\n", MESSAGE_BAD_VALUE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_line(rows[i].line), rows[i].result);
		assert_int_equal(message_status(rows[i].result), 400);
	}
	assert_int_equal(
		parse_within(BYTES("GET / HTTP/1.1\r\nA: \0\r\n\r\n"), HEAD_LIMITS_DEFAULT),
		MESSAGE_BAD_VALUE);
	assert_int_equal(
		parse_within(BYTES("GET / HTTP/1.1\r\nA\0: b\r\n\r\n"), HEAD_LIMITS_DEFAULT),
		MESSAGE_BAD_NAME);
}

static void a_blank_before_the_first_field_is_a_fold(void **state)
{
	assert_int_equal(parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), MESSAGE_FOLDED);
}

static void each_byte_is_judged_alike_wherever_it_stands_in_a_value(void **state)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		bool fine = byte == '\t' || (byte >= 0x20 && byte != 0x7f);

		for (size_t at = 0; at < 19; at++) {
			char text[] =
				"GET / HTTP/1.1\r\nHost: a\r\nX: .0123456789abcdefghij.\r\n\r\n";
			struct bytes whole = {text, sizeof(text) - 1};
			enum message_result result;

			text[sizeof("GET / HTTP/1.1\r\nHost: a\r\nX: .") - 1 + at] = (char)byte;
			result = parse_within(whole, HEAD_LIMITS_DEFAULT);
			assert_int_equal(result == MESSAGE_DONE, fine);
		}
	}
}

static void host_is_there_once_and_valid(void **state)
{
	assert_int_equal(parse("GET / HTTP/1.1\r\n\r\n"), MESSAGE_NO_HOST);
	assert_int_equal(parse("GET / HTTP/1.0\r\n\r\n"), MESSAGE_DONE);
	assert_int_equal(head.minor, 0);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
			 MESSAGE_SECOND_HOST);
	assert_int_equal(parse("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
			 MESSAGE_SECOND_HOST);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost:\r\n\r\n"), MESSAGE_BAD_HOST);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"), MESSAGE_BAD_HOST);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), MESSAGE_BAD_HOST);
}

static void the_head_may_have_max_bytes_and_not_one_more(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;

	limits.max_bytes = (uint32_t)strlen(GOOD);
	assert_int_equal(parse_within(BYTES(GOOD "body"), limits), MESSAGE_DONE);
	limits.max_bytes--;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_HEAD_TOO_LARGE);
	assert_int_equal(parse_within(BYTES(GOOD "body"), limits), MESSAGE_HEAD_TOO_LARGE);
	limits.max_bytes = 10;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_TARGET_TOO_LONG);
	assert_int_equal(message_status(MESSAGE_HEAD_TOO_LARGE), 431);
}

static void a_head_that_never_ends_is_refused_at_the_limit_however_it_comes(void **state)
{
	struct head_limits limits = {.max_bytes = 64, .max_target = 32, .max_fields = 100};
	struct bytes endless = BYTES(
		"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	size_t scanned = 0;

	for (endless.len = 1; endless.len < 64; endless.len++)
		assert_int_equal(head_parse_request(at_edge(endless), &limits, &scanned, &head),
				 MESSAGE_MORE);
	assert_int_equal(head_parse_request(at_edge(endless), &limits, &scanned, &head),
			 MESSAGE_HEAD_TOO_LARGE);
}

static void the_target_may_have_max_target_bytes_and_not_one_more(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;

	limits.max_target = 6;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_DONE);
	limits.max_target = 5;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_TARGET_TOO_LONG);
	assert_int_equal(parse_within(BYTES("GET /12345"), limits), MESSAGE_TARGET_TOO_LONG);
	assert_int_equal(parse_within(BYTES("GET /1234"), limits), MESSAGE_MORE);
	assert_int_equal(message_status(MESSAGE_TARGET_TOO_LONG), 414);
}

static void as_many_fields_as_the_limit_and_not_one_more(void **state)
{
	struct head_limits limits = HEAD_LIMITS_DEFAULT;
	char text[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";

	for (int i = 0; i < 254; i++)
		strcat(text, "a:b\r\n");
	strcat(text, "\r\n");
	limits.max_fields = 255;
	assert_int_equal(parse_within(bytes_of(text), limits), MESSAGE_DONE);
	assert_int_equal(head.fields.count, 255);
	limits.max_fields = 254;
	assert_int_equal(parse_within(bytes_of(text), limits), MESSAGE_TOO_MANY_FIELDS);
	limits.max_fields = 6;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_DONE);
	limits.max_fields = 5;
	assert_int_equal(parse_within(BYTES(GOOD), limits), MESSAGE_TOO_MANY_FIELDS);
	assert_int_equal(message_status(MESSAGE_TOO_MANY_FIELDS), 431);
}

static void pipelined_requests_are_cut_at_their_ends(void **state)
{
	struct bytes two = BYTES(GOOD "POST / HTTP/1.1\r\nHost: b\r\n\r\n");

	assert_int_equal(parse_within(two, HEAD_LIMITS_DEFAULT), MESSAGE_DONE);
	two = (struct bytes){two.at + head.len, two.len - head.len};
	assert_int_equal(parse_within(two, HEAD_LIMITS_DEFAULT), MESSAGE_DONE);
	assert_int_equal(head.method, METHOD_POST);
	assert_int_equal(head.len, two.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(fields_of_one_name_are_chained_in_order),
		cmocka_unit_test(every_beginning_of_a_good_head_wants_more),
		cmocka_unit_test(every_cut_in_two_gives_the_same_head),
		cmocka_unit_test(a_head_that_comes_byte_by_byte_is_done_with_its_last_byte),
		cmocka_unit_test(a_bare_line_feed_is_refused_as_soon_as_it_comes),
		cmocka_unit_test(methods_are_known_by_their_exact_text),
		cmocka_unit_test(connect_trace_and_methods_of_33_bytes_are_not_carried),
		cmocka_unit_test(request_lines_that_could_be_read_in_two_ways_are_refused),
		cmocka_unit_test(one_empty_line_before_a_request_is_skipped),
		cmocka_unit_test(field_lines_that_could_be_read_in_two_ways_are_refused),
		cmocka_unit_test(a_blank_before_the_first_field_is_a_fold),
		cmocka_unit_test(each_byte_is_judged_alike_wherever_it_stands_in_a_value),
		cmocka_unit_test(host_is_there_once_and_valid),
		cmocka_unit_test(the_head_may_have_max_bytes_and_not_one_more),
		cmocka_unit_test(a_head_that_never_ends_is_refused_at_the_limit_however_it_comes),
		cmocka_unit_test(the_target_may_have_max_target_bytes_and_not_one_more),
		cmocka_unit_test(as_many_fields_as_the_limit_and_not_one_more),
		cmocka_unit_test(pipelined_requests_are_cut_at_their_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
