/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/table.h"

#include <errno.h>
#include <stdlib.h>

/* Segment 0 holds the first buckets, segment k as many as all segments before it. */
static unsigned segment_of(uint64_t index)
{
	uint64_t blocks = index / TABLE_FIRST_BUCKETS;

	return blocks ? 64 - (unsigned)__builtin_clzll(blocks) : 0;
}

static uint64_t segment_start(unsigned segment)
{
	return segment ? (uint64_t)TABLE_FIRST_BUCKETS << (segment - 1) : 0;
}

static uint64_t segment_len(unsigned segment)
{
	return segment ? segment_start(segment) : TABLE_FIRST_BUCKETS;
}

static int add_segment(struct table *table, unsigned segment)
{
	size_t bytes = segment_len(segment) * sizeof(struct cache_object *);

	if (!budget_take(table->budget, budget_cost(bytes)))
		return -ENOSPC;
	table->segment[segment] = calloc(1, bytes);
	if (table->segment[segment])
		return 0;
	budget_give(table->budget, budget_cost(bytes));
	return -ENOMEM;
}

int table_init(struct table *table, struct budget *budget)
{
	*table = (struct table){.budget = budget, .buckets = TABLE_FIRST_BUCKETS};
	return add_segment(table, 0);
}

void table_free(struct table *table)
{
	for (unsigned i = 0; i < TABLE_SEGMENTS && table->segment[i]; i++) {
		free(table->segment[i]);
		budget_give(table->budget,
			    budget_cost(segment_len(i) * sizeof(struct cache_object *)));
	}
	*table = (struct table){0};
}

struct cache_object **table_bucket(struct table *table, uint64_t index)
{
	unsigned segment = segment_of(index);

	return &table->segment[segment][index - segment_start(segment)];
}

/* The largest power of two not above the number of buckets. */
static uint64_t level_of(const struct table *table)
{
	return 1ull << (63 - __builtin_clzll(table->buckets));
}

static struct cache_object **bucket_of(struct table *table, uint64_t hash)
{
	uint64_t level = level_of(table);
	uint64_t index = hash & (2 * level - 1);

	/* Buckets that are not split yet still serve both halves. */
	return table_bucket(table, index < table->buckets ? index : index & (level - 1));
}

struct cache_object *table_chain(struct table *table, uint64_t hash)
{
	return *bucket_of(table, hash);
}

/* Add one bucket: what belongs there is in the bucket half as far. */
static void grow(struct table *table)
{
	uint64_t added = table->buckets, level = level_of(table);
	unsigned segment = segment_of(added);
	struct cache_object **from, **to;

	if (segment >= TABLE_SEGMENTS || (!table->segment[segment] && add_segment(table, segment)))
		return;
	from = table_bucket(table, added - level);
	to = table_bucket(table, added);
	table->buckets++;
	while (*from) {
		struct cache_object *object = *from;

		if ((object->link.hash & (2 * level - 1)) != added) {
			from = &object->next;
			continue;
		}
		*from = object->next;
		object->next = *to;
		*to = object;
	}
}

void table_insert(struct table *table, struct cache_object *object)
{
	struct cache_object **bucket;

	if (table->count >= table->buckets)
		grow(table);
	bucket = bucket_of(table, object->link.hash);
	object->next = *bucket;
	*bucket = object;
	table->count++;
}

void table_remove(struct table *table, struct cache_object *object)
{
	struct cache_object **at = bucket_of(table, object->link.hash);

	while (*at != object)
		at = &(*at)->next;
	*at = object->next;
	table->count--;
}
