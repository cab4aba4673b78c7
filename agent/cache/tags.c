/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/tags.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define RECENT_SLOTS  16384 /* a power of two; a shared slot costs one fetch its storing */
#define NODES_A_SLAB  128
#define BUCKETS_MIN   64
#define TAGS_A_BUCKET 2

struct tag_node {
	struct tag_id id;
	_Atomic uint64_t hard;
	_Atomic uint64_t soft;
	struct tag_node *next; /* in its bucket, or among the free */
	uint32_t refs;	       /* under the lock */
};

struct slab {
	struct slab *next;
	struct tag_node nodes[NODES_A_SLAB];
};

struct kept_pattern {
	uint64_t number;
	bool is_glob;
	uint16_t len;
	char text[PATTERN_LEN_MAX];
};

struct tags {
	pthread_mutex_t lock; /* nodes, patterns, and the order of purges */
	struct budget *budget;
	struct siphash_secret secret[2];
	_Atomic uint64_t sequence;
	_Atomic uint64_t all_hard;
	_Atomic uint64_t all_soft;
	_Atomic uint64_t pattern_sequence; /* of the latest purge by pattern */
	_Atomic uint64_t recent[RECENT_SLOTS];
	struct kept_pattern patterns[PATTERNS_KEPT]; /* a ring */
	uint64_t pattern_count;

	struct tag_node **buckets;
	uint64_t bucket_mask;
	struct slab *slabs;
	struct tag_node *free;
	uint32_t count;
	uint32_t max;
};

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

static const _Atomic uint64_t *recent_of(const struct tags *tags, struct tag_id id)
{
	return &tags->recent[id.word[1] & (RECENT_SLOTS - 1)];
}

static struct tag_node *find(struct tags *tags, struct tag_id id)
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
	purged = atomic_load_explicit(recent_of(tags, id), memory_order_relaxed);
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
		struct tag_node *node = find(tags, ids[held]);

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

/*
 * Under the lock. The number becomes current only after everything that depends on it was
 * written: who reads the sequence and then looks, looks at the purge as well. A fetch that begins
 * in between remembers the number before and is not stored, which is only too careful.
 */
static uint64_t next_number(struct tags *tags)
{
	return atomic_load_explicit(&tags->sequence, memory_order_relaxed) + 1;
}

static void publish(struct tags *tags, uint64_t number)
{
	atomic_store_explicit(&tags->sequence, number, memory_order_release);
}

uint64_t tags_purge(struct tags *tags, struct tag_id id, bool is_soft)
{
	struct tag_node *node;
	uint64_t number;

	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	atomic_store_explicit((_Atomic uint64_t *)recent_of(tags, id), number,
			      memory_order_relaxed);
	node = find(tags, id);
	if (node)
		atomic_store_explicit(is_soft ? &node->soft : &node->hard, number,
				      memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	return number;
}

uint64_t tags_purge_all(struct tags *tags, bool is_soft)
{
	uint64_t number;

	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	atomic_store_explicit(is_soft ? &tags->all_soft : &tags->all_hard, number,
			      memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	return number;
}

uint64_t tags_all_hard(const struct tags *tags)
{
	return atomic_load_explicit(&tags->all_hard, memory_order_relaxed);
}

uint64_t tags_all_soft(const struct tags *tags)
{
	return atomic_load_explicit(&tags->all_soft, memory_order_relaxed);
}

bool tags_purged_since(const struct tags *tags, struct tag_id id, uint64_t sequence)
{
	return atomic_load_explicit(recent_of(tags, id), memory_order_relaxed) > sequence;
}

uint32_t tags_count(struct tags *tags)
{
	uint32_t count;

	pthread_mutex_lock(&tags->lock);
	count = tags->count;
	pthread_mutex_unlock(&tags->lock);
	return count;
}

int tags_purge_pattern(struct tags *tags, const struct url_pattern *pattern, uint64_t *ret_number)
{
	struct kept_pattern *kept;
	uint64_t number;

	if (!pattern->text.len || pattern->text.len > PATTERN_LEN_MAX)
		return -EINVAL;
	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	kept = &tags->patterns[tags->pattern_count++ % PATTERNS_KEPT];
	kept->number = number;
	kept->is_glob = pattern->is_glob;
	kept->len = (uint16_t)pattern->text.len;
	memcpy(kept->text, pattern->text.at, pattern->text.len);
	atomic_store_explicit(&tags->pattern_sequence, number, memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	*ret_number = number;
	return 0;
}

static bool kept_pattern_covers(const struct tags *tags, struct bytes url, uint64_t sequence)
{
	uint64_t kept = tags->pattern_count < PATTERNS_KEPT ? tags->pattern_count : PATTERNS_KEPT;
	size_t newer = 0;

	for (size_t i = 0; i < kept; i++) {
		const struct kept_pattern *pattern = &tags->patterns[i];
		struct url_pattern is = {{pattern->text, pattern->len}, pattern->is_glob};

		if (pattern->number <= sequence)
			continue;
		newer++;
		if (url_pattern_matches(&is, url))
			return true;
	}
	/* All that are kept are newer: there may have been others. */
	return newer == PATTERNS_KEPT;
}

bool tags_pattern_since(struct tags *tags, struct bytes url, uint64_t sequence)
{
	bool is_covered;

	/* Nearly always: no purge by pattern while the fetch was under way. */
	if (atomic_load_explicit(&tags->pattern_sequence, memory_order_acquire) <= sequence)
		return false;
	pthread_mutex_lock(&tags->lock);
	is_covered = kept_pattern_covers(tags, url, sequence);
	pthread_mutex_unlock(&tags->lock);
	return is_covered;
}
