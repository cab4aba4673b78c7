/* SPDX-License-Identifier: BSD-2-Clause */
/* Making room: what goes when the budget has no bytes left. */
#include "cache/store_parts.h"

static struct cache_object *object_of(const struct s3_link *link)
{
	return (struct cache_object *)((char *)link - offsetof(struct cache_object, link));
}

/* One look for something to evict. */
struct search {
	struct cache_store *store;
	bool met_unheld; /* something that could go, now or once it was spared often enough */
};

/* Only the table holds it: nobody else can begin to while the shard is locked. */
static enum s3_wish wish_of(void *context, const struct s3_link *link)
{
	struct search *search = context;
	struct cache_object *object = object_of(link);

	if (atomic_load_explicit(&object->refs, memory_order_acquire) != 1)
		return S3_SPARE;
	search->met_unheld = true;
	return store_state(search->store, object) == OBJECT_DEAD ? S3_GO : S3_JUDGE;
}

#define EVICT_AT_ONCE 16 /* objects, under one hold of a lock */

enum evict_result {
	EVICT_DONE,    /* something went */
	EVICT_SETTLED, /* what was met earned another round; looking on will find something */
	EVICT_HELD,    /* all that was met is held, or there was nothing */
};

/* Evict a few from one shard. */
static enum evict_result evict_some(struct cache_store *store, struct shard *shard)
{
	struct search search = {.store = store};
	const struct s3_chooser chooser = {.wish = wish_of, .context = &search};
	struct cache_object *gone = NULL;

	pthread_mutex_lock(&shard->lock);
	for (int i = 0; i < EVICT_AT_ONCE; i++) {
		struct s3_link *link = s3fifo_evict(&shard->fifo, &chooser);
		struct cache_object *object;

		if (!link)
			break;
		object = object_of(link);
		table_remove(&shard->table, object);
		object->is_listed = false;
		object->next = gone;
		gone = object;
		shard->evicted++;
	}
	pthread_mutex_unlock(&shard->lock);

	if (gone) {
		store_release_list(store, gone);
		return EVICT_DONE;
	}
	return search.met_unheld ? EVICT_SETTLED : EVICT_HELD;
}

/* Rounds over all shards without room: what is left is held, and waiting would not help. */
#define EVICT_ROUNDS 2
/* Looks in a row at what earned another round, S3_STEPS_MAX links each: when everything was hot until
 * now the queues settle over a few insertions, not during one. */
#define EVICT_SETTLED_MAX 1024

/* Evict until this much of budget fits and is taken. */
static bool take_evicting(struct cache_store *store, struct budget *budget, size_t bytes)
{
	uint32_t held_max = EVICT_ROUNDS * (store->shard_mask + 1), held = 0, settled = 0;

	while (!budget_take(budget, bytes)) {
		uint32_t turn =
			atomic_fetch_add_explicit(&store->evict_cursor, 1, memory_order_relaxed);

		switch (evict_some(store, &store->shards[turn & store->shard_mask])) {
		case EVICT_DONE:
			held = settled = 0;
			break;
		case EVICT_SETTLED:
			held = 0;
			settled++;
			break;
		case EVICT_HELD:
			held++;
			break;
		}
		if (held > held_max || settled > EVICT_SETTLED_MAX)
			return false;
	}
	return true;
}

bool store_take(struct cache_store *store, size_t bytes)
{
	/* What can never fit must not empty the cache on its way to being refused. */
	return bytes <= store->config.max_bytes - store->fixed_bytes &&
	       take_evicting(store, &store->budget, bytes);
}

bool cache_make_room(struct cache_store *store, size_t bytes)
{
	struct budget *total = store->config.total;

	if (!total || bytes > total->max)
		return !total;
	if (!take_evicting(store, total, bytes))
		return false;
	budget_give(total, bytes);
	return true;
}
