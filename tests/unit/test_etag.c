/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/etag.h"
#include "message_input.h"

static struct etag tag_of(const char *text)
{
	struct etag tag = {0};

	assert_true(etag_parse(bytes_of(text), &tag));
	return tag;
}

static void tags_are_quoted_and_weak_with_a_capital(void **state)
{
	static const char *const bad[] = {"",	     "a",      "\"",  "\"a",	 "a\"",
					  "w/\"a\"", "W\"a\"", "W/a", "\"a b\"", "\"a\"b",
					  "\"a\"\"", "W/",     "W"};
	struct etag tag = {.is_weak = true};

	assert_true(etag_parse(at_edge(BYTES("\"a\\,\xff\"")), &tag));
	assert_false(tag.is_weak);
	assert_true(etag_parse(at_edge(BYTES("W/\"\"")), &tag));
	assert_true(tag.is_weak);
	assert_bytes(tag.opaque, "\"\"");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(etag_parse(at_edge(bytes_of(bad[i])), &tag));
}

/* The table of RFC 9110 section 8.8.3.2. */
static void comparison_is_that_of_rfc_9110(void **state)
{
	struct etag weak_1 = tag_of("W/\"1\"");
	struct etag weak_2 = tag_of("W/\"2\"");
	struct etag strong_1 = tag_of("\"1\"");

	assert_false(etag_equal_strong(&weak_1, &weak_1));
	assert_true(etag_equal_weak(&weak_1, &weak_1));
	assert_false(etag_equal_weak(&weak_1, &weak_2));
	assert_false(etag_equal_strong(&weak_1, &strong_1));
	assert_true(etag_equal_weak(&weak_1, &strong_1));
	assert_true(etag_equal_strong(&strong_1, &strong_1));
}

static enum etag_match none_match(const char *lines, const char *tag)
{
	struct etag parsed = tag_of(tag);

	return etag_if_none_match(fields_with(lines), &parsed, true);
}

static void if_none_match_compares_weakly_over_all_lines(void **state)
{
	assert_int_equal(none_match("", "\"a\""), ETAG_ABSENT);
	assert_int_equal(none_match("If-None-Match: \"a\"\r\n", "\"a\""), ETAG_MATCHES);
	assert_int_equal(none_match("If-None-Match: W/\"a\"\r\n", "\"a\""), ETAG_MATCHES);
	assert_int_equal(none_match("If-None-Match: \"b\", ,\"a\"\r\n", "W/\"a\""), ETAG_MATCHES);
	assert_int_equal(none_match("If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", "\"a\""),
			 ETAG_MATCHES);
	assert_int_equal(none_match("If-None-Match: \"b,\\\",\"a\"\r\n", "\"a\""), ETAG_MATCHES);
	assert_int_equal(none_match("If-None-Match: \"b\"\r\n", "\"a\""), ETAG_DIFFERS);
	assert_int_equal(none_match("If-None-Match: a\r\n", "\"a\""), ETAG_DIFFERS);
	assert_int_equal(none_match("If-None-Match: \"b\" \"a\"\r\n", "\"a\""), ETAG_DIFFERS);
	assert_int_equal(none_match("If-None-Match:\r\n", "\"a\""), ETAG_DIFFERS);
}

static void an_asterisk_matches_whatever_exists(void **state)
{
	const struct fields *fields = fields_with("If-None-Match: *\r\nIf-Match: *\r\n");

	assert_int_equal(etag_if_none_match(fields, NULL, true), ETAG_MATCHES);
	assert_int_equal(etag_if_none_match(fields, NULL, false), ETAG_DIFFERS);
	assert_int_equal(etag_if_match(fields, NULL, true), ETAG_MATCHES);
	assert_int_equal(etag_if_match(fields, NULL, false), ETAG_DIFFERS);
	assert_int_equal(none_match("If-None-Match: *, \"a\"\r\n", "\"a\""), ETAG_DIFFERS);
}

static void if_match_compares_strongly(void **state)
{
	struct etag strong = tag_of("\"a\"");
	struct etag weak = tag_of("W/\"a\"");
	const struct fields *fields = fields_with("If-Match: \"b\", \"a\"\r\n");

	assert_int_equal(etag_if_match(fields, &strong, true), ETAG_MATCHES);
	assert_int_equal(etag_if_match(fields, &weak, true), ETAG_DIFFERS);
	assert_int_equal(etag_if_match(fields, NULL, true), ETAG_DIFFERS);
	fields = fields_with("If-Match: W/\"a\"\r\n");
	assert_int_equal(etag_if_match(fields, &strong, true), ETAG_DIFFERS);
	assert_int_equal(etag_if_match(fields_with(""), &strong, true), ETAG_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_quoted_and_weak_with_a_capital),
		cmocka_unit_test(comparison_is_that_of_rfc_9110),
		cmocka_unit_test(if_none_match_compares_weakly_over_all_lines),
		cmocka_unit_test(an_asterisk_matches_whatever_exists),
		cmocka_unit_test(if_match_compares_strongly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
