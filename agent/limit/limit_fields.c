/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/limit_fields.h"

#include <assert.h>

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

static uint64_t retry_s(const struct limit_shown *refusing)
{
	uint64_t wait_s = seconds_up(wait_ns(refusing));

	return wait_s ? wait_s : 1;
}

uint64_t limit_fields_retry_s(const struct limit_answer *answer)
{
	const struct limit_shown *shown = limit_fields_choose(answer);

	return shown && shown->refuses ? retry_s(shown) : 0;
}

/* ---- Writing: into room that was reserved for the longest there may be, so nothing is checked on the way ---- */

#define LINES_MAX 256 /* beside the items: five names of fields, three numbers, ends of lines */
#define ITEM_MAX \
	80 /* beside its names: ", ", ";r=" and the like, and four numbers; in a list of each field */

static inline char *put(char *at, struct bytes more)
{
	memcpy(at, more.at, more.len);
	return at + more.len;
}

#define PUT(at, literal) put((at), BYTES(literal))

/* A string of RFC 9651 and of JSON alike: printable ASCII, '"' and '\' escaped. */
static char *put_string(char *at, struct bytes text)
{
	*at++ = '"';
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c < ' ' || c > '~')
			continue;
		if (c == '"' || c == '\\')
			*at++ = '\\';
		*at++ = c;
	}
	*at++ = '"';
	return at;
}

static size_t string_max(struct bytes text)
{
	return 2 * text.len + 2;
}

static size_t room_for(const struct limit_answer *answer)
{
	size_t room = LINES_MAX;

	for (unsigned i = 0; i < answer->n; i++) {
		const struct limit_shown *shown = &answer->limits[i];

		room += 2 * ITEM_MAX;
		room += shown->item.len ? shown->item.len : string_max(shown->name);
		room += shown->policy_item.len ? shown->policy_item.len : string_max(shown->name);
	}
	return room;
}

/* Where to write, or NULL: the error is in out. */
static char *begin(struct buffer *out, size_t room)
{
	return buffer_reserve(out, room) ? NULL : out->at + out->len;
}

static void end(struct buffer *out, char *at)
{
	out->len = (size_t)(at - out->at);
	assert(out->len <= out->room);
	*at = '\0';
}

static char *put_x_ratelimit(char *at, const struct limit_answer *answer,
			     const struct limit_shown *shown)
{
	at = digits_put(PUT(at, "X-RateLimit-Limit: "), quota(shown));
	at = digits_put(PUT(at, "\r\nX-RateLimit-Remaining: "), shown->view.remaining);
	at = digits_put(PUT(at, "\r\nX-RateLimit-Reset: "),
			seconds_up(shown->view.reset_ns + answer->unix_offset_ns));
	return PUT(at, "\r\n");
}

static char *put_item(char *at, const struct limit_shown *shown)
{
	return shown->item.len ? put(at, shown->item) : put_string(at, shown->name);
}

static char *put_new_policy_item(char *at, const struct limit_shown *shown)
{
	at = digits_put(PUT(put_string(at, shown->name), ";q="), quota(shown));
	return digits_put(PUT(at, ";w="), window_s(shown));
}

static char *put_policy_item(char *at, const struct limit_answer *answer,
			     const struct limit_shown *shown)
{
	return shown->policy_item.len ? put(at, shown->policy_item)
				      : put_new_policy_item(at, shown);
}

static char *put_state_item(char *at, const struct limit_answer *answer,
			    const struct limit_shown *shown)
{
	uint64_t now_ns = answer->now_ns;
	uint64_t reset_ns = shown->view.reset_ns;

	at = digits_put(PUT(put_item(at, shown), ";r="), shown->view.remaining);
	return digits_put(PUT(at, ";t="), reset_ns > now_ns ? seconds_up(reset_ns - now_ns) : 0);
}

typedef char *put_item_fn(char *at, const struct limit_answer *answer,
			  const struct limit_shown *shown);

/* The members of a list, and the line's end. */
static inline char *put_list(char *at, const struct limit_answer *answer, put_item_fn *put_one)
{
	bool is_first = true;

	for (unsigned i = 0; i < answer->n; i++) {
		if (answer->limits[i].is_dry_run)
			continue;
		if (!is_first)
			at = PUT(at, ", ");
		at = put_one(at, answer, &answer->limits[i]);
		is_first = false;
	}
	return PUT(at, "\r\n");
}

void limit_item_write(const struct limit_shown *shown, struct buffer *out)
{
	char *at = begin(out, string_max(shown->name));

	if (at)
		end(out, put_string(at, shown->name));
}

void limit_policy_item_write(const struct limit_shown *shown, struct buffer *out)
{
	char *at = begin(out, string_max(shown->name) + ITEM_MAX);

	if (at)
		end(out, put_new_policy_item(at, shown));
}

void limit_fields_write(const struct limit_answer *answer, struct buffer *out)
{
	const struct limit_shown *shown = limit_fields_choose(answer);
	char *at = shown ? begin(out, room_for(answer)) : NULL;

	if (!at)
		return;
	if (shown->refuses && answer->families & LIMIT_FIELDS_RETRY_AFTER)
		at = PUT(digits_put(PUT(at, "Retry-After: "), retry_s(shown)), "\r\n");
	if (answer->families & LIMIT_FIELDS_X_RATELIMIT)
		at = put_x_ratelimit(at, answer, shown);
	if (answer->families & LIMIT_FIELDS_RATELIMIT) {
		at = put_list(PUT(at, "RateLimit-Policy: "), answer, put_policy_item);
		at = put_list(PUT(at, "RateLimit: "), answer, put_state_item);
	}
	end(out, at);
}

#define PROBLEM_START                                                                    \
	"{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","  \
	"\"title\":\"Request cannot be satisfied as assigned quota has been exceeded\"," \
	"\"status\":"

void limit_problem_write(const struct limit_answer *answer, struct buffer *out)
{
	char *at = begin(out, sizeof(PROBLEM_START) + room_for(answer));
	bool is_first = true;

	if (!at)
		return;
	at = digits_put(PUT(at, PROBLEM_START), answer->status ? answer->status : 429);
	at = PUT(at, ",\"violated-policies\":[");
	for (unsigned i = 0; i < answer->n; i++) {
		if (!answer->limits[i].refuses || answer->limits[i].is_dry_run)
			continue;
		if (!is_first)
			*at++ = ',';
		at = put_item(at, &answer->limits[i]);
		is_first = false;
	}
	end(out, PUT(at, "]}\n"));
}
