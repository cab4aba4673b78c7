/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_list.h"

/* Which of two is the first to go where there is no room for both. */
typedef bool goes_first_fn(const struct cache_entry *a, const struct cache_entry *b);

struct choice {
	struct cache_store *store;
	struct cache_list *list; /* a heap whose first is the first to go */
	goes_first_fn *goes_first;
	struct bytes url; /* at NULL: any */
};

static bool is_older(const struct cache_entry *a, const struct cache_entry *b)
{
	return a->object->stored_ns < b->object->stored_ns;
}

static bool is_rarer(const struct cache_entry *a, const struct cache_entry *b)
{
	return a->hits < b->hits;
}

static void swap(struct cache_entry *a, struct cache_entry *b)
{
	struct cache_entry kept = *a;

	*a = *b;
	*b = kept;
}

static void rise(const struct choice *choice, size_t i)
{
	struct cache_entry *at = choice->list->at;

	for (; i > 0 && choice->goes_first(&at[i], &at[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&at[i], &at[(i - 1) / 2]);
}

/* The first one, of count, was replaced. */
static void sink(const struct choice *choice, size_t count)
{
	struct cache_entry *at = choice->list->at;
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= count)
			return;
		if (child + 1 < count && choice->goes_first(&at[child + 1], &at[child]))
			child++;
		if (!choice->goes_first(&at[child], &at[i]))
			return;
		swap(&at[child], &at[i]);
		i = child;
	}
}

/* Under a shard's lock. */
static void consider(void *context, const struct cache_object *object)
{
	const struct choice *choice = context;
	struct cache_list *list = choice->list;
	struct cache_entry entry = {(struct cache_object *)object, object->hits,
				    object->is_soft_purged};

	if (choice->url.at && !bytes_equal(object_url(object), choice->url))
		return;
	list->met++;
	if (list->count < list->max) {
		object_hold(entry.object);
		list->at[list->count++] = entry;
		rise(choice, list->count - 1);
	} else if (list->max && choice->goes_first(&list->at[0], &entry)) {
		object_hold(entry.object);
		cache_release(choice->store, list->at[0].object); /* takes no shard's lock */
		list->at[0] = entry;
		sink(choice, list->count);
	}
}

static void choose(const struct choice *choice)
{
	struct cache_list *list = choice->list;

	list->count = 0;
	list->met = 0;
	cache_each(choice->store, consider, (void *)choice);
	/* Whoever is the first to go goes to the end, and so on. */
	for (size_t left = list->count; left > 1; left--) {
		swap(&list->at[0], &list->at[left - 1]);
		sink(choice, left - 1);
	}
}

void cache_list_url(struct cache_store *store, struct bytes url, struct cache_list *list)
{
	const struct choice choice = {store, list, is_older, url};

	choose(&choice);
}

void cache_list_top(struct cache_store *store, struct cache_list *list)
{
	const struct choice choice = {store, list, is_rarer, {NULL, 0}};

	choose(&choice);
}

void cache_list_release(struct cache_store *store, struct cache_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		cache_release(store, list->at[i].object);
	list->count = 0;
}
