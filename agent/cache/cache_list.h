/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is stored, for who wants to see it: all of one URL, and what is asked for most.
 *
 * An entry holds its response, which can be read for as long as that is so: its key, head and
 * lifetime are in object.h. Both walk all there is, a few objects under one hold of a lock; what
 * comes or goes meanwhile may be missed. From any thread.
 */
#ifndef CACHE_CACHE_LIST_H
#define CACHE_CACHE_LIST_H

#include "cache/cache_store.h"

struct cache_entry {
	struct cache_object *object; /* held */
	uint32_t hits;
	bool is_soft_purged;
};

struct cache_list {
	struct cache_entry *at; /* the caller's: room for max */
	size_t max;
	size_t count;
	uint64_t met; /* how many there were, also beyond max */
};

/*
 * Fill an empty list with the responses stored under url, as it begins a key: every variant, every
 * value of the route's dimensions; the most recent first.
 */
void cache_list_url(struct cache_store *store, struct bytes url, struct cache_list *list);

/* The same with those that were found most often, these first. */
void cache_list_top(struct cache_store *store, struct cache_list *list);

/* Let go of what the list holds; it is empty afterwards. */
void cache_list_release(struct cache_store *store, struct cache_list *list);

#endif
