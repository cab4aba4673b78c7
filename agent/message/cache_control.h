/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cache-Control of requests and responses (RFC 9111 section 5.2, RFC 5861, RFC 8246).
 * Pure: reads what is said; what follows from it is for the cache to decide.
 */
#ifndef MESSAGE_CACHE_CONTROL_H
#define MESSAGE_CACHE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/fields.h"

/* Values of a directive with seconds, beside 0 to DELTA_SECONDS_MAX. */
#define SECONDS_ABSENT (-1)
#define SECONDS_BAD    (-2) /* there, without a number: a cache treats it as stale at once */

struct cache_control {
	int64_t max_age;
	int64_t s_maxage;
	int64_t stale_while_revalidate;
	int64_t stale_if_error;
	int64_t max_stale; /* DELTA_SECONDS_MAX where it has no argument: however stale */
	int64_t min_fresh;
	struct bytes no_cache_fields; /* the argument's list, without its quotes; empty if none */
	struct bytes private_fields;
	bool no_store;
	bool no_cache;	 /* with or without field names */
	bool is_private; /* with or without field names */
	bool is_public;
	bool must_revalidate;
	bool proxy_revalidate;
	bool must_understand;
	bool no_transform;
	bool immutable;
	bool only_if_cached;
};

#define CACHE_CONTROL_NONE                                                \
	((struct cache_control){.max_age = SECONDS_ABSENT,                \
				.s_maxage = SECONDS_ABSENT,               \
				.stale_while_revalidate = SECONDS_ABSENT, \
				.stale_if_error = SECONDS_ABSENT,         \
				.max_stale = SECONDS_ABSENT,              \
				.min_fresh = SECONDS_ABSENT})

/*
 * What the field called id says, all of its lines; id is CACHE_CONTROL or a field of the same
 * grammar. Names ignore case, arguments may be tokens or quoted; of a directive that is there
 * several times the most restrictive is taken: the smaller number, field names forgotten where
 * the directive also came without (RFC 9111 section 4.2.1 lets a cache choose, or be stale).
 */
struct cache_control cache_control_read(const struct fields *fields, enum field_name id);

/*
 * What a targeted field says (RFC 9213 section 2.1): a structured dictionary, names in small
 * letters, parameters ignored. A number that is no integer from 0 up is SECONDS_BAD; "x=?0" is x
 * not said; of a key that is there twice the last counts, as in all dictionaries.
 * Returns false, *ret_control untouched, if there is no such field, or it is empty, or malformed
 * anywhere: it is then ignored whole.
 */
bool cache_control_read_targeted(const struct fields *fields, enum field_name id,
				 struct cache_control *ret_control);

#endif
