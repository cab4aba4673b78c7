/* SPDX-License-Identifier: BSD-2-Clause */
/* Which fetches are under way: who begins one, who joins it, and when nobody can any more. */
#include <stdlib.h>

#include "cache/fill_parts.h"
#include "cache/vary.h"

/* Fetches of one key that others may join: more variants than that are not stored either. */
#define FILLS_A_KEY_MAX VARY_VARIANTS_MAX

static struct fill *fill_new(struct cache_store *store, const struct fill_request *req)
{
	const struct cache_key *key = req->query.key;
	size_t size = sizeof(struct fill) + key->whole.len;
	struct fill *fill;
	char *at;

	if (!store_take(store, budget_cost(size)))
		return NULL;
	fill = calloc(1, size);
	if (!fill) {
		budget_give(&store->budget, budget_cost(size));
		return NULL;
	}
	at = (char *)(fill + 1);
	memcpy(at, key->whole.at, key->whole.len);
	pthread_mutex_init(&fill->lock, NULL);
	atomic_init(&fill->refs, 1);
	fill->store = store;
	fill->hash = req->query.hash;
	fill->key = (struct cache_key){{at, key->whole.len}, key->url_len};
	fill->began_ns = req->now_ns;
	/* Before the request is sent: what is purged from now on overtakes the answer. */
	fill->sequence = cache_sequence(store);
	return fill;
}

/* Under the shard's lock. FITS: waiter, where there is one, now takes part. */
static enum fill_fit join(struct fill *fill, const struct fill_request *req,
			  struct fill_waiter *waiter)
{
	enum fill_fit fit;

	pthread_mutex_lock(&fill->lock);
	fit = fill_fits(fill, req);
	if (fit == FILL_FITS && waiter)
		fill_add_waiter(fill, waiter);
	pthread_mutex_unlock(&fill->lock);
	return fit;
}

static struct fill **bucket_of(struct shard *shard, uint64_t hash)
{
	return &shard->fills[hash % FILL_BUCKETS];
}

static bool is_of(const struct fill *fill, const struct cache_query *query)
{
	return fill->hash == query->hash && bytes_equal(fill->key.whole, query->key->whole);
}

/*
 * Under the shard's lock: the fetches of this key, one after the other. FITS: one was joined.
 * CLOSED: one that might have been joined could not, or there are too many to look through;
 * otherwise there is room for another.
 */
static enum fill_fit join_any(struct shard *shard, const struct fill_request *req,
			      struct fill_waiter *waiter)
{
	enum fill_fit all = FILL_OTHER_VARIANT;
	unsigned met = 0;

	for (struct fill *fill = *bucket_of(shard, req->query.hash); fill; fill = fill->next) {
		enum fill_fit fit;

		if (!is_of(fill, &req->query))
			continue;
		fit = join(fill, req, waiter);
		if (fit == FILL_FITS)
			return fit;
		if (fit == FILL_CLOSED || ++met == FILLS_A_KEY_MAX)
			all = FILL_CLOSED;
	}
	return all;
}

static struct refused_key *refused_of(struct shard *shard, uint64_t hash)
{
	return &shard->refused[(hash >> 8) % REFUSED_SLOTS];
}

static bool is_refused(struct shard *shard, const struct fill_request *req)
{
	const struct refused_key *refused = refused_of(shard, req->query.hash);

	/* A hash is enough here: mistaking one key for another costs a fetch, not an answer. */
	return refused->hash == req->query.hash && req->now_ns < refused->until_ns;
}

static void register_fill(struct shard *shard, struct fill *fill)
{
	struct fill **bucket = bucket_of(shard, fill->hash);

	fill->next = *bucket;
	*bucket = fill;
	fill->is_registered = true;
	atomic_fetch_add_explicit(&fill->refs, 1, memory_order_relaxed);
	shard->fill_count++;
}

/* Decide under the shard's lock what becomes of a request; fresh_fill is used by LEADS and ALONE. */
static enum fill_join decide(struct cache_store *store, struct shard *shard,
			     const struct fill_request *req, struct fill_waiter *waiter,
			     struct fill *fresh_fill, struct cache_object **dead)
{
	bool has_others = false;
	struct cache_object *stored = store_match(store, shard, &req->query, dead, &has_others);

	if (stored && stored != req->seen && !req->is_alone && !stored->is_soft_purged)
		return FILL_LOOK_AGAIN;
	if (req->is_alone || is_refused(shard, req))
		return FILL_ALONE;
	switch (join_any(shard, req, waiter)) {
	case FILL_FITS:
		return FILL_JOINED;
	case FILL_CLOSED:
		return waiter ? FILL_ALONE : FILL_JOINED;
	case FILL_OVERTAKEN:
	case FILL_OTHER_VARIANT:
		break;
	}
	register_fill(shard, fresh_fill);
	return FILL_LEADS;
}

enum fill_join fill_join(struct cache_store *store, const struct fill_request *req,
			 struct fill_waiter *waiter, struct fill **ret_fill)
{
	struct shard *shard = store_shard(store, req->query.hash);
	struct fill *fill = fill_new(store, req);
	struct cache_object *dead = NULL;
	enum fill_join result;

	if (!fill)
		return FILL_NO_MEMORY;
	pthread_mutex_lock(&shard->lock);
	result = decide(store, shard, req, waiter, fill, &dead);
	pthread_mutex_unlock(&shard->lock);
	store_release_list(store, dead);

	if (result == FILL_JOINED || result == FILL_LOOK_AGAIN) {
		fill_unref(fill);
		return result;
	}
	if (waiter) {
		pthread_mutex_lock(&fill->lock);
		fill_add_waiter(fill, waiter);
		pthread_mutex_unlock(&fill->lock);
	}
	*ret_fill = fill;
	return result;
}

void fill_unregister(struct fill *fill, uint64_t refuse_until_ns)
{
	struct shard *shard = store_shard(fill->store, fill->hash);
	struct fill **at = bucket_of(shard, fill->hash);
	bool was_registered;

	pthread_mutex_lock(&shard->lock);
	was_registered = fill->is_registered;
	if (was_registered) {
		while (*at != fill)
			at = &(*at)->next;
		*at = fill->next;
		fill->is_registered = false;
		shard->fill_count--;
	}
	if (refuse_until_ns)
		*refused_of(shard, fill->hash) = (struct refused_key){fill->hash, refuse_until_ns};
	pthread_mutex_unlock(&shard->lock);

	if (was_registered)
		fill_unref(fill);
}
