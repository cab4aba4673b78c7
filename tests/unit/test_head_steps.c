/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much work a head is, counted in bytes looked at: linear in its length, however it comes.
 * The sources are compiled here with the places that look at bytes replaced by ones that count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <stdio.h>

#include "edge.h"
#include "message/chars.h"
#include "message/head.h"
#include "message/names.h"

static size_t steps;

static inline const void *counted_memchr(const void *at, int byte, size_t len)
{
	const char *found = memchr(at, byte, len);

	steps += found ? (size_t)(found - (const char *)at) + 1 : len;
	return found;
}

static inline bool counted_char_is(char byte, unsigned classes)
{
	steps++;
	return char_is(byte, classes);
}

static inline size_t counted_span(struct bytes text, unsigned classes)
{
	size_t len = bytes_span(text, classes);

	steps += len + 1;
	return len;
}

static inline bool counted_blank(char byte)
{
	steps++;
	return char_is_blank(byte);
}

static inline uint64_t counted_eight(uint64_t word)
{
	steps += sizeof(word);
	return word;
}

#undef le64toh
#define le64toh(word)	   counted_eight(word)
#define memchr(at, b, len) counted_memchr(at, b, len)
#define char_is(b, c)	   counted_char_is(b, c)
#define char_is_blank(b)   counted_blank(b)
#define bytes_span(t, c)   counted_span(t, c)
#include "../../agent/message/field_line.c"
#include "../../agent/message/head.c"

#define HEAD_LEN 16000
#define PER_BYTE \
	6 /* two looks at most for each of: the first try, the search for the end, the parse */

static char text[HEAD_LEN + 64];
static struct request_head head;

static void fill(const char *pattern)
{
	size_t at = (size_t)sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\n");

	while (at + strlen(pattern) < HEAD_LEN)
		at += (size_t)sprintf(text + at, "%s", pattern);
	sprintf(text + at, "\r\n\r\n");
}

/* Feed text in pieces of step bytes; return the result of the last. */
static enum message_result feed(size_t step, unsigned max_fields)
{
	struct head_limits limits = {.max_bytes = HEAD_LEN + 64,
				     .max_target = HEAD_LEN,
				     .max_fields = (uint8_t)max_fields};
	enum message_result result = MESSAGE_MORE;
	size_t len = strlen(text);
	size_t scanned = 0;

	steps = 0;
	for (size_t given = 0; given < len && result == MESSAGE_MORE;) {
		given = given + step < len ? given + step : len;
		result = head_parse_request((struct bytes){text, given}, &limits, &scanned, &head);
	}
	return result;
}

static void assert_linear(enum message_result result)
{
	static const size_t pieces[] = {1, 2, 3, 7, 100, 1460, HEAD_LEN};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		assert_int_equal(feed(pieces[i], HEAD_FIELDS_MAX), result);
		/* Besides the bytes: three are searched again for each piece. */
		assert_in_range(steps, 1, PER_BYTE * strlen(text) + 3 * strlen(text) / pieces[i]);
	}
}

static void one_long_value_is_linear_work(void **state)
{
	fill("a");
	strcpy(text + HEAD_LEN - 600, "\r\n\r\n");
	memcpy(text + 25, "x:", 2);
	assert_linear(MESSAGE_DONE);
}

static void a_value_of_tabs_is_linear_work(void **state)
{
	fill("\t");
	memcpy(text + 25, "x:a\ta", 5);
	assert_linear(MESSAGE_DONE);
}

static void many_fields_of_one_name_are_linear_work(void **state)
{
	fill("X-Forwarded-For: 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5\r\n");
	assert_linear(MESSAGE_DONE);
	assert_true(head.fields.count > 200);
}

static void too_many_fields_are_refused_without_more_work(void **state)
{
	fill("a:b\r\n");
	assert_linear(MESSAGE_TOO_MANY_FIELDS);
}

static void blanks_around_values_are_linear_work(void **state)
{
	fill("a:                                                                         b"
	     "                                                                            \r\n");
	assert_linear(MESSAGE_DONE);
}

static void a_name_without_an_end_is_linear_work(void **state)
{
	fill("a");
	assert_linear(MESSAGE_BAD_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_long_value_is_linear_work),
		cmocka_unit_test(a_value_of_tabs_is_linear_work),
		cmocka_unit_test(many_fields_of_one_name_are_linear_work),
		cmocka_unit_test(too_many_fields_are_refused_without_more_work),
		cmocka_unit_test(blanks_around_values_are_linear_work),
		cmocka_unit_test(a_name_without_an_end_is_linear_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
