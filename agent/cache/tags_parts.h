/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the tags, shared by tags.c (nodes) and tags_purge.c (purges); nobody else includes it. */
#ifndef CACHE_TAGS_PARTS_H
#define CACHE_TAGS_PARTS_H

#include <pthread.h>

#include "cache/tags.h"

#define RECENT_SETS  2048 /* a power of two */
#define RECENT_WAYS  4
#define NODES_A_SLAB 128

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

/*
 * The latest purges of ids that fall into one set. What had to give way is remembered as one
 * number: of ids that are not there nobody knows whether they were purged up to then.
 */
struct recent {
	uint64_t forgotten;
	uint64_t id[RECENT_WAYS];
	uint64_t number[RECENT_WAYS]; /* 0: never */
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
	struct recent recent[RECENT_SETS];
	struct kept_pattern patterns[PATTERNS_KEPT]; /* a ring */
	uint64_t pattern_count;

	struct tag_node **buckets;
	uint64_t bucket_mask;
	struct slab *slabs;
	struct tag_node *free;
	uint32_t count;
	uint32_t max;
};

/* The node of id; NULL: nobody has it. Under the lock. */
struct tag_node *tags_find(struct tags *tags, struct tag_id id);

/* When id was purged last, or, if that is not known any more, when it may have been. Under the lock. */
uint64_t tags_recent_number(struct tags *tags, struct tag_id id);

#endif
