/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/validation.h"
#include "message_input.h"

#define THEN 1700000000ll

static struct maybe_time at(int64_t unix_s)
{
	return (struct maybe_time){true, true, unix_s};
}

static const struct validators dated = {
	.etag = {"\"a\"", 3},
	.last_modified = {true, true, THEN},
	.date = {true, true, THEN + 100},
	.received_unix_s = THEN + 200,
};

static void if_none_match_decides_alone(void **state)
{
	struct conditions matches = {.if_none_match = ETAG_MATCHES};
	struct conditions differs = {.if_none_match = ETAG_DIFFERS,
				     .if_modified_since = at(THEN + 1000)};

	assert_int_equal(validation_condition(&matches, &dated, 200), CONDITION_304);
	assert_int_equal(validation_condition(&differs, &dated, 200), CONDITION_SEND);
}

static enum condition_result since(int64_t unix_s, const struct validators *stored)
{
	struct conditions conditions = {.if_modified_since = at(unix_s)};

	return validation_condition(&conditions, stored, 200);
}

static void if_modified_since_compares_last_modified_then_date_then_receipt(void **state)
{
	struct validators stored = dated;

	assert_int_equal(since(THEN - 1, &stored), CONDITION_SEND);
	assert_int_equal(since(THEN, &stored), CONDITION_304);
	stored.last_modified.is_given = false;
	assert_int_equal(since(THEN + 99, &stored), CONDITION_SEND);
	assert_int_equal(since(THEN + 100, &stored), CONDITION_304);
	stored.date.is_valid = false;
	assert_int_equal(since(THEN + 199, &stored), CONDITION_SEND);
	assert_int_equal(since(THEN + 200, &stored), CONDITION_304);
}

static void a_date_that_is_none_is_ignored(void **state)
{
	struct conditions conditions = {.if_modified_since = {true, false, THEN + 1000}};

	assert_int_equal(validation_condition(&conditions, &dated, 200), CONDITION_SEND);
}

static void if_match_and_if_unmodified_since_are_for_the_origin(void **state)
{
	struct conditions match = {.has_if_match = true, .if_none_match = ETAG_MATCHES};
	struct conditions unmodified = {.has_if_unmodified_since = true};

	assert_int_equal(validation_condition(&match, &dated, 200), CONDITION_ORIGIN);
	assert_int_equal(validation_condition(&unmodified, &dated, 200), CONDITION_ORIGIN);
}

static void a_condition_changes_nothing_but_a_success(void **state)
{
	struct conditions conditions = {.if_none_match = ETAG_MATCHES};

	assert_int_equal(validation_condition(&conditions, &dated, 404), CONDITION_SEND);
	assert_int_equal(validation_condition(&conditions, &dated, 300), CONDITION_SEND);
	assert_int_equal(validation_condition(&conditions, &dated, 299), CONDITION_304);
}

static struct validators tagged(const char *etag)
{
	return (struct validators){.etag = bytes_of(etag)};
}

static void a_strong_tag_chooses_all_that_have_it(void **state)
{
	struct validators stored[] = {tagged("\"b\""), tagged("\"a\""), tagged("W/\"a\""),
				      tagged("\"a\"")};
	struct validators answer = tagged("\"a\""), other = tagged("\"c\"");
	bool chosen[4];

	assert_int_equal(validation_choose(&answer, stored, 4, chosen), 2);
	assert_true(!chosen[0] && chosen[1] && !chosen[2] && chosen[3]);
	assert_int_equal(validation_choose(&other, stored, 4, chosen), 0);
}

static void a_weak_validator_chooses_the_most_recent_that_has_it(void **state)
{
	struct validators stored[] = {tagged("\"b\""), tagged("W/\"a\""), tagged("\"a\"")};
	struct validators answer = tagged("W/\"a\"");
	struct validators modified = {.last_modified = at(THEN)};
	bool chosen[3];

	assert_int_equal(validation_choose(&answer, stored, 3, chosen), 1);
	assert_true(chosen[1]);
	assert_int_equal(validation_choose(&modified, stored, 3, chosen), 0);
	stored[2].last_modified = at(THEN);
	assert_int_equal(validation_choose(&modified, stored, 3, chosen), 1);
	assert_true(chosen[2]);
	modified.last_modified.unix_s++;
	assert_int_equal(validation_choose(&modified, stored, 3, chosen), 0);
}

static void no_validator_chooses_only_one_that_has_none_either(void **state)
{
	struct validators none = {.date = at(THEN)}, stored[2] = {none, none}, answer = none;
	bool chosen[2];

	assert_int_equal(validation_choose(&answer, stored, 1, chosen), 1);
	assert_int_equal(validation_choose(&answer, stored, 2, chosen), 0);
	stored[0].etag = BYTES("\"a\"");
	assert_int_equal(validation_choose(&answer, stored, 1, chosen), 0);
}

static void a_head_answer_that_contradicts_what_is_stored_invalidates_it(void **state)
{
	struct validators same = dated, tag = dated, modified = dated, silent = {0};

	tag.etag = BYTES("\"b\"");
	modified.last_modified = at(THEN + 1);
	assert_int_equal(validation_head(&same, 10, &dated, 10), HEAD_UPDATES);
	assert_int_equal(validation_head(&same, 11, &dated, 10), HEAD_INVALIDATES);
	assert_int_equal(validation_head(&same, -1, &dated, 10), HEAD_UPDATES);
	assert_int_equal(validation_head(&same, 10, &dated, -1), HEAD_UPDATES);
	assert_int_equal(validation_head(&same, 0, &dated, 10), HEAD_INVALIDATES);
	assert_int_equal(validation_head(&same, 10, &dated, 0), HEAD_INVALIDATES);
	assert_int_equal(validation_head(&tag, 10, &dated, 10), HEAD_INVALIDATES);
	assert_int_equal(validation_head(&modified, 10, &dated, 10), HEAD_INVALIDATES);
	assert_int_equal(validation_head(&silent, 10, &dated, 10), HEAD_UPDATES);
}

static const char *merge_at(const char *date, const char *stored, const char *answer_lines)
{
	static char text[1024];
	auto_buffer struct buffer out = buffer_new(sizeof(text) - 1);
	struct head_merge what = {
		.stored_head = bytes_of(stored),
		.date = bytes_of(date),
		.answer = &response_with("HTTP/1.1 304 Not Modified", answer_lines)->fields,
	};

	validation_merge(&what, &out);
	assert_int_equal(out.error, 0);
	memcpy(text, out.at, out.len + 1);
	return text;
}

static const char *merge(const char *stored, const char *answer_lines)
{
	return merge_at("", stored, answer_lines);
}

static void a_304_without_a_date_has_that_of_its_receipt(void **state)
{
	static const char stored[] = "HTTP/1.1 200 OK\r\ndate: then\r\nA: 1\r\n";

	assert_string_equal(merge_at("now", stored, "B: 2\r\n"),
			    "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nDate: now\r\n");
	assert_string_equal(merge_at("now", stored, "Date: its own\r\n"),
			    "HTTP/1.1 200 OK\r\nA: 1\r\nDate: its own\r\n");
}

static void a_304_replaces_fields_adds_new_ones_and_keeps_the_rest(void **state)
{
	assert_string_equal(
		merge("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\na: 3\r\n", "A: 4\r\nC: 5\r\nA: 6\r\n"),
		"HTTP/1.1 200 OK\r\nB: 2\r\nA: 4\r\nC: 5\r\nA: 6\r\n");
	assert_string_equal(merge("HTTP/1.1 200 OK\r\nA: 1\r\n", ""),
			    "HTTP/1.1 200 OK\r\nA: 1\r\n");
}

static void a_304_does_not_touch_what_describes_the_stored_bytes_or_the_connection(void **state)
{
	static const char stored[] =
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n"
		"Content-Range: x\r\nETag: \"a\"\r\n";

	assert_string_equal(merge(stored, "Content-Encoding: br\r\nContent-Length: 0\r\n"
					  "Content-Range: y\r\nETag: \"b\"\r\nAge: 5\r\n"
					  "Connection: x\r\nKeep-Alive: y\r\nUpgrade: z\r\n"
					  "Transfer-Encoding: chunked\r\n"
					  "Proxy-Authenticate: Basic\r\n"),
			    stored);
}

static void merge_leaves_checksums_of_the_stored_bytes(void **state)
{
	const char *stored = "HTTP/1.1 200 OK\r\nContent-MD5: a\r\nRepr-Digest: b\r\n";

	(void)state;
	assert_string_equal(merge(stored, "content-md5: x\r\nRepr-Digest: y\r\n"
					  "Content-Digest: z\r\n"),
			    stored);
}

static bool is_x(const void *context, const struct field *field)
{
	return bytes_equal_nocase(field->name, bytes_of(context));
}

static void fields_the_caller_drops_are_not_taken(void **state)
{
	auto_buffer struct buffer out = buffer_new(1000);
	struct head_merge what = {
		.stored_head = BYTES("HTTP/1.1 200 OK\r\nX: 1\r\n"),
		.answer = &response_with("HTTP/1.1 304 Not Modified", "X: 2\r\nY: 3\r\n")->fields,
		.is_dropped = is_x,
		.context = "x",
	};

	validation_merge(&what, &out);
	assert_string_equal(out.at, "HTTP/1.1 200 OK\r\nX: 1\r\nY: 3\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merge_leaves_checksums_of_the_stored_bytes),
		cmocka_unit_test(if_none_match_decides_alone),
		cmocka_unit_test(if_modified_since_compares_last_modified_then_date_then_receipt),
		cmocka_unit_test(a_date_that_is_none_is_ignored),
		cmocka_unit_test(if_match_and_if_unmodified_since_are_for_the_origin),
		cmocka_unit_test(a_condition_changes_nothing_but_a_success),
		cmocka_unit_test(a_strong_tag_chooses_all_that_have_it),
		cmocka_unit_test(a_weak_validator_chooses_the_most_recent_that_has_it),
		cmocka_unit_test(no_validator_chooses_only_one_that_has_none_either),
		cmocka_unit_test(a_head_answer_that_contradicts_what_is_stored_invalidates_it),
		cmocka_unit_test(a_304_without_a_date_has_that_of_its_receipt),
		cmocka_unit_test(a_304_replaces_fields_adds_new_ones_and_keeps_the_rest),
		cmocka_unit_test(
			a_304_does_not_touch_what_describes_the_stored_bytes_or_the_connection),
		cmocka_unit_test(fields_the_caller_drops_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
