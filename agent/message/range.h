/* SPDX-License-Identifier: BSD-2-Clause */
/* Range, If-Range and Content-Range in bytes (RFC 9110 sections 13.1.5 and 14). Pure. */
#ifndef MESSAGE_RANGE_H
#define MESSAGE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/etag.h"

#define RANGES_MAX 16 /* in one request; more are answered with the whole representation */

struct range {
	uint64_t first;
	uint64_t last; /* the byte itself included; >= first */
};

struct ranges {
	unsigned count;
	struct range range[RANGES_MAX]; /* in the order asked for */
};

enum range_result {
	RANGE_WHOLE, /* no bytes range, malformed, or too many: as if it was not there (200) */
	RANGE_PARTS, /* *ret_ranges has the satisfiable ones, at least one (206) */
	RANGE_UNSATISFIABLE, /* 416 */
};

/*
 * What Range asks of a representation of len bytes. A set with overlapping or adjacent members
 * is RANGE_WHOLE: it is how a small request asks for many times the object (section 14.2).
 * *ret_ranges is set for RANGE_PARTS only.
 */
enum range_result range_parse(struct bytes value, uint64_t len, struct ranges *ret_ranges);

/*
 * Whether If-Range lets Range count: the same tag, strong, or the same Last-Modified text.
 * tag is NULL and last_modified empty where the representation has none, or only a
 * Last-Modified less than a second before its Date (not strong, section 8.8.2.2).
 */
bool if_range_holds(struct bytes value, const struct etag *tag, struct bytes last_modified);

#define RANGE_UNKNOWN UINT64_MAX

struct content_range {
	bool satisfied; /* false: the "*" form of a 416; range is then meaningless */
	struct range range;
	uint64_t complete; /* RANGE_UNKNOWN for "*" */
};

/* Parse Content-Range. False, output untouched: other unit, malformed, or contradicts itself. */
bool content_range_parse(struct bytes value, struct content_range *ret_content_range);

#define CONTENT_RANGE_TEXT_MAX 72 /* "bytes ", three numbers of 20 digits, '-', '/', terminator */

/* Text of it. Returns the slice of out that is used. */
struct bytes content_range_format(const struct content_range *content_range,
				  char out[static CONTENT_RANGE_TEXT_MAX]);

#endif
