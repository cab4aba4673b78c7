/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/limit_fields.h"

#include "base/digits.h"
#include "limit/token_bucket.h"

#define SECOND_NS 1000000000ull

static uint64_t seconds_up(uint64_t ns)
{
	return ns / SECOND_NS + !!(ns % SECOND_NS);
}

static bool is_bucket(const struct limit_shown *shown)
{
	return shown->spec.strategy == LIMIT_TOKEN_BUCKET;
}

static uint64_t quota(const struct limit_shown *shown)
{
	return is_bucket(shown) && shown->spec.count ? shown->spec.burst : shown->spec.count;
}

static uint64_t window_s(const struct limit_shown *shown)
{
	uint64_t ns = shown->spec.window_ns;

	if (is_bucket(shown) && shown->spec.count)
		ns = token_bucket_burst_ns(&shown->spec);
	return seconds_up(ns);
}

static uint64_t wait_ns(const struct limit_shown *shown)
{
	if (shown->view.wait_ns == LIMIT_NEVER)
		return shown->spec.window_ns;
	return shown->view.wait_ns;
}

static bool is_shorter(const struct limit_shown *a, const struct limit_shown *b)
{
	return a->spec.window_ns < b->spec.window_ns;
}

/* Whether a is to be shown rather than b. */
static bool goes_before(const struct limit_shown *a, const struct limit_shown *b)
{
	if (a->refuses != b->refuses)
		return a->refuses;
	if (a->refuses && wait_ns(a) != wait_ns(b))
		return wait_ns(a) > wait_ns(b);
	if (!a->refuses && a->view.remaining != b->view.remaining)
		return a->view.remaining < b->view.remaining;
	return is_shorter(a, b);
}

const struct limit_shown *limit_fields_choose(const struct limit_answer *answer)
{
	const struct limit_shown *best = NULL;

	for (unsigned i = 0; i < answer->n; i++) {
		const struct limit_shown *shown = &answer->limits[i];

		if (!shown->is_dry_run && (!best || goes_before(shown, best)))
			best = shown;
	}
	return best;
}

uint64_t limit_fields_retry_s(const struct limit_answer *answer)
{
	const struct limit_shown *shown = limit_fields_choose(answer);
	uint64_t wait_s;

	if (!shown || !shown->refuses)
		return 0;
	wait_s = seconds_up(wait_ns(shown));
	return wait_s ? wait_s : 1;
}

static void add_number(struct buffer *out, uint64_t number)
{
	char digits[DIGITS_MAX];

	buffer_add(out, digits_of(number, digits));
}

static void add_line(struct buffer *out, struct bytes name, uint64_t number)
{
	buffer_add(out, name);
	add_number(out, number);
	buffer_add(out, BYTES("\r\n"));
}

/* A string of RFC 9651 and of JSON alike: printable ASCII, '"' and '\' escaped. */
static void add_string(struct buffer *out, struct bytes text)
{
	buffer_add(out, BYTES("\""));
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c < ' ' || c > '~')
			continue;
		if (c == '"' || c == '\\')
			buffer_add(out, BYTES("\\"));
		buffer_add(out, (struct bytes){&c, 1});
	}
	buffer_add(out, BYTES("\""));
}

static void add_x_ratelimit(const struct limit_answer *answer, struct buffer *out)
{
	const struct limit_shown *shown = limit_fields_choose(answer);

	add_line(out, BYTES("X-RateLimit-Limit: "), quota(shown));
	add_line(out, BYTES("X-RateLimit-Remaining: "), shown->view.remaining);
	add_line(out, BYTES("X-RateLimit-Reset: "),
		 seconds_up(shown->view.reset_ns + answer->unix_offset_ns));
}

void limit_item_write(const struct limit_shown *shown, struct buffer *out)
{
	add_string(out, shown->name);
}

void limit_policy_item_write(const struct limit_shown *shown, struct buffer *out)
{
	limit_item_write(shown, out);
	buffer_add(out, BYTES(";q="));
	add_number(out, quota(shown));
	buffer_add(out, BYTES(";w="));
	add_number(out, window_s(shown));
}

static void add_policy_item(const struct limit_answer *answer, const struct limit_shown *shown,
			    struct buffer *out)
{
	if (shown->policy_item.len)
		buffer_add(out, shown->policy_item);
	else
		limit_policy_item_write(shown, out);
}

static void add_item(const struct limit_shown *shown, struct buffer *out)
{
	if (shown->item.len)
		buffer_add(out, shown->item);
	else
		limit_item_write(shown, out);
}

static void add_state_item(const struct limit_answer *answer, const struct limit_shown *shown,
			   struct buffer *out)
{
	uint64_t now_ns = answer->now_ns;
	uint64_t reset_ns = shown->view.reset_ns;

	add_item(shown, out);
	buffer_add(out, BYTES(";r="));
	add_number(out, shown->view.remaining);
	buffer_add(out, BYTES(";t="));
	add_number(out, reset_ns > now_ns ? seconds_up(reset_ns - now_ns) : 0);
}

typedef void add_item_fn(const struct limit_answer *answer, const struct limit_shown *shown,
			 struct buffer *out);

static void add_list(const struct limit_answer *answer, struct bytes field, add_item_fn *add_one,
		     struct buffer *out)
{
	struct bytes separator = BYTES(": ");

	buffer_add(out, field);
	for (unsigned i = 0; i < answer->n; i++) {
		if (answer->limits[i].is_dry_run)
			continue;
		buffer_add(out, separator);
		add_one(answer, &answer->limits[i], out);
		separator = BYTES(", ");
	}
	buffer_add(out, BYTES("\r\n"));
}

void limit_fields_write(const struct limit_answer *answer, struct buffer *out)
{
	uint64_t retry_s = limit_fields_retry_s(answer);

	if (!limit_fields_choose(answer))
		return;
	if (retry_s && answer->families & LIMIT_FIELDS_RETRY_AFTER)
		add_line(out, BYTES("Retry-After: "), retry_s);
	if (answer->families & LIMIT_FIELDS_X_RATELIMIT)
		add_x_ratelimit(answer, out);
	if (answer->families & LIMIT_FIELDS_RATELIMIT) {
		add_list(answer, BYTES("RateLimit-Policy"), add_policy_item, out);
		add_list(answer, BYTES("RateLimit"), add_state_item, out);
	}
}

void limit_problem_write(const struct limit_answer *answer, struct buffer *out)
{
	struct bytes separator = BYTES("");

	buffer_add(out,
		   BYTES("{\"type\":\"https://iana.org/assignments/http-problem-types"
			 "#quota-exceeded\",\"title\":\"Request cannot be satisfied as assigned "
			 "quota has been exceeded\",\"status\":"));
	add_number(out, answer->status ? answer->status : 429);
	buffer_add(out, BYTES(",\"violated-policies\":["));
	for (unsigned i = 0; i < answer->n; i++) {
		if (!answer->limits[i].refuses || answer->limits[i].is_dry_run)
			continue;
		buffer_add(out, separator);
		add_item(&answer->limits[i], out);
		separator = BYTES(",");
	}
	buffer_add(out, BYTES("]}\n"));
}
