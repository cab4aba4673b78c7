/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects by hash: linear hashing (Litwin, 1980). Each insertion splits one bucket, so that the
 * table grows with what it holds and no single insertion moves more than one bucket's objects.
 *
 * It never shrinks: a walk by bucket number then meets every object that was there when it
 * began. Buckets lie in segments, each as large as all before it; their memory comes from the
 * store's budget, and where there is none the chains get longer and nothing else happens.
 *
 * Knows hashes only. One lock of the caller's covers all calls.
 */
#ifndef CACHE_TABLE_H
#define CACHE_TABLE_H

#include <stdint.h>

#include "cache/budget.h"
#include "cache/object.h"

#define TABLE_FIRST_BUCKETS 64 /* a power of two */
#define TABLE_SEGMENTS	    26 /* 2^31 buckets: more than the budget of any machine holds */

struct table {
	struct budget *budget;
	struct cache_object **segment[TABLE_SEGMENTS];
	uint64_t buckets; /* in use */
	uint64_t count;	  /* objects */
};

/* Returns 0, -ENOMEM or -ENOSPC. */
int table_init(struct table *table, struct budget *budget);
/* Free the buckets; they hold no objects any more, or objects that are none of the table's business. */
void table_free(struct table *table);

/* The head of bucket index, which is below table->buckets: for walks and evictions. */
struct cache_object **table_bucket(struct table *table, uint64_t index);

/* The chain in which objects of this hash are, followed by object->next. */
struct cache_object *table_chain(struct table *table, uint64_t hash);

/* link.hash is set. */
void table_insert(struct table *table, struct cache_object *object);
/* It is in the table. */
void table_remove(struct table *table, struct cache_object *object);

#endif
