/* SPDX-License-Identifier: BSD-2-Clause */
/* A route's pattern taken apart; see route.h for what it means. Pure. */
#ifndef POLICY_ROUTE_PATTERN_H
#define POLICY_ROUTE_PATTERN_H

#include <stdbool.h>

#include "policy/route.h"

enum segment_kind {
	SEGMENT_TEXT,
	SEGMENT_NAMED, /* {name}: text is the name */
	SEGMENT_STAR,  /* the last: text is what stands before the '*' */
};

struct route_segment {
	enum segment_kind kind;
	struct bytes text;
};

/* Slices of the text it was read from. */
struct route_pattern {
	struct bytes method;				   /* empty: any */
	struct bytes host;				   /* empty: any; "*.x" is ".x" */
	struct route_segment segments[ROUTE_SEGMENTS_MAX]; /* of "/": one, empty */
	size_t segment_count;
};

/* Returns 0; -EINVAL with *ret_error: no pattern, or not in normal form. *ret_pattern is then undefined. */
int route_pattern_parse(struct bytes text, struct route_pattern *ret_pattern,
			struct route_error *ret_error);

/* Whether the pattern's path ends in a star. */
static inline bool route_pattern_is_prefix(const struct route_pattern *pattern)
{
	return pattern->segments[pattern->segment_count - 1].kind == SEGMENT_STAR;
}

#endif
