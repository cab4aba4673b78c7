/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which route a request takes: `[METHOD] [host]/path`.
 *
 *   /users        this path, and no other ("/users/" is another)
 *   /users/{id}   one segment, not empty, in the place of {id}
 *   /static/ and '*' behind it: every path that begins so
 *   GET /users    this method only, in letters of either case; GET also takes a HEAD that has no route of its own
 *   a.example/x   this host only; `*.example.com/x` any name below it
 *
 * Of the routes that fit a request the most specific is taken: by host first (a name, then the longest `*.`,
 * then none), then by path from the left (text before {name} before '*', the longer text before the shorter),
 * then by method. Two patterns that fit the same requests are a tie, which is an error.
 *
 * Pure. Paths are in the normal form of message/path.h, hosts in small letters. No allocation and no backtracking over
 * bytes when matching: each segment is looked at once for each way the routes' paths can read it, which is once
 * wherever no {name} stands beside text that fits too.
 */
#ifndef POLICY_ROUTE_H
#define POLICY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define ROUTE_MATCH_MAX	   2048 /* bytes of a pattern */
#define ROUTE_SEGMENTS_MAX 64	/* of its path */
#define ROUTE_NONE	   UINT32_MAX

struct route_table;

struct route_error {
	size_t offset;	/* into the pattern */
	char text[160]; /* what was found and what was expected */
};

/* An empty table. Returns 0 or -ENOMEM. */
int route_table_new(struct route_table **ret_table);
void route_table_free(struct route_table *table); /* NULL is fine */

/*
 * Add a pattern under number (not ROUTE_NONE). Returns 0; -EINVAL with *ret_error if it is no pattern;
 * -EEXIST and *ret_other, the number of the pattern it ties with; -ENOMEM.
 */
int route_table_add(struct route_table *table, struct bytes pattern, uint32_t number,
		    struct route_error *ret_error, uint32_t *ret_other);

struct route_request {
	struct bytes method;
	struct bytes host; /* small letters, no port; may be empty */
	struct bytes path; /* normal form; begins with '/' ("*" of OPTIONS fits no route) */
};

/* Number of the route the request takes, or ROUTE_NONE. */
uint32_t route_table_find(const struct route_table *table, const struct route_request *request);

#endif
