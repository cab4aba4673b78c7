/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the store, shared by cache_store.c, cache_purge.c and fill.c; nobody else includes it. */
#ifndef CACHE_STORE_PARTS_H
#define CACHE_STORE_PARTS_H

#include <pthread.h>

#include "cache/budget.h"
#include "cache/cache_store.h"
#include "cache/table.h"

#define FILL_BUCKETS  64  /* a shard's; fetches under way are bounded by upstream connections */
#define REFUSED_SLOTS 128 /* a shard's keys not to wait for; newer ones replace older ones */

struct fill;

struct refused_key {
	uint64_t hash;
	uint64_t until_ns;
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct table table;
	struct s3fifo fifo;
	uint64_t evicted;
	uint64_t purged;
	uint64_t verdict[STORE_VERDICT_COUNT];
	uint64_t fill_count;
	struct fill *fills[FILL_BUCKETS];
	struct refused_key refused[REFUSED_SLOTS];
};

struct cache_store {
	struct cache_config config;
	struct budget budget;
	uint64_t fixed_bytes;
	struct tags *tags;
	uint32_t shard_mask;
	_Atomic uint32_t evict_cursor;
	struct shard *shards;
};

/* The top bits choose the shard, the low ones the bucket. */
static inline struct shard *store_shard(struct cache_store *store, uint64_t hash)
{
	return &store->shards[(hash >> 48) & store->shard_mask];
}

/* What purges have done to an object. Under its shard's lock. */
enum object_state { OBJECT_LIVE, OBJECT_SOFT, OBJECT_DEAD };
enum object_state store_state(struct cache_store *store, struct cache_object *object);

/* Count why something is not stored. Returns verdict. */
enum store_verdict store_refuse(struct cache_store *store, uint64_t hash,
				enum store_verdict verdict);

/* Take the object out of table and queue, under the lock; the caller releases the table's hold after unlocking. */
void store_unlist(struct shard *shard, struct cache_object *object);

/* Take bytes of the budget, evicting if need be; no lock is held. False: nothing left to evict. */
bool store_take(struct cache_store *store, size_t bytes);

/* The object that fits query best, under the lock; dead ones met on the way are put on *dead. */
struct cache_object *store_match(struct cache_store *store, struct shard *shard,
				 const struct cache_query *query, struct cache_object **dead,
				 bool *ret_others);
/* Release the table's hold on a list of unlisted objects linked by next. */
void store_release_list(struct cache_store *store, struct cache_object *list);

/* What a purge may name of a response that is being fetched. */
struct covered {
	struct bytes url;
	const struct tag_id *tags;
	size_t tag_count;
};

/* Whether any purge after sequence covers it, or may. */
bool store_was_purged(struct cache_store *store, const struct covered *covered, uint64_t sequence);

/* The secret hash of a URL alone, as tags know it. */
struct tag_id store_url_id(const struct cache_store *store, struct bytes url);

#endif
