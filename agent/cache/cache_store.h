/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache: one table of stored responses for all threads, under one budget of bytes.
 *
 * Knows keys, variants, age in the queue, tags and bytes. Whether a response may be stored is
 * decided in storable.h, whether it may be used in freshness.h; this module is told.
 *
 * Every function may be called from any thread. The table is cut into shards; a lock is held
 * for one chain, or for a bounded number of steps, never across a system call. Locks are taken
 * in the order shard, fill, tags.
 */
#ifndef CACHE_CACHE_STORE_H
#define CACHE_CACHE_STORE_H

#include "base/siphash.h"
#include "cache/object.h"
#include "cache/storable.h"
#include "cache/tags.h"
#include "message/head.h"

struct cache_store;

#define CACHE_BYTES_MIN	 (4u << 20)
#define CACHE_SHARDS_MAX 1024

struct cache_config {
	uint64_t max_bytes;   /* of everything: objects, fills, tables; at least CACHE_BYTES_MIN */
	struct budget *total; /* of the process, which this is a part of; may be NULL */
	uint64_t object_max;  /* bytes of one body; larger ones are streamed past */
	uint64_t window;   /* bytes a response that is streamed past may hold; at least 3 chunks */
	uint32_t shards;   /* a power of two, 1 to CACHE_SHARDS_MAX; 0: chosen by max_bytes */
	uint32_t tags_max; /* distinct tags; 0: chosen by max_bytes */
	uint32_t waiters_max;	      /* of one fetch */
	uint64_t refused_for_ns;      /* how long a key is remembered as one not to wait for */
	struct siphash_secret secret; /* from getrandom() */
};

/* Returns 0 and a store; -EINVAL if config breaks a bound; -ENOMEM, -ENOSPC. */
int cache_store_new(const struct cache_config *config, struct cache_store **ret_store);

/* NULL is fine. No object is held and no fill is left any more. */
void cache_store_free(struct cache_store *store);

/* The number a fetch remembers when it begins, before its request is sent (see tags.h). */
uint64_t cache_sequence(const struct cache_store *store);

/* Keyed hash of a key, computed once a request and passed along. */
uint64_t cache_hash(const struct cache_store *store, const struct cache_key *key);

struct cache_query {
	const struct cache_key *key;
	uint64_t hash;		      /* cache_hash(key) */
	const struct fields *request; /* for the selectors of variants */
};

struct cache_found {
	struct cache_object *object; /* held; cache_release() it. NULL: nothing fits */
	bool is_soft_purged;
	bool is_hot;		 /* asked for at least twice since the queue last looked at it */
	bool has_other_variants; /* stored for other values of the Vary fields */
};

/* The most recent response that fits. What a purge has ended is never found. */
struct cache_found cache_find(struct cache_store *store, const struct cache_query *query);

void cache_release(struct cache_store *store, struct cache_object *object); /* NULL is fine */

/*
 * Store a response, in place of the one with the same key and selector. tags has those of the
 * response; the URL's own is added where the key has dimensions. parts->key.whole stays the
 * caller's. Returns STORE_YES or why not: OVERTAKEN, TOO_LARGE, NO_SPACE, TOO_MANY_TAGS,
 * TOO_MANY_VARIANTS.
 */
struct tag_list {
	struct tag_id id[TAGS_PER_RESPONSE_MAX];
	size_t count;
	bool is_cut; /* there were more than fit */
};
enum store_verdict cache_put(struct cache_store *store, const struct object_parts *parts,
			     const struct tag_list *tags);

/*
 * Store what object becomes through a 304 or a HEAD answer (validation_merge()): the same key,
 * selector, status and body, everything else from news. tags NULL: it keeps its own. The caller
 * holds object throughout. Verdicts as of cache_put().
 */
enum store_verdict cache_update(struct cache_store *store, const struct cache_object *object,
				const struct object_parts *news, const struct tag_list *tags);

/*
 * Tags of a field's value: those of Surrogate-Key are separated by blanks, those of Cache-Tag by
 * commas. Longer ones than TAG_LEN_MAX are skipped, others added once each.
 */
void cache_tags_split(struct cache_store *store, struct bytes value, bool by_comma,
		      struct tag_list *tags);
void cache_tags_add(struct cache_store *store, enum tag_kind kind, struct bytes scope,
		    struct bytes name, struct tag_list *tags);

/* Make it stale, as a soft purge does: an origin's HEAD answer contradicts it (RFC 9111 section 4.3.5). */
void cache_make_stale(struct cache_store *store, struct cache_object *object);

/* Forget it, as a hard purge does: the origin will not have it kept any longer. The caller's hold stays. */
void cache_forget(struct cache_store *store, struct cache_object *object);

/*
 * Purges. When one returns, no later cache_find() finds what it covers (soft: finds it stale),
 * and no fetch that began before is stored. hard and soft differ in what freshness.h may do with
 * the response afterwards.
 */
enum purge_mode { PURGE_HARD, PURGE_SOFT };

/* All variants and dimensions of a URL as it begins a key. Returns how many were found at once. */
uint64_t cache_purge_url(struct cache_store *store, struct bytes url, enum purge_mode mode);
/* In constant time. */
void cache_purge_tag(struct cache_store *store, struct tag_id id, enum purge_mode mode);
void cache_purge_all(struct cache_store *store, enum purge_mode mode);
/*
 * Walks all objects, a few at a time. Returns 0 and how many were covered, or -EINVAL for a
 * pattern above PATTERN_LEN_MAX.
 */
int cache_purge_pattern(struct cache_store *store, const struct url_pattern *pattern,
			enum purge_mode mode, uint64_t *ret_count);
struct tag_id cache_tag_id(const struct cache_store *store, enum tag_kind kind, struct bytes scope,
			   struct bytes name);

/*
 * Give back the memory of purged objects that nobody asked for since, looking at about buckets
 * buckets; *cursor starts at 0 and is kept between calls. Returns how many objects went.
 */
uint64_t cache_sweep(struct cache_store *store, uint64_t *cursor, unsigned buckets);

/*
 * Evict until bytes more of the total are free, or nothing that is not held is left: others need
 * memory. Returns whether they are; somebody else may have taken them already.
 */
bool cache_make_room(struct cache_store *store, size_t bytes);

/*
 * Call each(context, object) for every object that lives. Runs under a shard's lock: it must be
 * short and call nothing of this module. Objects that come or go meanwhile may be missed.
 */
typedef void cache_each_fn(void *context, const struct cache_object *object);
void cache_each(struct cache_store *store, cache_each_fn *each, void *context);

struct cache_stats {
	uint64_t objects;
	uint64_t used_bytes; /* of objects, fills and tags; the fixed tables left out */
	uint64_t fixed_bytes;
	uint64_t peak_bytes; /* the most that was ever in use, all counted; never above max_bytes */
	uint64_t max_bytes;
	uint64_t evicted;
	uint64_t purged; /* found dead and removed; a purge by tag shows here as they are met */
	uint64_t fills;	 /* under way */
	uint64_t tags;	 /* distinct, in use */
	uint64_t verdict[STORE_VERDICT_COUNT]; /* of cache_put() */
};
void cache_stats(struct cache_store *store, struct cache_stats *ret_stats);

#endif
