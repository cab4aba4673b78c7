/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/range.h"

#include <inttypes.h>
#include <stdio.h>

#include "message/chars.h"

/* Moves past 1*DIGIT. Saturates below RANGE_UNKNOWN: no representation is as long. */
static bool take_number(struct bytes *rest, uint64_t *ret_number)
{
	size_t digits = bytes_span(*rest, CHAR_DIGIT);
	uint64_t number = 0;

	for (size_t i = 0; i < digits; i++) {
		uint64_t digit = (uint64_t)(rest->at[i] - '0');

		number = number > (INT64_MAX - digit) / 10 ? INT64_MAX : number * 10 + digit;
	}
	*rest = bytes_from(*rest, digits);
	*ret_number = number;
	return digits;
}

static bool take_byte(struct bytes *rest, char byte)
{
	if (!rest->len || rest->at[0] != byte)
		return false;
	*rest = bytes_from(*rest, 1);
	return true;
}

/* Cuts "bytes" and the separator off; the unit's case does not matter. */
static bool take_unit(struct bytes *rest, char separator)
{
	const struct bytes unit = BYTES("bytes");

	if (rest->len <= unit.len || !bytes_equal_nocase((struct bytes){rest->at, unit.len}, unit))
		return false;
	*rest = bytes_from(*rest, unit.len);
	return take_byte(rest, separator);
}

enum member { MEMBER_BAD, MEMBER_OUTSIDE, MEMBER_INSIDE };

static enum member read_suffix(struct bytes text, uint64_t len, struct range *range)
{
	uint64_t suffix;

	if (!take_number(&text, &suffix) || text.len)
		return MEMBER_BAD;
	if (!suffix)
		return MEMBER_OUTSIDE;
	range->first = suffix < len ? len - suffix : 0;
	range->last = len - 1;
	return MEMBER_INSIDE;
}

/* "0-499", "500-" or "-500" of len bytes; len is not 0. */
static enum member read_member(struct bytes text, uint64_t len, struct range *range)
{
	if (take_byte(&text, '-'))
		return read_suffix(text, len, range);
	if (!take_number(&text, &range->first) || !take_byte(&text, '-'))
		return MEMBER_BAD;
	range->last = INT64_MAX;
	if (text.len && (!take_number(&text, &range->last) || text.len))
		return MEMBER_BAD;
	if (range->last < range->first)
		return MEMBER_BAD;
	if (range->first >= len)
		return MEMBER_OUTSIDE;
	if (range->last >= len)
		range->last = len - 1;
	return MEMBER_INSIDE;
}

static bool touches_another(const struct ranges *ranges)
{
	const struct range *newest = &ranges->range[ranges->count - 1];

	for (unsigned i = 0; i + 1 < ranges->count; i++) {
		const struct range *other = &ranges->range[i];

		if (newest->first <= other->last + 1 && other->first <= newest->last + 1)
			return true;
	}
	return false;
}

enum range_result range_parse(struct bytes value, uint64_t len, struct ranges *ret_ranges)
{
	struct ranges ranges = {0};
	struct bytes text;
	unsigned members = 0;

	/* Of nothing no part can be named in Content-Range. */
	if (!len || !take_unit(&value, '='))
		return RANGE_WHOLE;
	while (list_next(&value, &text)) {
		enum member member;

		if (++members > RANGES_MAX)
			return RANGE_WHOLE;
		member = read_member(text, len, &ranges.range[ranges.count]);
		if (member == MEMBER_BAD)
			return RANGE_WHOLE;
		if (member == MEMBER_INSIDE && ranges.count++ && touches_another(&ranges))
			return RANGE_WHOLE;
	}
	if (!members)
		return RANGE_WHOLE;
	if (!ranges.count)
		return RANGE_UNSATISFIABLE;
	*ret_ranges = ranges;
	return RANGE_PARTS;
}

bool if_range_holds(struct bytes value, const struct etag *tag, struct bytes last_modified)
{
	struct etag wanted;

	if (etag_parse(value, &wanted))
		return tag && etag_equal_strong(&wanted, tag);
	return value.len && bytes_equal(value, last_modified);
}

static bool take_satisfied(struct bytes *rest, struct content_range *found)
{
	found->satisfied = true;
	return take_number(rest, &found->range.first) && take_byte(rest, '-') &&
	       take_number(rest, &found->range.last) && found->range.last >= found->range.first;
}

bool content_range_parse(struct bytes value, struct content_range *ret_content_range)
{
	struct content_range found = {.complete = RANGE_UNKNOWN};

	if (!take_unit(&value, ' '))
		return false;
	if (!take_byte(&value, '*') && !take_satisfied(&value, &found))
		return false;
	if (!take_byte(&value, '/'))
		return false;
	/* A "*" on both sides says nothing, and is no Content-Range. */
	if ((!found.satisfied || !take_byte(&value, '*')) && !take_number(&value, &found.complete))
		return false;
	if (value.len || (found.satisfied && found.range.last >= found.complete))
		return false;

	*ret_content_range = found;
	return true;
}

struct bytes content_range_format(const struct content_range *content_range,
				  char out[static CONTENT_RANGE_TEXT_MAX])
{
	const struct range *range = &content_range->range;
	char complete[24] = "*";
	int len;

	if (content_range->complete != RANGE_UNKNOWN)
		snprintf(complete, sizeof(complete), "%" PRIu64, content_range->complete);
	if (content_range->satisfied)
		len = snprintf(out, CONTENT_RANGE_TEXT_MAX, "bytes %" PRIu64 "-%" PRIu64 "/%s",
			       range->first, range->last, complete);
	else
		len = snprintf(out, CONTENT_RANGE_TEXT_MAX, "bytes */%s", complete);
	return (struct bytes){out, (size_t)len};
}
