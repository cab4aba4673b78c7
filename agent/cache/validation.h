/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Validators: answering a client's conditional request from the store, and what an
 * origin's 304 or HEAD answer does to what is stored (RFC 9111 section 4.3,
 * RFC 9110 sections 8.8 and 13).
 *
 * Pure.
 */
#ifndef CACHE_VALIDATION_H
#define CACHE_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "cache/facts.h"
#include "message/etag.h"
#include "message/head.h"

/* What a stored response can be compared by. */
struct validators {
	struct bytes etag; /* with quotes and "W/"; empty if there is none */
	struct maybe_time last_modified;
	struct maybe_time date;
	int64_t received_unix_s;
};

/* The conditions of a request. */
struct conditions {
	bool has_if_match;
	bool has_if_unmodified_since;
	enum etag_match if_none_match;	     /* etag_if_none_match() of the stored tag */
	struct maybe_time if_modified_since; /* what is no valid date is ignored */
};

enum condition_result {
	CONDITION_SEND,	  /* send the stored response, whole or in part */
	CONDITION_304,	  /* send 304 with the stored response's fields */
	CONDITION_ORIGIN, /* only the origin can say: forward it as it is */
};

/* For GET and HEAD, and a stored response of this status that may be used. */
enum condition_result validation_condition(const struct conditions *conditions,
					   const struct validators *stored, unsigned status);

/*
 * RFC 9111 section 4.3.4: which of the stored responses that could have answered the request a
 * 304 speaks of. stored is in order, the most recent first. Sets is_chosen[i] for each and
 * returns how many were.
 */
size_t validation_choose(const struct validators *answer, const struct validators *stored,
			 size_t count, bool *is_chosen);

enum head_update {
	HEAD_UPDATES,	  /* same representation: freshen the stored response */
	HEAD_INVALIDATES, /* another one: the stored response is stale from now on */
};

/* RFC 9111 section 4.3.5. Lengths are negative where unknown. */
enum head_update validation_head(const struct validators *answer, int64_t answer_len,
				 const struct validators *stored, int64_t stored_len);

/*
 * Write into out the stored head (status line and fields, each line ended) as answer's fields
 * update it: fields of one name are replaced together. is_dropped names further fields of the
 * answer that are not taken (those in its Connection, say); may be NULL.
 */
typedef bool field_dropped_fn(const void *context, const struct field *field);
struct head_merge {
	struct bytes stored_head;
	const struct fields *answer;
	struct bytes
		date; /* of receipt: the Date of an answer that has none (RFC 9110 section 6.6.1) */
	field_dropped_fn *is_dropped;
	const void *context;
};
void validation_merge(const struct head_merge *merge, struct buffer *out);

#endif
