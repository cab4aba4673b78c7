/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a response says of the limits it was judged by: Retry-After, X-RateLimit-*, RateLimit-Policy and
 * RateLimit (draft-ietf-httpapi-ratelimit-headers), and the body of a 429 (RFC 9457). Pure.
 *
 * Shown as X-RateLimit-* is the refusing limit with the longest wait, else the one with the least
 * remaining, the shortest window on a tie. Limits on a dry run are not shown. Times are whole seconds,
 * rounded up; only X-RateLimit-Reset is wall clock. Who never gets in is told to wait one window.
 * For a token bucket limit and quota are its size, and the window is the time the whole of it takes.
 */
#ifndef LIMIT_FIELDS_H
#define LIMIT_FIELDS_H

#include "base/buffer.h"
#include "limit/spec.h"

struct limit_shown {
	struct bytes name; /* printable ASCII; other bytes are left out */
	struct limit_spec spec;
	struct limit_view view;
	bool refuses;
	bool is_dry_run;
	/* What limit_item_write() and limit_policy_item_write() have made of it before; empty: not yet. */
	struct bytes item;
	struct bytes policy_item;
};

enum limit_family {
	LIMIT_FIELDS_RETRY_AFTER = 1, /* on refused answers only */
	LIMIT_FIELDS_X_RATELIMIT = 2,
	LIMIT_FIELDS_RATELIMIT = 4,
	LIMIT_FIELDS_ALL = 7,
};

struct limit_answer {
	const struct limit_shown *limits;
	unsigned n;
	unsigned families;	 /* of enum limit_family */
	uint64_t now_ns;	 /* CLOCK_MONOTONIC, that of the views */
	uint64_t unix_offset_ns; /* what to add to it for wall clock time */
	unsigned status;	 /* of a refusal; 0: 429 */
};

/* The limit to show, or NULL where all are dry runs. */
const struct limit_shown *limit_fields_choose(const struct limit_answer *answer);

/* Longest wait of the limits that refuse, in seconds: at least 1; 0 if none refuses. */
uint64_t limit_fields_retry_s(const struct limit_answer *answer);

/* Add the fields, each ending in CR LF; nothing where there is no limit to show. Errors stick in out. */
void limit_fields_write(const struct limit_answer *answer, struct buffer *out);

/* What never changes of a limit: its name as a string ("burst"), and its item in RateLimit-Policy. */
void limit_item_write(const struct limit_shown *shown, struct buffer *out);
void limit_policy_item_write(const struct limit_shown *shown, struct buffer *out);

/* Add the problem+json object of a refused answer. */
#define LIMIT_PROBLEM_TYPE "application/problem+json"
void limit_problem_write(const struct limit_answer *answer, struct buffer *out);

#endif
