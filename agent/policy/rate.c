/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/rate.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/log.h"

#define DAY_NS		      (86400 * NS_PER_SEC)
#define NUMBER_MAX	      ((uint64_t)1 << 62)
#define PACKETS_BURST_MIN     64 /* of the default; a burst in the file may be smaller */
#define CONNECTIONS_BURST_MIN 10
#define BYTES_BURST_MIN	      65536
#define BYTES_RATE_MIN	      8	  /* a second, of SL_BYTE_COST_MAX */
#define BYTES_RATE_MAX_PER_NS 100 /* 100 GB a second */

struct unit {
	const char *name;
	uint64_t size;
};

/* A month has 30 days and a year 360, as the limits library of Flask-Limiter counts them. */
static const struct unit times[] = {
	{"year", 360 * DAY_NS},	     {"month", 30 * DAY_NS},	  {"day", DAY_NS},
	{"hour", 3600 * NS_PER_SEC}, {"minute", 60 * NS_PER_SEC}, {"second", NS_PER_SEC},
};
#define TIMES (sizeof(times) / sizeof(times[0]))

static const struct unit sizes[] = {
	{"GiB", 1 << 30}, {"GB", 1000000000}, {"MiB", 1 << 20}, {"MB", 1000000},
	{"KiB", 1 << 10}, {"KB", 1000},	      {"B", 1},
};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* ---- Reading ---- */

struct cursor {
	struct bytes text;
	size_t at;
	enum sl_kind kind;
	struct rate_error *error;
};

const char *rate_kind_name(enum sl_kind kind)
{
	if (kind == SL_BYTES)
		return "bytes";
	return kind == SL_PACKETS ? "packets" : "connections";
}

static void skip_spaces(struct cursor *cur)
{
	while (cur->at < cur->text.len && cur->text.at[cur->at] == ' ')
		cur->at++;
}

static bool take_char(struct cursor *cur, char expected)
{
	skip_spaces(cur);
	if (cur->at == cur->text.len || cur->text.at[cur->at] != expected)
		return false;
	cur->at++;
	return true;
}

/* The letters at the cursor, which stays; empty if there are none. */
static struct bytes peek_word(struct cursor *cur)
{
	struct bytes word;

	skip_spaces(cur);
	word = (struct bytes){cur->text.at + cur->at, 0};
	while (cur->at + word.len < cur->text.len && isalpha((unsigned char)word.at[word.len]))
		word.len++;
	return word;
}

/* `found X, expected Y` at the cursor. Returns -EINVAL. */
static int unexpected(struct cursor *cur, const char *expected)
{
	struct bytes word = peek_word(cur);
	char quoted[48];

	if (!word.len)
		word.len = cur->text.len - cur->at;
	cur->error->offset = cur->at;
	snprintf(cur->error->text, sizeof(cur->error->text), "found %s, expected %s",
		 word.len ? log_quote_bytes(word, quoted, sizeof(quoted)) : "the end", expected);
	return -EINVAL;
}

static int refuse(struct cursor *cur, size_t offset, const char *why)
{
	cur->error->offset = offset;
	snprintf(cur->error->text, sizeof(cur->error->text), "%s", why);
	return -EINVAL;
}

static int take_number(struct cursor *cur, const char *expected, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t start;

	skip_spaces(cur);
	start = cur->at;
	while (cur->at < cur->text.len && isdigit((unsigned char)cur->text.at[cur->at])) {
		number = number * 10 + (uint64_t)(cur->text.at[cur->at++] - '0');
		if (number > NUMBER_MAX / 16)
			return refuse(cur, start, "this number is too large");
	}
	if (cur->at == start)
		return unexpected(cur, expected);
	*ret_number = number;
	return 0;
}

/* "MB" and so on behind an amount of bytes; nothing means bytes. */
static int take_size_unit(struct cursor *cur, uint64_t *amount)
{
	struct bytes word = peek_word(cur);

	if (!word.len || bytes_equal_nocase(word, BYTES("burst")) ||
	    (word.len >= 3 && bytes_equal_nocase((struct bytes){word.at, 3}, BYTES("per"))))
		return 0;
	for (size_t i = 0; i < SIZES; i++) {
		if (!bytes_equal_nocase(word, bytes_of(sizes[i].name)))
			continue;
		if (*amount > NUMBER_MAX / sizes[i].size)
			return refuse(cur, cur->at, "this number is too large");
		*amount *= sizes[i].size;
		cur->at += word.len;
		return 0;
	}
	return unexpected(cur, "B, KB, MB, GB, KiB, MiB or GiB");
}

static int take_amount(struct cursor *cur, const char *expected, uint64_t *ret_amount)
{
	uint64_t amount;
	int err = take_number(cur, expected, &amount);

	if (!err && cur->kind == SL_BYTES)
		err = take_size_unit(cur, &amount);
	if (!err)
		*ret_amount = amount;
	return err;
}

static const struct unit *find_time(struct bytes word)
{
	struct bytes singular = word;

	if (word.len && tolower((unsigned char)word.at[word.len - 1]) == 's')
		singular.len--;
	for (size_t i = 0; i < TIMES; i++)
		if (bytes_equal_nocase(singular, bytes_of(times[i].name)))
			return &times[i];
	return NULL;
}

/* "per 10 seconds", "/second" */
static int take_period(struct cursor *cur, uint64_t *ret_period_ns)
{
	struct bytes word = peek_word(cur);
	const struct unit *unit;
	uint64_t number = 1;
	size_t start;
	int err = 0;

	/* "5perminute" is one word, and right. */
	if (word.len >= 3 && bytes_equal_nocase((struct bytes){word.at, 3}, BYTES("per")))
		cur->at += 3;
	else if (!take_char(cur, '/'))
		return unexpected(cur, "\"/\" or \"per\"");

	skip_spaces(cur);
	start = cur->at;
	if (cur->at < cur->text.len && isdigit((unsigned char)cur->text.at[cur->at]))
		err = take_number(cur, "a number", &number);
	if (err)
		return err;

	word = peek_word(cur);
	unit = find_time(word);
	if (!unit)
		return unexpected(cur, "second, minute, hour, day, month or year");
	if (!number || number > DURATION_MAX_NS / unit->size)
		return refuse(cur, start, "expected a period of 1 second to 10 years");
	cur->at += word.len;
	*ret_period_ns = number * unit->size;
	return 0;
}

/* ---- Bounds ---- */

static int check_rate(struct cursor *cur, const struct rate *rate)
{
	const unsigned __int128 count = rate->count, period = rate->period_ns;
	bool too_slow, too_fast;

	if (!rate->count)
		return refuse(cur, 0,
			      "found 0, which blocks everything; `deny` under sources does that");
	if (cur->kind == SL_BYTES) {
		too_slow = count * NS_PER_SEC < period * BYTES_RATE_MIN;
		too_fast = count > period * BYTES_RATE_MAX_PER_NS;
	} else {
		too_slow = count * SL_COST_NS_MAX < period;
		too_fast = count * SL_COST_NS_MIN > period;
	}
	if (too_slow && cur->kind == SL_BYTES)
		return refuse(cur, 0,
			      "too slow: expected at least 8 bytes a second; "
			      "limits under `http` count by the day");
	if (too_slow)
		return refuse(cur, 0,
			      "too slow: expected at least 1 per minute; "
			      "limits under `http` count by the day");
	if (too_fast && cur->kind == SL_BYTES)
		return refuse(cur, 0, "too fast: expected at most 100 GB a second");
	if (too_fast)
		return refuse(cur, 0, "too fast: expected at most 100 million a second");
	return 0;
}

/* What fits into one hour at this rate, as the datapath rounds it. rate is within bounds. */
static uint64_t hours_worth(const struct rate *rate, enum sl_kind kind)
{
	unsigned __int128 hour_ns = SL_BURST_NS_MAX;
	struct sl_limit limit = rate_limit(rate, kind, 0);

	if (kind == SL_BYTES)
		hour_ns <<= SL_BYTE_SHIFT;
	return (uint64_t)(hour_ns / limit.cost);
}

static int check_burst(struct cursor *cur, const struct rate *rate, size_t offset)
{
	uint64_t most = hours_worth(rate, cur->kind);

	if (rate->burst && rate->burst <= most)
		return 0;
	cur->error->offset = offset;
	snprintf(cur->error->text, sizeof(cur->error->text),
		 "found a burst of %" PRIu64 ", expected 1 to %" PRIu64
		 " %s, which is one hour's worth",
		 rate->burst, most, rate_kind_name(cur->kind));
	return -EINVAL;
}

static uint64_t default_burst(const struct rate *rate, enum sl_kind kind)
{
	static const uint64_t lowest[SL_KIND_COUNT] = {
		[SL_PACKETS] = PACKETS_BURST_MIN,
		[SL_BYTES] = BYTES_BURST_MIN,
		[SL_CONNECTIONS] = CONNECTIONS_BURST_MIN,
	};
	unsigned __int128 second = (unsigned __int128)rate->count * NS_PER_SEC;
	uint64_t burst = (uint64_t)((second + rate->period_ns - 1) / rate->period_ns);
	uint64_t most = hours_worth(rate, kind);

	if (burst < lowest[kind])
		burst = lowest[kind];
	return burst < most ? burst : most;
}

static int take_burst(struct cursor *cur, struct rate *rate)
{
	struct bytes word = peek_word(cur);
	size_t start;
	int err;

	if (cur->at == cur->text.len) {
		rate->burst = default_burst(rate, cur->kind);
		return 0;
	}
	if (cur->text.at[cur->at] == ';' || cur->text.at[cur->at] == ',')
		return unexpected(cur, "the end: a tier has one rate of each kind; "
				       "limits under `http` may have several");
	if (!bytes_equal_nocase(word, BYTES("burst")))
		return unexpected(cur, "\"burst\" or the end");

	cur->at += word.len;
	skip_spaces(cur);
	start = cur->at;
	err = take_amount(cur, "the size of the burst", &rate->burst);
	if (err)
		return err;
	rate->burst_given = true;
	skip_spaces(cur);
	if (cur->at != cur->text.len)
		return unexpected(cur, "the end");
	return check_burst(cur, rate, start);
}

int rate_parse(struct bytes text, enum sl_kind kind, struct rate *ret_rate,
	       struct rate_error *ret_error)
{
	struct cursor cur = {.text = text, .kind = kind, .error = ret_error};
	struct rate rate = {0};
	int err;

	err = take_amount(&cur, "a rate such as \"100/second burst 200\"", &rate.count);
	if (!err)
		err = take_period(&cur, &rate.period_ns);
	if (!err)
		err = check_rate(&cur, &rate);
	if (!err)
		err = take_burst(&cur, &rate);
	if (!err)
		*ret_rate = rate;
	return err;
}

int rate_parse_bytes(struct bytes text, uint64_t *ret_bytes, struct rate_error *ret_error)
{
	struct cursor cur = {.text = text, .kind = SL_BYTES, .error = ret_error};
	uint64_t bytes;
	int err = take_amount(&cur, "an amount of memory such as \"16 MiB\"", &bytes);

	if (err)
		return err;
	skip_spaces(&cur);
	if (cur.at != text.len)
		return unexpected(&cur, "the end");
	*ret_bytes = bytes;
	return 0;
}

/* ---- Writing ---- */

/* The largest unit that leaves a whole number: 200 MB, not 200000000. */
static const struct unit *whole_unit(uint64_t amount, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (amount % units[i].size == 0)
			return &units[i];
	return &units[count - 1];
}

static size_t format_amount(uint64_t amount, enum sl_kind kind, char *out, size_t room)
{
	const struct unit *unit = whole_unit(amount, sizes, SIZES);

	if (kind != SL_BYTES)
		return (size_t)snprintf(out, room, "%" PRIu64, amount);
	return (size_t)snprintf(out, room, "%" PRIu64 " %s", amount / unit->size, unit->name);
}

const char *rate_format_bytes(uint64_t bytes, char out[static RATE_TEXT_MAX])
{
	format_amount(bytes, SL_BYTES, out, RATE_TEXT_MAX);
	return out;
}

const char *rate_format(const struct rate *rate, enum sl_kind kind, char out[static RATE_TEXT_MAX])
{
	const struct unit *unit = whole_unit(rate->period_ns, times, TIMES);
	uint64_t number = rate->period_ns / unit->size;
	size_t len = format_amount(rate->count, kind, out, RATE_TEXT_MAX);

	if (number == 1)
		len += (size_t)snprintf(out + len, RATE_TEXT_MAX - len, "/%s", unit->name);
	else
		len += (size_t)snprintf(out + len, RATE_TEXT_MAX - len, " per %" PRIu64 " %ss",
					number, unit->name);
	if (rate->burst_given) {
		len += (size_t)snprintf(out + len, RATE_TEXT_MAX - len, " burst ");
		format_amount(rate->burst, kind, out + len, RATE_TEXT_MAX - len);
	}
	return out;
}
