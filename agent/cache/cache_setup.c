/* SPDX-License-Identifier: BSD-2-Clause */
/* Making, ending and measuring a store. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cache/store_parts.h"

#define BYTES_A_SHARD (1u << 20) /* fewer bytes than this are not worth a lock of their own */
#define SHARDS_USUAL  64
#define BYTES_A_GHOST 1024 /* of the budget; ghosts are 8 bytes */
#define BYTES_A_TAG   256  /* of the budget; with its bucket a tag takes 56 */

static uint64_t power_of_two(uint64_t at_most)
{
	return at_most ? 1ull << (63 - __builtin_clzll(at_most)) : 1;
}

static int check(const struct cache_config *config)
{
	if (config->max_bytes < CACHE_BYTES_MIN || config->shards > CACHE_SHARDS_MAX ||
	    (config->shards & (config->shards - 1)))
		return -EINVAL;
	/* Sizes of objects are kept in 32 bits of S3_UNIT. */
	if (!config->object_max || config->object_max > config->max_bytes ||
	    config->object_max > (uint64_t)UINT32_MAX * S3_UNIT / 2)
		return -EINVAL;
	return config->window < 3 * CONTENT_CHUNK_MAX ? -EINVAL : 0;
}

static void choose_sizes(struct cache_config *config)
{
	uint64_t shards = power_of_two(config->max_bytes / BYTES_A_SHARD);
	uint64_t tags = config->max_bytes / BYTES_A_TAG;

	if (!config->shards)
		config->shards = (uint32_t)(shards < SHARDS_USUAL ? shards : SHARDS_USUAL);
	if (!config->tags_max)
		config->tags_max = (uint32_t)(tags < UINT32_MAX / 2 ? tags : UINT32_MAX / 2);
}

static int init_shard(struct cache_store *store, struct shard *shard)
{
	uint64_t ghosts =
		power_of_two(store->config.max_bytes / store->config.shards / BYTES_A_GHOST);
	pthread_mutexattr_t spins_first;
	int err;

	/* Locks are held for less than a thread takes to fall asleep. */
	pthread_mutexattr_init(&spins_first);
	pthread_mutexattr_settype(&spins_first, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&shard->lock, &spins_first);
	pthread_mutexattr_destroy(&spins_first);

	err = table_init(&shard->table, &store->budget);
	if (err)
		return err;
	if (!budget_take(&store->budget, budget_cost(ghosts * sizeof(struct s3_ghost))))
		return -ENOSPC;
	shard->fifo.ghosts = calloc(ghosts, sizeof(struct s3_ghost));
	shard->fifo.ghost_mask = ghosts - 1;
	if (shard->fifo.ghosts)
		return 0;
	budget_give(&store->budget, budget_cost(ghosts * sizeof(struct s3_ghost)));
	return -ENOMEM;
}

static int init_shards(struct cache_store *store)
{
	size_t bytes = store->config.shards * sizeof(struct shard);
	int err = 0;

	if (!budget_take(&store->budget, budget_cost(bytes)))
		return -ENOSPC;
	store->shards = aligned_alloc(_Alignof(struct shard), bytes);
	if (!store->shards) {
		budget_give(&store->budget, budget_cost(bytes));
		return -ENOMEM;
	}
	memset(store->shards, 0, bytes);
	store->shard_mask = store->config.shards - 1;
	for (uint32_t i = 0; i < store->config.shards && !err; i++)
		err = init_shard(store, &store->shards[i]);
	return err;
}

int cache_store_new(const struct cache_config *config, struct cache_store **ret_store)
{
	struct cache_store *store;
	int err = check(config);

	if (err)
		return err;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	store->config = *config;
	choose_sizes(&store->config);
	store->budget.max = config->max_bytes;
	store->budget.total = config->total;

	err = tags_new(&store->budget, &config->secret, store->config.tags_max, &store->tags);
	if (!err)
		err = init_shards(store);
	if (err) {
		cache_store_free(store);
		return err;
	}
	store->fixed_bytes = atomic_load(&store->budget.used);
	*ret_store = store;
	return 0;
}

static void free_shard(struct cache_store *store, struct shard *shard)
{
	/* Bucket by bucket: nobody else is here any more. */
	for (uint64_t i = 0; i < shard->table.buckets && shard->table.segment[0]; i++) {
		struct cache_object **bucket = table_bucket(&shard->table, i);

		store_release_list(store, *bucket);
		*bucket = NULL;
	}
	table_free(&shard->table);
	if (shard->fifo.ghosts)
		budget_give(&store->budget,
			    budget_cost((shard->fifo.ghost_mask + 1) * sizeof(struct s3_ghost)));
	free(shard->fifo.ghosts);
	pthread_mutex_destroy(&shard->lock);
}

void cache_store_free(struct cache_store *store)
{
	if (!store)
		return;
	if (store->shards) {
		for (uint32_t i = 0; i < store->config.shards; i++)
			free_shard(store, &store->shards[i]);
		budget_give(&store->budget,
			    budget_cost(store->config.shards * sizeof(struct shard)));
	}
	free(store->shards);
	tags_free(store->tags);
	/* Whatever was taken has been given back: else somebody still holds an object or a fill. */
	assert(atomic_load(&store->budget.used) == 0);
	free(store);
}

void cache_stats(struct cache_store *store, struct cache_stats *ret_stats)
{
	struct cache_stats stats = {
		.fixed_bytes = store->fixed_bytes,
		.peak_bytes = atomic_load(&store->budget.peak),
		.max_bytes = store->config.max_bytes,
		.tags = tags_count(store->tags),
	};

	for (uint32_t i = 0; i <= store->shard_mask; i++) {
		struct shard *shard = &store->shards[i];

		pthread_mutex_lock(&shard->lock);
		stats.objects += shard->table.count;
		stats.evicted += shard->evicted;
		stats.purged += shard->purged;
		stats.fills += shard->fill_count;
		for (int v = 0; v < STORE_VERDICT_COUNT; v++)
			stats.verdict[v] += shard->verdict[v];
		pthread_mutex_unlock(&shard->lock);
	}
	stats.used_bytes = atomic_load(&store->budget.used) - store->fixed_bytes;
	*ret_stats = stats;
}
