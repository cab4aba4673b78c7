/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/tags_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN   64
#define TAGS_A_BUCKET 2

static uint64_t bucket_count_for(uint32_t max)
{
	uint64_t count = BUCKETS_MIN;

	while (count < max / TAGS_A_BUCKET)
		count *= 2;
	return count;
}

static size_t fixed_cost(uint64_t buckets)
{
	return budget_cost(sizeof(struct tags)) + budget_cost(buckets * sizeof(struct tag_node *));
}

int tags_new(struct budget *budget, const struct siphash_secret *secret, uint32_t max,
	     struct tags **ret_tags)
{
	uint64_t buckets = bucket_count_for(max);
	struct tags *tags;

	if (!budget_take(budget, fixed_cost(buckets)))
		return -ENOSPC;
	tags = calloc(1, sizeof(*tags));
	if (tags)
		tags->buckets = calloc(buckets, sizeof(struct tag_node *));
	if (!tags || !tags->buckets) {
		free(tags);
		budget_give(budget, fixed_cost(buckets));
		return -ENOMEM;
	}
	pthread_mutex_init(&tags->lock, NULL);
	tags->budget = budget;
	tags->max = max;
	tags->bucket_mask = buckets - 1;
	/* Two keyed hashes make 128 bits; the second secret is the first, made different. */
	tags->secret[0] = *secret;
	tags->secret[1] = (struct siphash_secret){{~secret->word[0], ~secret->word[1]}};
	*ret_tags = tags;
	return 0;
}

void tags_free(struct tags *tags)
{
	if (!tags)
		return;
	while (tags->slabs) {
		struct slab *next = tags->slabs->next;

		free(tags->slabs);
		budget_give(tags->budget, budget_cost(sizeof(struct slab)));
		tags->slabs = next;
	}
	budget_give(tags->budget, fixed_cost(tags->bucket_mask + 1));
	free(tags->buckets);
	pthread_mutex_destroy(&tags->lock);
	free(tags);
}

struct tag_id tag_id_of(const struct tags *tags, enum tag_kind kind, struct bytes scope,
			struct bytes name)
{
	struct siphash_secret scoped;
	struct tag_id id;

	/* Kind and scope become part of the secret, so nothing has to be put together in memory. */
	for (int i = 0; i < 2; i++) {
		scoped = tags->secret[i];
		scoped.word[0] ^= siphash(&tags->secret[i], scope);
		scoped.word[1] ^= (uint64_t)kind;
		id.word[i] = siphash(&scoped, name);
	}
	return id;
}

uint64_t tag_node_hard(const struct tag_node *node)
{
	return atomic_load_explicit(&node->hard, memory_order_relaxed);
}

uint64_t tag_node_soft(const struct tag_node *node)
{
	return atomic_load_explicit(&node->soft, memory_order_relaxed);
}

struct tag_id tag_node_id(const struct tag_node *node)
{
	return node->id;
}

uint64_t tags_sequence(const struct tags *tags)
{
	return atomic_load_explicit(&tags->sequence, memory_order_acquire);
}

static struct tag_node **bucket_of(struct tags *tags, struct tag_id id)
{
	return &tags->buckets[id.word[0] & tags->bucket_mask];
}

struct tag_node *tags_find(struct tags *tags, struct tag_id id)
{
	struct tag_node *node = *bucket_of(tags, id);

	while (node && (node->id.word[0] != id.word[0] || node->id.word[1] != id.word[1]))
		node = node->next;
	return node;
}

static bool add_slab(struct tags *tags)
{
	struct slab *slab;

	if (!budget_take(tags->budget, budget_cost(sizeof(*slab))))
		return false;
	slab = calloc(1, sizeof(*slab));
	if (!slab) {
		budget_give(tags->budget, budget_cost(sizeof(*slab)));
		return false;
	}
	slab->next = tags->slabs;
	tags->slabs = slab;
	for (int i = 0; i < NODES_A_SLAB; i++) {
		slab->nodes[i].next = tags->free;
		tags->free = &slab->nodes[i];
	}
	return true;
}

static struct tag_node *make(struct tags *tags, struct tag_id id)
{
	struct tag_node *node;
	uint64_t purged;

	if (tags->count >= tags->max || (!tags->free && !add_slab(tags)))
		return NULL;
	node = tags->free;
	tags->free = node->next;
	/* What was purged while nobody had it counts for a fetch that began before. */
	purged = tags_recent_number(tags, id);
	node->id = id;
	node->refs = 0;
	atomic_store_explicit(&node->hard, purged, memory_order_relaxed);
	atomic_store_explicit(&node->soft, 0, memory_order_relaxed);
	node->next = *bucket_of(tags, id);
	*bucket_of(tags, id) = node;
	tags->count++;
	return node;
}

static void drop(struct tags *tags, struct tag_node *node)
{
	struct tag_node **at = bucket_of(tags, node->id);

	if (--node->refs)
		return;
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = tags->free;
	tags->free = node;
	tags->count--;
}

int tags_hold(struct tags *tags, const struct tag_id *ids, size_t count,
	      struct tag_node **ret_nodes)
{
	size_t held = 0;

	if (!count)
		return 0;
	pthread_mutex_lock(&tags->lock);
	for (; held < count; held++) {
		struct tag_node *node = tags_find(tags, ids[held]);

		if (!node)
			node = make(tags, ids[held]);
		if (!node)
			break;
		node->refs++;
		ret_nodes[held] = node;
	}
	for (size_t i = 0; held < count && i < held; i++)
		drop(tags, ret_nodes[i]);
	pthread_mutex_unlock(&tags->lock);
	return held < count ? -ENOSPC : 0;
}

void tags_release(struct tags *tags, struct tag_node **nodes, size_t count)
{
	if (!count)
		return;
	pthread_mutex_lock(&tags->lock);
	for (size_t i = 0; i < count; i++)
		drop(tags, nodes[i]);
	pthread_mutex_unlock(&tags->lock);
}

uint32_t tags_count(struct tags *tags)
{
	uint32_t count;

	pthread_mutex_lock(&tags->lock);
	count = tags->count;
	pthread_mutex_unlock(&tags->lock);
	return count;
}
