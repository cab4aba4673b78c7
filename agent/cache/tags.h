/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags, and the order of purges.
 *
 * Every purge gets the next number of one sequence. A tag keeps the number of its latest purge,
 * and a stored response the number that was current when its fetch began: it is gone if any of
 * its tags was purged since. So purging a tag is one store, however many responses have it, and
 * a fetch that a purge overtakes is found out the same way.
 *
 * A tag has a node while a stored response has it. For tags, and URLs, that had none when they
 * were purged, the number is kept in a table of fixed size. Where more than it holds are purged
 * during one fetch it errs against the fetch, which is not stored.
 *
 * Thread-safe.
 */
#ifndef CACHE_TAGS_H
#define CACHE_TAGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/siphash.h"
#include "cache/budget.h"
#include "cache/url_pattern.h"

#define TAGS_PER_RESPONSE_MAX 64
#define TAG_LEN_MAX	      1024 /* bytes of a tag's name; longer ones are not tags */

/* 128 bits under a secret: what shares them by chance is purged once too often. */
struct tag_id {
	uint64_t word[2];
};

/* Names of different kinds never meet. */
enum tag_kind {
	TAG_NAMED, /* Surrogate-Key, Cache-Tag, `tags:` of the policy; scope is empty */
	TAG_GROUP, /* Cache-Groups: belongs to an origin (RFC 9875 section 2.1), which is its scope */
	TAG_URL,   /* all keys of one URL, whatever their dimensions */
};

struct tag_node; /* 48 bytes, 8 more for its bucket */

/* A node knows when it was purged last; 0: never. */
uint64_t tag_node_hard(const struct tag_node *node);
uint64_t tag_node_soft(const struct tag_node *node);
struct tag_id tag_node_id(const struct tag_node *node);

struct tags;

/*
 * At most max distinct tags at a time. Memory beyond the fixed part is taken from budget.
 * Returns 0, -ENOMEM or -ENOSPC.
 */
int tags_new(struct budget *budget, const struct siphash_secret *secret, uint32_t max,
	     struct tags **ret_tags);
void tags_free(struct tags *tags); /* NULL is fine; no node is held any more */

/* What a tag is known by: a keyed hash of kind, scope and name. Any thread. */
struct tag_id tag_id_of(const struct tags *tags, enum tag_kind kind, struct bytes scope,
			struct bytes name);

/* The number of the latest purge: what a fetch that begins now remembers. */
uint64_t tags_sequence(const struct tags *tags);

/*
 * Hold the nodes of ids, making those that are missing. Returns 0; -ENOSPC if there are max tags
 * already or no memory for more, and nothing is held.
 */
int tags_hold(struct tags *tags, const struct tag_id *ids, size_t count,
	      struct tag_node **ret_nodes);
void tags_release(struct tags *tags, struct tag_node **nodes, size_t count);

/* Purge one id. Returns the purge's number. */
uint64_t tags_purge(struct tags *tags, struct tag_id id, bool is_soft);
/* Purge everything. */
uint64_t tags_purge_all(struct tags *tags, bool is_soft);
uint64_t tags_all_hard(const struct tags *tags);
uint64_t tags_all_soft(const struct tags *tags);

/* Whether id was purged after sequence, or may have been. */
bool tags_purged_since(struct tags *tags, struct tag_id id, uint64_t sequence);

#define PATTERNS_KEPT	64
#define PATTERN_LEN_MAX 2048

/*
 * Note a purge by pattern, for fetches in progress; the stored responses are the caller's to
 * find. Returns 0 and its number; -EINVAL for a pattern above PATTERN_LEN_MAX.
 */
int tags_purge_pattern(struct tags *tags, const struct url_pattern *pattern, uint64_t *ret_number);

/*
 * Whether a purge by pattern after sequence covers url; also true if there were more than
 * PATTERNS_KEPT of them, as nobody knows any more.
 */
bool tags_pattern_since(struct tags *tags, struct bytes url, uint64_t sequence);

/* Distinct tags at present. Any thread. */
uint32_t tags_count(struct tags *tags);

#endif
