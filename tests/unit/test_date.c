/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "edge.h"
#include "message/date.h"

#define NOW 1795000000ll /* November 2026 */

/* The instant, or -999 if text is no date. */
static int64_t parsed_at(const char *text, int64_t now)
{
	int64_t unix_s = -999;

	bool is_date = date_parse(at_edge(bytes_of(text)), now, &unix_s);

	assert_int_equal(is_date, unix_s != -999);
	return unix_s;
}

static int64_t parsed(const char *text)
{
	return parsed_at(text, NOW);
}

static void the_three_forms_of_rfc_9110_name_one_instant(void **state)
{
	assert_int_equal(parsed("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	assert_int_equal(parsed("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	assert_int_equal(parsed("Sun Nov  6 08:49:37 1994"), 784111777);
	assert_int_equal(parsed("Wed Nov 16 08:49:37 1994"), 784975777);
}

static void edges_of_the_calendar_are_right(void **state)
{
	assert_int_equal(parsed("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
	assert_int_equal(parsed("Wed, 31 Dec 1969 23:59:59 GMT"), -1);
	assert_int_equal(parsed("Tue, 29 Feb 2000 12:00:00 GMT"), 951825600);
	assert_int_equal(parsed("Tue, 19 Jan 2038 03:14:08 GMT"), 2147483648);
	assert_int_equal(parsed("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799);
	assert_int_equal(parsed("Sat, 01 Jan 0000 00:00:00 GMT"), -62167219200);
	assert_int_equal(parsed("Sat, 31 Dec 2016 23:59:60 GMT"), 1483228800);
}

static void what_is_no_date_to_the_letter_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"-1",
		"Sun, 06 Nov 1994 08:49:37 gmt",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06  Nov 1994 08:49:37 GMT",
		"Sun 06 Nov 1994 08:49:37 GMT",
		"SUN, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 NOV 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT",
		"Sun, 06 Xyz 1994 08:49:37 GMT",
		"Sun, 06-Nov-1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Wed, 29 Feb 1995 08:49:37 GMT",
		"Wed, 29 Feb 1900 08:49:37 GMT",
		"Xyz, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sund, 06-Nov-94 08:49:37 GMT",
		"Sunday, 31-Nov-94 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov 06 08:49:37 1994 GMT",
		"Sun Nov  6 08:49:37 94",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parsed(bad[i]), -999);
}

static void no_beginning_of_a_date_is_a_date(void **state)
{
	static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
					   "Sunday, 06-Nov-94 08:49:37 GMT",
					   "Sun Nov  6 08:49:37 1994"};
	int64_t unix_s;

	for (size_t i = 0; i < 3; i++)
		for (size_t len = 0; len < strlen(good[i]); len++)
			assert_false(
				date_parse(at_edge((struct bytes){good[i], len}), NOW, &unix_s));
}

static void a_two_digit_year_is_never_more_than_50_years_ahead(void **state)
{
	int64_t now = parsed("Sat, 21 Nov 2026 12:00:00 GMT");

	assert_int_equal(parsed_at("Saturday, 21-Nov-76 12:00:00 GMT", now),
			 parsed("Sat, 21 Nov 2076 12:00:00 GMT"));
	assert_int_equal(parsed_at("Saturday, 21-Nov-76 12:00:01 GMT", now),
			 parsed("Sun, 21 Nov 1976 12:00:01 GMT"));
	assert_int_equal(parsed_at("Friday, 01-Jan-99 00:00:00 GMT", now),
			 parsed("Fri, 01 Jan 1999 00:00:00 GMT"));
	assert_int_equal(parsed_at("Friday, 01-Jan-00 00:00:00 GMT",
				   parsed("Fri, 31 Dec 1999 23:59:59 GMT")),
			 parsed("Sat, 01 Jan 2000 00:00:00 GMT"));
	assert_int_equal(parsed_at("Tuesday, 29-Feb-00 00:00:00 GMT", now),
			 parsed("Tue, 29 Feb 2000 00:00:00 GMT"));
}

static void a_clock_far_off_does_no_harm(void **state)
{
	assert_int_not_equal(parsed_at("Sunday, 06-Nov-94 08:49:37 GMT", INT64_MAX), -999);
	assert_int_not_equal(parsed_at("Sunday, 06-Nov-94 08:49:37 GMT", INT64_MIN), -999);
}

/* Against the C library, over all of the years that it and we know. */
static void dates_are_written_as_the_c_library_does_and_read_back(void **state)
{
	int64_t at = -62167219200ll;

	for (; at < 253402300800ll; at += 86400ll * 11 + 12345) {
		time_t when = (time_t)at;
		char want[64];
		char got[DATE_TEXT_LEN + 1] = "";
		struct tm tm;
		int64_t back = 0;

		gmtime_r(&when, &tm);
		snprintf(want, sizeof(want), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
			 &"SunMonTueWedThuFriSat"[tm.tm_wday * 3], tm.tm_mday,
			 &"JanFebMarAprMayJunJulAugSepOctNovDec"[tm.tm_mon * 3], tm.tm_year + 1900,
			 tm.tm_hour, tm.tm_min, tm.tm_sec);
		date_format(at, got);
		assert_string_equal(got, want);
		assert_true(date_parse((struct bytes){got, DATE_TEXT_LEN}, NOW, &back));
		assert_int_equal(back, at);
	}
}

static void dates_beyond_four_digits_are_moved_to_the_ends(void **state)
{
	char got[DATE_TEXT_LEN + 1] = "";

	date_format(INT64_MAX, got);
	assert_string_equal(got, "Fri, 31 Dec 9999 23:59:59 GMT");
	date_format(INT64_MIN, got);
	assert_string_equal(got, "Sat, 01 Jan 0000 00:00:00 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_three_forms_of_rfc_9110_name_one_instant),
		cmocka_unit_test(edges_of_the_calendar_are_right),
		cmocka_unit_test(what_is_no_date_to_the_letter_is_none),
		cmocka_unit_test(no_beginning_of_a_date_is_a_date),
		cmocka_unit_test(a_two_digit_year_is_never_more_than_50_years_ahead),
		cmocka_unit_test(a_clock_far_off_does_no_harm),
		cmocka_unit_test(dates_are_written_as_the_c_library_does_and_read_back),
		cmocka_unit_test(dates_beyond_four_digits_are_moved_to_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
