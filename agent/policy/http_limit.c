/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/http_limit.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/log.h"

#define DAY_NS (86400 * NS_PER_SEC)

/* The limits library's units: a month is 30 days, a year 12 of them. The longest first, for writing. */
static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"year", 360 * DAY_NS},	     {"month", 30 * DAY_NS},	  {"day", DAY_NS},
	{"hour", 3600 * NS_PER_SEC}, {"minute", 60 * NS_PER_SEC}, {"second", NS_PER_SEC},
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

struct cursor {
	struct bytes text;
	size_t at;
	struct http_limit_error *error;
};

static bool at_end(const struct cursor *cur)
{
	return cur->at == cur->text.len;
}

static char here(const struct cursor *cur)
{
	return at_end(cur) ? '\0' : cur->text.at[cur->at];
}

static bool at_separator(const struct cursor *cur)
{
	return at_end(cur) || memchr(";,|", here(cur), 3);
}

static void skip_spaces(struct cursor *cur)
{
	while (here(cur) == ' ' || here(cur) == '\t')
		cur->at++;
}

/* What stands here, up to a blank or a separator, for people. */
static struct bytes word_here(const struct cursor *cur)
{
	struct bytes word = {cur->text.at + cur->at, 0};

	while (cur->at + word.len < cur->text.len && !memchr(" \t;,|", word.at[word.len], 5))
		word.len++;
	return word;
}

static int fail_at(struct cursor *cur, size_t offset, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail_at(struct cursor *cur, size_t offset, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(cur->error->text, sizeof(cur->error->text), format, args);
	va_end(args);
	cur->error->offset = offset;
	return -EINVAL;
}

static int unexpected(struct cursor *cur, const char *expected)
{
	struct bytes word = word_here(cur);
	char found[48];

	if (!word.len)
		return fail_at(cur, cur->at, "found %s, expected %s",
			       at_end(cur) ? "the end" : "nothing", expected);
	return fail_at(cur, cur->at, "found %s, expected %s",
		       log_quote_bytes(word, found, sizeof(found)), expected);
}

static int take_number(struct cursor *cur, const char *expected, uint64_t max, uint64_t *ret_number)
{
	const size_t start = cur->at;
	uint64_t number = 0;

	if (!isdigit((unsigned char)here(cur)))
		return unexpected(cur, expected);
	for (; isdigit((unsigned char)here(cur)); cur->at++) {
		number = number * 10 + (uint64_t)(here(cur) - '0');
		if (number > max)
			return fail_at(cur, start, "more than %" PRIu64, max);
	}
	*ret_number = number;
	return 0;
}

/* Letters that stand here, taken if they are word, or word and an s. */
static bool take_word(struct cursor *cur, const char *word)
{
	struct bytes letters = {cur->text.at + cur->at, 0};
	size_t len = strlen(word);

	while (cur->at + letters.len < cur->text.len &&
	       isalpha((unsigned char)letters.at[letters.len]))
		letters.len++;
	if (letters.len != len && (letters.len != len + 1 || (letters.at[len] | 0x20) != 's'))
		return false;
	if (strncasecmp(letters.at, word, len))
		return false;
	cur->at += letters.len;
	return true;
}

/* "per" may stand against what follows, as in "5perminute". */
static int take_per(struct cursor *cur)
{
	struct bytes rest = {cur->text.at + cur->at, cur->text.len - cur->at};

	if (here(cur) == '/')
		cur->at++;
	else if (rest.len >= 3 && !strncasecmp(rest.at, "per", 3))
		cur->at += 3;
	else
		return unexpected(cur, "`per` or `/` and a unit of time");
	return 0;
}

static int take_unit(struct cursor *cur, uint64_t *ret_ns)
{
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (take_word(cur, units[i].name)) {
			*ret_ns = units[i].ns;
			return 0;
		}
	}
	return unexpected(cur, "second, minute, hour, day, month or year");
}

static int take_period(struct cursor *cur, struct http_rate *rate)
{
	const size_t start = cur->at;
	uint64_t multiple = 1;
	int err = 0;

	if (isdigit((unsigned char)here(cur)))
		err = take_number(cur, "a number", UINT32_MAX, &multiple);
	skip_spaces(cur);
	if (!err)
		err = take_unit(cur, &rate->granularity_ns);
	if (err)
		return err;
	if (!multiple)
		return fail_at(cur, start, "a limit per 0 is no limit");
	if (multiple > DURATION_MAX_NS / rate->granularity_ns)
		return fail_at(cur, start, "a window longer than ten years");
	rate->period_ns = multiple * rate->granularity_ns;
	return 0;
}

/* The bucket's debts are nanoseconds: a request must cost one, and a bucket must empty within a lifetime. */
static int check_bucket(struct cursor *cur, const struct http_rate *rate, size_t at)
{
	if (!rate->burst)
		return fail_at(cur, at,
			       "a burst of 0 lets nothing in; write the limit as 0/second");
	if (!rate->count)
		return fail_at(cur, at, "a limit of 0 has no burst");
	if (rate->count > rate->period_ns)
		return fail_at(cur, at, "a token bucket lets in one request a nanosecond at most");
	if (rate->burst > DURATION_MAX_NS / (rate->period_ns / rate->count + 1))
		return fail_at(cur, at, "a burst of more than ten years' worth");
	return 0;
}

static int take_burst(struct cursor *cur, struct http_rate *rate)
{
	size_t at;
	int err;

	if (at_separator(cur))
		return 0;
	at = cur->at;
	if (!take_word(cur, "burst"))
		return unexpected(cur, "`burst`, another limit behind `;`, or the end");
	skip_spaces(cur);
	err = take_number(cur, "a number of requests", HTTP_LIMIT_COUNT_MAX, &rate->burst);
	if (err)
		return err;
	skip_spaces(cur);
	if (!at_separator(cur))
		return unexpected(cur, "`;` or the end");
	return check_bucket(cur, rate, at);
}

static int take_rate(struct cursor *cur, struct http_rate *rate)
{
	int err;

	skip_spaces(cur);
	err = take_number(cur, "a limit such as \"100 per minute\"", HTTP_LIMIT_COUNT_MAX,
			  &rate->count);
	if (err)
		return err;
	skip_spaces(cur);
	err = take_per(cur);
	skip_spaces(cur);
	if (!err)
		err = take_period(cur, rate);
	skip_spaces(cur);
	return err ? err : take_burst(cur, rate);
}

int http_limit_take(struct bytes *text, struct http_rate *ret_rate,
		    struct http_limit_error *ret_error)
{
	struct cursor cur = {.text = *text, .error = ret_error};
	struct http_rate rate = {0};
	int err = take_rate(&cur, &rate);

	if (err)
		return err;
	if (cur.at + 1 < text->len)
		cur.at++; /* the separator; one with nothing behind it stays, and is the next limit's mistake */
	*text = (struct bytes){text->at + cur.at, text->len - cur.at};
	*ret_rate = rate;
	return 0;
}

/* ---- Writing ---- */

static const char *unit_name(uint64_t ns)
{
	for (size_t i = 0; i < UNIT_COUNT; i++)
		if (units[i].ns == ns)
			return units[i].name;
	return "second";
}

const char *http_limit_format(const struct http_rate *rate, char out[static HTTP_LIMIT_TEXT_MAX])
{
	const uint64_t multiple = rate->period_ns / rate->granularity_ns;
	const char *unit = unit_name(rate->granularity_ns);
	int len;

	if (multiple == 1)
		len = snprintf(out, HTTP_LIMIT_TEXT_MAX, "%" PRIu64 " per %s", rate->count, unit);
	else
		len = snprintf(out, HTTP_LIMIT_TEXT_MAX, "%" PRIu64 " per %" PRIu64 " %ss",
			       rate->count, multiple, unit);
	if (rate->burst)
		snprintf(out + len, HTTP_LIMIT_TEXT_MAX - (size_t)len, " burst %" PRIu64,
			 rate->burst);
	return out;
}

const char *http_limit_name(const struct http_rate *rate, char out[static HTTP_LIMIT_TEXT_MAX])
{
	int len = snprintf(out, HTTP_LIMIT_TEXT_MAX, "%" PRIu64 "-per-%" PRIu64 "s", rate->count,
			   (uint64_t)(rate->period_ns / NS_PER_SEC));

	if (rate->burst)
		snprintf(out + len, HTTP_LIMIT_TEXT_MAX - (size_t)len, "-burst-%" PRIu64,
			 rate->burst);
	return out;
}

const char *http_strategy_name(enum http_strategy strategy)
{
	switch (strategy) {
	case HTTP_STRATEGY_SLIDING_WINDOW:
		return "sliding-window";
	case HTTP_STRATEGY_TOKEN_BUCKET:
		return "token-bucket";
	case HTTP_STRATEGY_FIXED_WINDOW:
		return "fixed-window";
	case HTTP_STRATEGY_MOVING_WINDOW:
		return "moving-window";
	}
	return "sliding-window";
}
