/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/duration.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_NS (86400 * NS_PER_SEC)

/* Every spelling of a unit; the plural of the long ones is taken care of where they are read. */
static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"ms", NS_PER_MS},
	{"millisecond", NS_PER_MS},
	{"s", NS_PER_SEC},
	{"sec", NS_PER_SEC},
	{"second", NS_PER_SEC},
	{"m", 60 * NS_PER_SEC},
	{"min", 60 * NS_PER_SEC},
	{"minute", 60 * NS_PER_SEC},
	{"h", 3600 * NS_PER_SEC},
	{"hr", 3600 * NS_PER_SEC},
	{"hour", 3600 * NS_PER_SEC},
	{"d", DAY_NS},
	{"day", DAY_NS},
	{"w", 7 * DAY_NS},
	{"week", 7 * DAY_NS},
};

/* "mins", "hrs", "weeks"; but one letter stays alone, and "ms" has its s already. */
static bool unit_is(struct bytes text, const char *name)
{
	size_t len = strlen(name);

	if (text.len == len + 1 && len > 1 && name[len - 1] != 's' &&
	    tolower((unsigned char)text.at[len]) == 's')
		text.len--;
	return bytes_equal_nocase(text, bytes_of(name));
}

static uint64_t unit_ns(struct bytes text)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (unit_is(text, units[i].name))
			return units[i].ns;
	return 0;
}

static void skip_spaces(struct bytes *text)
{
	while (text->len && *text->at == ' ') {
		text->at++;
		text->len--;
	}
}

/* Cut the run of bytes that is_part() accepts off the front of text. */
static struct bytes take_run(struct bytes *text, int (*is_part)(int))
{
	struct bytes run = {text->at, 0};

	while (run.len < text->len && is_part((unsigned char)run.at[run.len]))
		run.len++;
	text->at += run.len;
	text->len -= run.len;
	return run;
}

/* Digits as a number, stuck at DURATION_MAX_NS + 1, which every unit makes too long. */
static uint64_t number_of(struct bytes digits)
{
	uint64_t number = 0;

	for (size_t i = 0; i < digits.len && number <= DURATION_MAX_NS; i++)
		number = number * 10 + (uint64_t)(digits.at[i] - '0');
	return number <= DURATION_MAX_NS ? number : DURATION_MAX_NS + 1;
}

/* Add number units to *sum_ns, stuck above DURATION_MAX_NS likewise. */
static void add_span(uint64_t *sum_ns, uint64_t number, uint64_t each_ns)
{
	if (number > DURATION_MAX_NS / each_ns || *sum_ns > DURATION_MAX_NS - number * each_ns)
		*sum_ns = DURATION_MAX_NS + 1;
	else
		*sum_ns += number * each_ns;
}

int duration_parse(struct bytes text, uint64_t *ret_ns)
{
	uint64_t sum_ns = 0;
	bool is_first = true;

	skip_spaces(&text);
	do {
		struct bytes digits = take_run(&text, isdigit);
		struct bytes unit;
		uint64_t each_ns;

		skip_spaces(&text);
		unit = take_run(&text, isalpha);
		skip_spaces(&text);
		if (!unit.len && is_first && !text.len)
			each_ns = NS_PER_SEC; /* a bare number, and nothing else */
		else
			each_ns = unit_ns(unit);
		if (!digits.len || !each_ns)
			return -EINVAL;
		add_span(&sum_ns, number_of(digits), each_ns);
		is_first = false;
	} while (text.len);

	if (sum_ns > DURATION_MAX_NS)
		return -ERANGE;
	*ret_ns = sum_ns;
	return 0;
}

const char *duration_format(uint64_t ns, char out[static DURATION_TEXT_MAX])
{
	static const struct unit shown[] = {
		{"d", DAY_NS},	   {"h", 3600 * NS_PER_SEC}, {"m", 60 * NS_PER_SEC},
		{"s", NS_PER_SEC}, {"ms", NS_PER_MS},	     {"us", 1000},
		{"ns", 1},
	};
	size_t len = 0;

	strcpy(out, "0s");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		uint64_t number = ns / shown[i].ns;

		ns %= shown[i].ns;
		/* The longest, 2^64 - 1 ns, fills out exactly. */
		if (number)
			len += (size_t)snprintf(out + len, DURATION_TEXT_MAX - len, "%ju%s",
						(uintmax_t)number, shown[i].name);
	}
	return out;
}

const char *timestamp_format(uint64_t unix_ns, char out[static TIMESTAMP_TEXT_MAX])
{
	time_t unix_s = (time_t)(unix_ns / NS_PER_SEC + (unix_ns % NS_PER_SEC != 0));
	struct tm utc;

	gmtime_r(&unix_s, &utc); /* fails only for years that 64 bits of nanoseconds do not reach */
	strftime(out, TIMESTAMP_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return out;
}

int timestamp_parse(struct bytes text, uint64_t *ret_unix_ns)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	int field[6] = {0}, at_field = 0;
	char again[TIMESTAMP_TEXT_MAX];
	uint64_t unix_ns;
	struct tm utc;
	time_t unix_s;

	if (text.len != sizeof(shape) - 1)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (shape[i] != 'd' && text.at[i] != shape[i])
			return -EINVAL;
		if (shape[i] == 'd' && !isdigit((unsigned char)text.at[i]))
			return -EINVAL;
		if (shape[i] == 'd')
			field[at_field] = field[at_field] * 10 + (text.at[i] - '0');
		else
			at_field++;
	}

	utc = (struct tm){.tm_year = field[0] - 1900,
			  .tm_mon = field[1] - 1,
			  .tm_mday = field[2],
			  .tm_hour = field[3],
			  .tm_min = field[4],
			  .tm_sec = field[5]};
	unix_s = timegm(&utc);
	if (unix_s < 0 || (uint64_t)unix_s > UINT64_MAX / NS_PER_SEC)
		return -EINVAL;

	/* timegm() turns the 31st of February into a day of March: what does not come back is no date. */
	unix_ns = (uint64_t)unix_s * NS_PER_SEC;
	if (!bytes_equal(bytes_of(timestamp_format(unix_ns, again)), text))
		return -EINVAL;
	*ret_unix_ns = unix_ns;
	return 0;
}
