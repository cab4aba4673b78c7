/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges, and the walks over all objects. */
#include <errno.h>

#include "cache/store_parts.h"

struct tag_id cache_tag_id(const struct cache_store *store, enum tag_kind kind, struct bytes scope,
			   struct bytes name)
{
	return tag_id_of(store->tags, kind, scope, name);
}

void cache_tags_add(struct cache_store *store, enum tag_kind kind, struct bytes scope,
		    struct bytes name, struct tag_list *tags)
{
	struct tag_id id;

	if (!name.len || name.len > TAG_LEN_MAX)
		return;
	id = tag_id_of(store->tags, kind, scope, name);
	for (size_t i = 0; i < tags->count; i++)
		if (!memcmp(&tags->id[i], &id, sizeof(id)))
			return;
	if (tags->count == TAGS_PER_RESPONSE_MAX)
		tags->is_cut = true;
	else
		tags->id[tags->count++] = id;
}

static bool ends_tag(char c, bool by_comma)
{
	return by_comma ? c == ',' : c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes text)
{
	while (text.len && (text.at[0] == ' ' || text.at[0] == '\t'))
		text = (struct bytes){text.at + 1, text.len - 1};
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

void cache_tags_split(struct cache_store *store, struct bytes value, bool by_comma,
		      struct tag_list *tags)
{
	const struct bytes no_scope = {NULL, 0};
	size_t start = 0;

	for (size_t i = 0; i <= value.len && !tags->is_cut; i++) {
		if (i < value.len && !ends_tag(value.at[i], by_comma))
			continue;
		cache_tags_add(store, TAG_NAMED, no_scope,
			       trim((struct bytes){value.at + start, i - start}), tags);
		start = i + 1;
	}
}

/* Hard: unlist and put on *gone. Soft: stale from now on. Under the lock. */
static void end(struct shard *shard, struct cache_object *object, enum purge_mode mode,
		struct cache_object **gone)
{
	switch (mode) {
	case PURGE_SOFT:
		object->is_soft_purged = true;
		return;
	case PURGE_HARD:
		store_unlist(shard, object);
		shard->purged++;
		object->next = *gone;
		*gone = object;
		return;
	}
}

void cache_make_stale(struct cache_store *store, struct cache_object *object)
{
	struct shard *shard = store_shard(store, object->link.hash);

	pthread_mutex_lock(&shard->lock);
	object->is_soft_purged = true;
	pthread_mutex_unlock(&shard->lock);
}

void cache_forget(struct cache_store *store, struct cache_object *object)
{
	const uint64_t hash = object->link.hash;
	struct shard *shard = store_shard(store, hash);
	struct cache_object *gone = NULL, *at;

	pthread_mutex_lock(&shard->lock);
	/* Another may have taken its place, or all may have been purged. */
	for (at = table_chain(&shard->table, hash); at && at != object; at = at->next)
		;
	if (at)
		end(shard, object, PURGE_HARD, &gone);
	pthread_mutex_unlock(&shard->lock);

	store_release_list(store, gone);
}

/* The number is taken first: a fetch under way is stopped by it, what is stored is met below. */
uint64_t cache_purge_url(struct cache_store *store, struct bytes url, enum purge_mode mode)
{
	struct cache_key key = {.whole = url, .url_len = url.len};
	uint64_t hash = cache_hash(store, &key), count = 0;
	struct shard *shard = store_shard(store, hash);
	struct cache_object *gone = NULL, *next;

	/* Keys with dimensions have the URL as a tag. */
	(void)tags_purge(store->tags, store_url_id(store, url), mode == PURGE_SOFT);

	pthread_mutex_lock(&shard->lock);
	for (struct cache_object *object = table_chain(&shard->table, hash); object;
	     object = next) {
		next = object->next;
		if (object->link.hash != hash || !bytes_equal(object_key(object), url))
			continue;
		end(shard, object, mode, &gone);
		count++;
	}
	pthread_mutex_unlock(&shard->lock);

	store_release_list(store, gone);
	return count;
}

void cache_purge_tag(struct cache_store *store, struct tag_id id, enum purge_mode mode)
{
	(void)tags_purge(store->tags, id, mode == PURGE_SOFT);
}

void cache_purge_all(struct cache_store *store, enum purge_mode mode)
{
	(void)tags_purge_all(store->tags, mode == PURGE_SOFT);
}

#define WALK_BUCKETS 64 /* under one hold of a lock: about as many objects */

/* What a walk does with each object. Under the lock; may unlist it and put it on *gone. */
struct walk {
	struct cache_store *store;
	void (*visit)(struct walk *walk, struct shard *shard, struct cache_object *object);
	struct cache_object *gone;
	const struct url_pattern *pattern;
	enum purge_mode mode;
	uint64_t count;
	cache_each_fn *each;
	void *context;
};

/* Visit buckets from first on, as many as one hold allows. Returns the next one; 0 at the end. */
static uint64_t walk_some(struct walk *walk, struct shard *shard, uint64_t first)
{
	uint64_t end_at, next;

	pthread_mutex_lock(&shard->lock);
	/* The table may grow meanwhile; what moves goes to buckets that are still to come. */
	end_at = first + WALK_BUCKETS < shard->table.buckets ? first + WALK_BUCKETS
							     : shard->table.buckets;
	next = end_at < shard->table.buckets ? end_at : 0;
	for (uint64_t i = first; i < end_at; i++) {
		struct cache_object *after;

		for (struct cache_object *object = *table_bucket(&shard->table, i); object;
		     object = after) {
			after = object->next;
			walk->visit(walk, shard, object);
		}
	}
	pthread_mutex_unlock(&shard->lock);

	store_release_list(walk->store, walk->gone);
	walk->gone = NULL;
	return next;
}

static void walk_all(struct walk *walk)
{
	for (uint32_t i = 0; i <= walk->store->shard_mask; i++) {
		uint64_t at = 0;

		do {
			at = walk_some(walk, &walk->store->shards[i], at);
		} while (at);
	}
}

static void end_if_covered(struct walk *walk, struct shard *shard, struct cache_object *object)
{
	if (!url_pattern_matches(walk->pattern, object_url(object)))
		return;
	walk->count++;
	end(shard, object, walk->mode, &walk->gone);
}

int cache_purge_pattern(struct cache_store *store, const struct url_pattern *pattern,
			enum purge_mode mode, uint64_t *ret_count)
{
	struct walk walk = {
		.store = store, .visit = end_if_covered, .pattern = pattern, .mode = mode};
	uint64_t number;
	int err = tags_purge_pattern(store->tags, pattern, &number);

	if (err)
		return err;
	walk_all(&walk);
	*ret_count = walk.count;
	return 0;
}

static void end_if_dead(struct walk *walk, struct shard *shard, struct cache_object *object)
{
	if (store_state(walk->store, object) != OBJECT_DEAD)
		return;
	walk->count++;
	end(shard, object, PURGE_HARD, &walk->gone);
}

/* The cursor is shard << 40 | bucket. */
uint64_t cache_sweep(struct cache_store *store, uint64_t *cursor, unsigned buckets)
{
	struct walk walk = {.store = store, .visit = end_if_dead};

	for (unsigned done = 0; done < buckets; done += WALK_BUCKETS) {
		uint64_t shard = (*cursor >> 40) & store->shard_mask;
		uint64_t next =
			walk_some(&walk, &store->shards[shard], *cursor & ((1ull << 40) - 1));

		*cursor = next ? shard << 40 | next : (shard + 1) << 40;
	}
	return walk.count;
}

static void show(struct walk *walk, struct shard *shard, struct cache_object *object)
{
	if (store_state(walk->store, object) != OBJECT_DEAD)
		walk->each(walk->context, object);
}

void cache_each(struct cache_store *store, cache_each_fn *each, void *context)
{
	struct walk walk = {.store = store, .visit = show, .each = each, .context = context};

	walk_all(&walk);
}
