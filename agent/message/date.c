/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/date.h"

#include <assert.h>

#include "message/chars.h"

#define DAY_S	   86400
#define YEAR_0_S   (-62167219200ll) /* 1 January 0000, proleptic */
#define YEAR_10K_S 253402300800ll   /* 1 January 10000 */

/* A clock beyond is broken; within, the years a century around it have four digits. */
#define CLOCK_MAX_S (YEAR_10K_S - 100ll * 366 * DAY_S)

static const char day_names[7][10] = {"Sunday",	  "Monday", "Tuesday", "Wednesday",
				      "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
				   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct moment {
	int year;
	int month; /* 1 to 12 */
	int day;
	int hour;
	int minute;
	int second;
};

/* What is not read yet; failed sticks, and what is taken after it is 0. */
struct reader {
	struct bytes rest;
	bool failed;
};

static void take_text(struct reader *in, struct bytes text)
{
	if (in->failed || in->rest.len < text.len || memcmp(in->rest.at, text.at, text.len)) {
		in->failed = true;
		return;
	}
	in->rest = bytes_from(in->rest, text.len);
}

static int take_number(struct reader *in, unsigned digits)
{
	int number = 0;

	if (in->failed || in->rest.len < digits ||
	    bytes_span((struct bytes){in->rest.at, digits}, CHAR_DIGIT) < digits) {
		in->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < digits; i++)
		number = number * 10 + (in->rest.at[i] - '0');
	in->rest = bytes_from(in->rest, digits);
	return number;
}

static int take_month(struct reader *in)
{
	for (int i = 0; !in->failed && in->rest.len >= 3 && i < 12; i++) {
		if (!memcmp(in->rest.at, months[i], 3)) {
			in->rest = bytes_from(in->rest, 3);
			return i + 1;
		}
	}
	in->failed = true;
	return 0;
}

static void take_time(struct reader *in, struct moment *at)
{
	at->hour = take_number(in, 2);
	take_text(in, BYTES(":"));
	at->minute = take_number(in, 2);
	take_text(in, BYTES(":"));
	at->second = take_number(in, 2);
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int month, int year)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	assert(month >= 1 && month <= 12);
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1 January 1970; months are counted from March so that the leap day comes last. */
static int64_t days_since_1970(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static int64_t seconds_of(const struct moment *at)
{
	return days_since_1970(at->year, at->month, at->day) * DAY_S + at->hour * 3600 +
	       at->minute * 60 + at->second;
}

static bool exists(const struct moment *at)
{
	return at->day >= 1 && at->day <= days_in(at->month, at->year) && at->hour <= 23 &&
	       at->minute <= 59 && at->second <= 60;
}

static bool finish(const struct reader *in, const struct moment *at, int64_t *ret_unix_s)
{
	if (in->failed || in->rest.len || !exists(at))
		return false;
	*ret_unix_s = seconds_of(at);
	return true;
}

/* " 06 Nov 1994 08:49:37 GMT", behind "Sun," */
static bool parse_fixdate(struct reader in, int64_t *ret_unix_s)
{
	struct moment at = {0};

	take_text(&in, BYTES(" "));
	at.day = take_number(&in, 2);
	take_text(&in, BYTES(" "));
	at.month = take_month(&in);
	take_text(&in, BYTES(" "));
	at.year = take_number(&in, 4);
	take_text(&in, BYTES(" "));
	take_time(&in, &at);
	take_text(&in, BYTES(" GMT"));
	return finish(&in, &at, ret_unix_s);
}

/* " Nov  6 08:49:37 1994", behind "Sun" */
static bool parse_asctime(struct reader in, int64_t *ret_unix_s)
{
	struct moment at = {0};
	bool one_digit;

	take_text(&in, BYTES(" "));
	at.month = take_month(&in);
	take_text(&in, BYTES(" "));
	one_digit = in.rest.len && in.rest.at[0] == ' ';
	take_text(&in, one_digit ? BYTES(" ") : BYTES(""));
	at.day = take_number(&in, one_digit ? 1 : 2);
	take_text(&in, BYTES(" "));
	take_time(&in, &at);
	take_text(&in, BYTES(" "));
	at.year = take_number(&in, 4);
	return finish(&in, &at, ret_unix_s);
}

/* The calendar year of an instant. */
static int year_of(int64_t unix_s)
{
	/* A year has 365.2425 days on average; one may come early, and division rounds towards 0. */
	int year = (int)(1970 + unix_s / (int64_t)(365.2425 * DAY_S)) - 2;

	while (days_since_1970(year + 1, 1, 1) * DAY_S <= unix_s)
		year++;
	return year;
}

/* " 06-Nov-94 08:49:37 GMT", behind "Sunday," */
static bool parse_rfc850(struct reader in, int64_t now_unix_s, int64_t *ret_unix_s)
{
	struct moment at = {0};
	struct moment limit;
	int64_t parsed;

	take_text(&in, BYTES(" "));
	at.day = take_number(&in, 2);
	take_text(&in, BYTES("-"));
	at.month = take_month(&in);
	take_text(&in, BYTES("-"));
	at.year = take_number(&in, 2);
	take_text(&in, BYTES(" "));
	take_time(&in, &at);
	take_text(&in, BYTES(" GMT"));
	if (in.failed)
		return false;

	/* The latest year with these digits, then back until it is no more than 50 years ahead. */
	at.year += (year_of(now_unix_s) / 100 + 1) * 100;
	limit = at;
	limit.year -= 50;
	while (seconds_of(&limit) > now_unix_s) {
		limit.year -= 100;
		at.year -= 100;
	}
	if (!finish(&in, &at, &parsed))
		return false;
	*ret_unix_s = parsed;
	return true;
}

static int64_t clamp(int64_t unix_s, int64_t min, int64_t max)
{
	if (unix_s < min)
		return min;
	return unix_s < max ? unix_s : max;
}

bool date_parse(struct bytes text, int64_t now_unix_s, int64_t *ret_unix_s)
{
	for (unsigned i = 0; i < 7; i++) {
		struct bytes name = bytes_of(day_names[i]);
		struct reader in = {.rest = text};

		if (text.len < 4 || memcmp(text.at, name.at, 3))
			continue;
		if (text.at[3] == ',') {
			in.rest = bytes_from(text, 4);
			return parse_fixdate(in, ret_unix_s);
		}
		if (text.at[3] == ' ') {
			in.rest = bytes_from(text, 3);
			return parse_asctime(in, ret_unix_s);
		}
		take_text(&in, name);
		take_text(&in, BYTES(","));
		return !in.failed &&
		       parse_rfc850(in, clamp(now_unix_s, 0, CLOCK_MAX_S), ret_unix_s);
	}
	return false;
}

static void put_number(char *out, int number, unsigned digits)
{
	while (digits--) {
		out[digits] = (char)('0' + number % 10);
		number /= 10;
	}
}

/* unix_s is within years 0 to 9999. */
static struct moment moment_of(int64_t unix_s)
{
	int64_t days = unix_s / DAY_S - (unix_s % DAY_S < 0);
	int second_of_day = (int)(unix_s - days * DAY_S);
	struct moment at = {.year = year_of(unix_s), .month = 1};

	days -= days_since_1970(at.year, 1, 1);
	while (days >= days_in(at.month, at.year))
		days -= days_in(at.month++, at.year);
	at.day = (int)days + 1;
	at.hour = second_of_day / 3600;
	at.minute = second_of_day / 60 % 60;
	at.second = second_of_day % 60;
	return at;
}

void date_format(int64_t unix_s, char out[static DATE_TEXT_LEN])
{
	struct moment at;
	int64_t days;

	at = moment_of(clamp(unix_s, YEAR_0_S, YEAR_10K_S - 1));
	days = days_since_1970(at.year, at.month, at.day);

	memcpy(out, "Thu, 00 Jan 0000 00:00:00 GMT", DATE_TEXT_LEN);
	memcpy(out, day_names[((days + 4) % 7 + 7) % 7], 3); /* 1 January 1970 was a Thursday */
	put_number(out + 5, at.day, 2);
	memcpy(out + 8, months[at.month - 1], 3);
	put_number(out + 12, at.year, 4);
	put_number(out + 17, at.hour, 2);
	put_number(out + 20, at.minute, 2);
	put_number(out + 23, at.second, 2);
}
