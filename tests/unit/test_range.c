/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message/range.h"
#include "message_input.h"

static struct ranges ranges;

static enum range_result parse(const char *value, uint64_t len)
{
	return range_parse(at_edge(bytes_of(value)), len, &ranges);
}

static void assert_one(const char *value, uint64_t first, uint64_t last)
{
	assert_int_equal(parse(value, 10), RANGE_PARTS);
	assert_int_equal(ranges.count, 1);
	assert_int_equal(ranges.range[0].first, first);
	assert_int_equal(ranges.range[0].last, last);
}

static void one_range_is_cut_to_what_there_is(void **state)
{
	assert_one("bytes=0-0", 0, 0);
	assert_one("bytes=0-9", 0, 9);
	assert_one("bytes=0-10", 0, 9);
	assert_one("BYTES=3-99999999999999999999999", 3, 9);
	assert_one("bytes=9-", 9, 9);
	assert_one("bytes=-1", 9, 9);
	assert_one("bytes=-10", 0, 9);
	assert_one("bytes=-11", 0, 9);
	assert_one("bytes= ,5-6 ,", 5, 6);
	assert_one("bytes=5-6, 10-", 5, 6);
}

static void ranges_outside_cannot_be_satisfied(void **state)
{
	assert_int_equal(parse("bytes=10-", 10), RANGE_UNSATISFIABLE);
	assert_int_equal(parse("bytes=10-11", 10), RANGE_UNSATISFIABLE);
	assert_int_equal(parse("bytes=-0", 10), RANGE_UNSATISFIABLE);
	assert_int_equal(parse("bytes=99999999999999999999-", 10), RANGE_UNSATISFIABLE);
	assert_int_equal(parse("bytes=10-,11-12", 10), RANGE_UNSATISFIABLE);
}

static void what_is_no_bytes_range_is_as_if_it_was_not_there(void **state)
{
	static const char *const bad[] = {
		"",	    "bytes",	 "bytes=",     "bytes=,",     "bytes=-",     "bytes=a-",
		"bytes=1",  "bytes=2-1", "bytes=1-x",  "bytes=--1",   "bytes=1-2-",  "bytes =1-2",
		"bits=1-2", "byte=1-2",	 "bytesx=1-2", "bytes=1 - 2", "bytes=1-2,x", "bytes=0x1-2",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], 10), RANGE_WHOLE);
	assert_int_equal(parse("bytes=0-0", 0), RANGE_WHOLE);
	assert_int_equal(parse("bytes=-1", 0), RANGE_WHOLE);
}

static void several_ranges_keep_their_order(void **state)
{
	assert_int_equal(parse("bytes=7-8, 0-1, -1", 11), RANGE_PARTS);
	assert_int_equal(ranges.count, 3);
	assert_int_equal(ranges.range[0].first, 7);
	assert_int_equal(ranges.range[1].first, 0);
	assert_int_equal(ranges.range[2].first, 10);
}

static void overlapping_ranges_get_the_whole(void **state)
{
	assert_int_equal(parse("bytes=0-5,5-9", 100), RANGE_WHOLE);
	assert_int_equal(parse("bytes=0-5,6-9", 100), RANGE_WHOLE);
	assert_int_equal(parse("bytes=6-9,0-5", 100), RANGE_WHOLE);
	assert_int_equal(parse("bytes=0-,0-,0-,0-", 100), RANGE_WHOLE);
	assert_int_equal(parse("bytes=0-5,7-9", 100), RANGE_PARTS);
	assert_int_equal(parse("bytes=7-9,0-5", 100), RANGE_PARTS);
}

static void at_most_16_ranges_are_looked_at(void **state)
{
	assert_int_equal(parse("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,"
			       "22-22,24-24,26-26,28-28,30-30",
			       100),
			 RANGE_PARTS);
	assert_int_equal(ranges.count, RANGES_MAX);
	assert_int_equal(parse("bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,"
			       "22-22,24-24,26-26,28-28,30-30,32-32",
			       100),
			 RANGE_WHOLE);
}

static void if_range_wants_the_same_strong_validator(void **state)
{
	struct etag strong = {BYTES("\"a\""), false};
	struct etag weak = {BYTES("\"a\""), true};
	struct bytes date = BYTES("Sun, 06 Nov 1994 08:49:37 GMT");

	assert_true(if_range_holds(BYTES("\"a\""), &strong, date));
	assert_false(if_range_holds(BYTES("W/\"a\""), &strong, date));
	assert_false(if_range_holds(BYTES("\"a\""), &weak, date));
	assert_false(if_range_holds(BYTES("\"b\""), &strong, date));
	assert_false(if_range_holds(BYTES("\"a\""), NULL, date));
	assert_true(if_range_holds(date, NULL, date));
	assert_false(if_range_holds(BYTES("Sun, 06 Nov 1994 08:49:38 GMT"), NULL, date));
	assert_false(if_range_holds(date, NULL, (struct bytes){0}));
	assert_false(if_range_holds(BYTES(""), NULL, BYTES("")));
}

static void content_ranges_read_back_as_written(void **state)
{
	static const char *const good[] = {"bytes 0-0/1", "bytes 5-9/*", "bytes */10",
					   "bytes 42-1233/1234", "bytes */0"};
	char out[CONTENT_RANGE_TEXT_MAX];
	struct content_range got;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(content_range_parse(at_edge(bytes_of(good[i])), &got));
		assert_bytes(content_range_format(&got, out), good[i]);
		for (size_t len = 0; len < strlen("bytes 5-9/"); len++)
			assert_false(content_range_parse(
				at_edge((struct bytes){good[i], len > 7 ? 7 : len}), &got));
	}
}

static void contradicting_content_ranges_are_none(void **state)
{
	static const char *const bad[] = {
		"",	      "bytes",	      "bytes 0-0",    "bytes 1-0/5",  "bytes 0-5/5",
		"bytes */*",  "bytes 0-0/",   "bytes -5/10",  "bytes 0-/10",  "bytes=0-0/1",
		"bits 0-0/1", "bytes 0-0/1 ", "bytes  0-0/1", "bytes 0-0/-1", "bytes 0 - 0/1"};
	struct content_range got = {.complete = 7};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(content_range_parse(at_edge(bytes_of(bad[i])), &got));
	assert_int_equal(got.complete, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_range_is_cut_to_what_there_is),
		cmocka_unit_test(ranges_outside_cannot_be_satisfied),
		cmocka_unit_test(what_is_no_bytes_range_is_as_if_it_was_not_there),
		cmocka_unit_test(several_ranges_keep_their_order),
		cmocka_unit_test(overlapping_ranges_get_the_whole),
		cmocka_unit_test(at_most_16_ranges_are_looked_at),
		cmocka_unit_test(if_range_wants_the_same_strong_validator),
		cmocka_unit_test(content_ranges_read_back_as_written),
		cmocka_unit_test(contradicting_content_ranges_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
