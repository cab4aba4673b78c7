/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/duration.h"
#include "guarded.h"

#define SECOND NS_PER_SEC
#define DAY    (86400 * SECOND)

static void assert_parses(const char *text, uint64_t expected_ns)
{
	uint64_t ns = 1;

	assert_int_equal(duration_parse(bytes_of(text), &ns), 0);
	assert_int_equal(ns, expected_ns);
}

static void every_unit_and_spelling_is_read(void **state)
{
	assert_parses("90", 90 * SECOND);
	assert_parses("0", 0);
	assert_parses("90s", 90 * SECOND);
	assert_parses("1 minute", 60 * SECOND);
	assert_parses("10m", 600 * SECOND);
	assert_parses("250ms", 250 * NS_PER_MS);
	assert_parses("5 milliseconds", 5 * NS_PER_MS);
	assert_parses("7us", 7000);
	assert_parses("7ns", 7);
	assert_parses("2 Hours", 7200 * SECOND);
	assert_parses("2 hrs", 7200 * SECOND);
	assert_parses("3 mins", 180 * SECOND);
	assert_parses("1 week", 7 * DAY);
	assert_parses("2weeks", 14 * DAY);
	assert_parses("1D", DAY);
}

static void pairs_add_up(void **state)
{
	assert_parses("1h30m", 5400 * SECOND);
	assert_parses(" 1 hour 30 minutes ", 5400 * SECOND);
	assert_parses("1d1s", DAY + SECOND);
}

static void what_is_no_duration_is_refused(void **state)
{
	static const char *const texts[] = {
		"",	" ",	 "m",	    "1x",   "1h30",  "30 1h", "-1s",   "1.5h",
		"1 ss", "1 mss", "1 month", "1,5s", "1h,2m", "s1",    "1 s s",
	};
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(duration_parse(bytes_of(texts[i]), &ns), -EINVAL);
	assert_int_equal(ns, 42);
}

static void ten_years_are_the_longest(void **state)
{
	uint64_t ns = 42;

	assert_parses("3650 days", DURATION_MAX_NS);
	assert_int_equal(duration_parse(BYTES("3650d1ns"), &ns), -ERANGE);
	assert_int_equal(duration_parse(BYTES("3651 days"), &ns), -ERANGE);
	assert_int_equal(duration_parse(BYTES("18446744073709551616"), &ns), -ERANGE);
	assert_int_equal(duration_parse(BYTES("99999999999999999999999999999ns"), &ns), -ERANGE);
	assert_int_equal(duration_parse(BYTES("3000d 3000d 9999999999w"), &ns), -ERANGE);
	assert_int_equal(ns, 42);
}

static void no_byte_behind_the_text_is_read(void **state)
{
	static const char text[] = "1 hour 30 minutes 5s";
	uint64_t ns;

	for (size_t len = 0; len < sizeof(text); len++) {
		struct guarded guarded = guarded_copy((struct bytes){text, len});

		(void)duration_parse(guarded.text, &ns); /* whether it is one is another test's */
		guarded_free(&guarded);
	}
}

static void assert_formats(uint64_t ns, const char *expected)
{
	char out[DURATION_TEXT_MAX];

	assert_string_equal(duration_format(ns, out), expected);
}

static void the_text_is_exact_and_short(void **state)
{
	assert_formats(0, "0s");
	assert_formats(5400 * SECOND, "1h30m");
	assert_formats(250 * NS_PER_MS, "250ms");
	assert_formats(7 * DAY, "7d");
	assert_formats(SECOND + 1, "1s1ns");
	assert_formats(1500, "1us500ns");
	assert_formats(UINT64_MAX, "213503d23h34m33s709ms551us615ns");
}

static void text_reads_back_to_the_same_span(void **state)
{
	uint64_t ns = 1, again;
	char out[DURATION_TEXT_MAX];

	for (; ns < DURATION_MAX_NS; ns = ns * 3 + 7) {
		assert_int_equal(duration_parse(bytes_of(duration_format(ns, out)), &again), 0);
		assert_int_equal(again, ns);
	}
}

static void assert_stamp(uint64_t unix_ns, const char *expected)
{
	char out[TIMESTAMP_TEXT_MAX];

	assert_string_equal(timestamp_format(unix_ns, out), expected);
}

static void timestamps_are_utc_seconds_rounded_up(void **state)
{
	assert_stamp(0, "1970-01-01T00:00:00Z");
	assert_stamp(1795260840 * SECOND, "2026-11-21T11:34:00Z");
	assert_stamp(1795260839 * SECOND + 1, "2026-11-21T11:34:00Z");
	assert_stamp(1795260840 * SECOND + 1, "2026-11-21T11:34:01Z");
}

static void timestamps_read_back(void **state)
{
	uint64_t unix_ns = 0;

	assert_int_equal(timestamp_parse(BYTES("2026-11-21T11:34:00Z"), &unix_ns), 0);
	assert_int_equal(unix_ns, 1795260840 * SECOND);
	assert_int_equal(timestamp_parse(BYTES("2024-02-29T23:59:59Z"), &unix_ns), 0);
	assert_int_equal(unix_ns, 1709251199 * SECOND);
	assert_int_equal(timestamp_parse(BYTES("1970-01-01T00:00:00Z"), &unix_ns), 0);
	assert_int_equal(unix_ns, 0);
}

static void what_is_no_timestamp_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026-11-21",
		"2026-11-21T11:34:00",
		"2026-11-21T11:34:00z",
		"2026-11-21 11:34:00Z",
		"2026-02-29T11:34:00Z",
		"2026-13-01T11:34:00Z",
		"2026-11-00T11:34:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T11:60:00Z",
		"2026-11-21T11:34:60Z",
		"1969-12-31T23:59:59Z",
		"9999-12-31T23:59:59Z",
		"2026-11-21T11:34:0xZ",
		"2026-11-21T11:34:00Z ",
	};
	uint64_t unix_ns = 42;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(timestamp_parse(bytes_of(texts[i]), &unix_ns), -EINVAL);
	assert_int_equal(unix_ns, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_unit_and_spelling_is_read),
		cmocka_unit_test(pairs_add_up),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(ten_years_are_the_longest),
		cmocka_unit_test(no_byte_behind_the_text_is_read),
		cmocka_unit_test(the_text_is_exact_and_short),
		cmocka_unit_test(text_reads_back_to_the_same_span),
		cmocka_unit_test(timestamps_are_utc_seconds_rounded_up),
		cmocka_unit_test(timestamps_read_back),
		cmocka_unit_test(what_is_no_timestamp_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
