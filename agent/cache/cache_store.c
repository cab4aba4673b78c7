/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_store.h"

#include <stdlib.h>

#include "cache/store_parts.h"
#include "cache/vary.h"

uint64_t cache_sequence(const struct cache_store *store)
{
	return tags_sequence(store->tags);
}

uint64_t cache_hash(const struct cache_store *store, const struct cache_key *key)
{
	return siphash(&store->config.secret, key->whole);
}

/* The slow half of store_state(): something was purged since it was last looked at. */
static enum object_state judge_purges(struct cache_store *store, struct cache_object *object)
{
	struct tag_node *const *nodes = object_tags(object);

	if (tags_all_hard(store->tags) > object->sequence)
		return OBJECT_DEAD;
	if (tags_all_soft(store->tags) > object->sequence)
		object->is_soft_purged = true;
	for (size_t i = 0; i < object->tag_count; i++) {
		if (tag_node_hard(nodes[i]) > object->sequence)
			return OBJECT_DEAD;
		if (tag_node_soft(nodes[i]) > object->sequence)
			object->is_soft_purged = true;
	}
	return OBJECT_LIVE;
}

enum object_state store_state(struct cache_store *store, struct cache_object *object)
{
	/* Read before the tags: what is purged in between is looked at again next time. */
	uint64_t sequence = tags_sequence(store->tags);

	if (object->checked_sequence != sequence) {
		if (judge_purges(store, object) == OBJECT_DEAD)
			return OBJECT_DEAD;
		object->checked_sequence = sequence;
	}
	return object->is_soft_purged ? OBJECT_SOFT : OBJECT_LIVE;
}

void store_unlist(struct shard *shard, struct cache_object *object)
{
	table_remove(&shard->table, object);
	s3fifo_remove(&shard->fifo, &object->link);
	object->is_listed = false;
}

void cache_release(struct cache_store *store, struct cache_object *object)
{
	if (!object || atomic_fetch_sub_explicit(&object->refs, 1, memory_order_acq_rel) != 1)
		return;
	tags_release(store->tags, object_tags(object), object->tag_count);
	budget_give(&store->budget, budget_cost(object_free(object)));
}

void store_release_list(struct cache_store *store, struct cache_object *list)
{
	while (list) {
		struct cache_object *next = list->next;

		cache_release(store, list);
		list = next;
	}
}

static bool is_same_key(const struct cache_object *object, const struct cache_query *query)
{
	return object->link.hash == query->hash && object->url_len == query->key->url_len &&
	       bytes_equal(object_key(object), query->key->whole);
}

struct cache_object *store_match(struct cache_store *store, struct shard *shard,
				 const struct cache_query *query, struct cache_object **dead,
				 bool *ret_others)
{
	struct cache_object *best = NULL, *next;

	for (struct cache_object *object = table_chain(&shard->table, query->hash); object;
	     object = next) {
		next = object->next;
		if (!is_same_key(object, query))
			continue;
		if (store_state(store, object) == OBJECT_DEAD) {
			store_unlist(shard, object);
			shard->purged++;
			object->next = *dead;
			*dead = object;
			continue;
		}
		if (object->selector_len &&
		    !vary_matches(object_selector(object), query->request)) {
			*ret_others = true;
			continue;
		}
		/* RFC 9111 section 4: the most recent of those that match. */
		if (!best || object->stored_ns >= best->stored_ns)
			best = object;
	}
	return best;
}

struct cache_found cache_find(struct cache_store *store, const struct cache_query *query)
{
	struct shard *shard = store_shard(store, query->hash);
	struct cache_found found = {0};
	struct cache_object *dead = NULL;

	pthread_mutex_lock(&shard->lock);
	found.object = store_match(store, shard, query, &dead, &found.has_other_variants);
	if (found.object) {
		atomic_fetch_add_explicit(&found.object->refs, 1, memory_order_relaxed);
		s3fifo_touch(&found.object->link);
		found.object->hits += found.object->hits < UINT32_MAX;
		found.is_soft_purged = found.object->is_soft_purged;
		found.is_hot = found.object->link.asked > 1;
	}
	pthread_mutex_unlock(&shard->lock);

	store_release_list(store, dead);
	return found;
}

struct tag_id store_url_id(const struct cache_store *store, struct bytes url)
{
	return tag_id_of(store->tags, TAG_URL, (struct bytes){NULL, 0}, url);
}

static bool was_all_purged(const struct cache_store *store, uint64_t sequence)
{
	return tags_all_hard(store->tags) > sequence || tags_all_soft(store->tags) > sequence;
}

static bool was_url_purged(struct cache_store *store, struct bytes url, uint64_t sequence)
{
	return tags_purged_since(store->tags, store_url_id(store, url), sequence) ||
	       tags_pattern_since(store->tags, url, sequence);
}

bool store_was_purged(struct cache_store *store, const struct covered *covered, uint64_t sequence)
{
	if (tags_sequence(store->tags) == sequence)
		return false;
	for (size_t i = 0; i < covered->tag_count; i++)
		if (tags_purged_since(store->tags, covered->tags[i], sequence))
			return true;
	return was_all_purged(store, sequence) || was_url_purged(store, covered->url, sequence);
}

/*
 * Whether any purge since its fetch began covers what is about to be stored. Its tags are held,
 * so their nodes know. Under the shard's lock.
 */
static bool is_overtaken(struct cache_store *store, struct cache_object *object)
{
	struct tag_node *const *nodes = object_tags(object);

	if (tags_sequence(store->tags) == object->sequence)
		return false;
	for (size_t i = 0; i < object->tag_count; i++)
		if (tag_node_hard(nodes[i]) > object->sequence ||
		    tag_node_soft(nodes[i]) > object->sequence)
			return true;
	return was_all_purged(store, object->sequence) ||
	       was_url_purged(store, object_url(object), object->sequence);
}

/* What stands where a new object is to go. */
struct place_found {
	struct cache_object *same;    /* same key and selector */
	struct cache_object *expired; /* another variant whose lifetime is over */
	unsigned variants;
};

static struct place_found find_place(struct shard *shard, const struct cache_object *object)
{
	struct place_found found = {0};

	for (struct cache_object *at = table_chain(&shard->table, object->link.hash); at;
	     at = at->next) {
		if (at->link.hash != object->link.hash ||
		    !bytes_equal(object_key(at), object_key(object)))
			continue;
		found.variants++;
		if (bytes_equal(object_selector(at), object_selector(object)))
			found.same = at;
		else if (freshness_age_s(&at->fresh, object->stored_ns) >= at->fresh.lifetime_s)
			found.expired = at;
	}
	return found;
}

/* A popular response stays popular when it is fetched anew. */
static void list(struct shard *shard, struct cache_object *object, struct cache_object *replaced)
{
	if (replaced) {
		table_remove(&shard->table, replaced);
		s3fifo_replace(&shard->fifo, &replaced->link, &object->link);
		replaced->is_listed = false;
		object->hits = replaced->hits;
	} else {
		s3fifo_insert(&shard->fifo, &object->link);
	}
	table_insert(&shard->table, object);
	object->is_listed = true;
}

/* Put object in the table, or say why not. *ret_replaced is unlisted and the caller's to release. */
static enum store_verdict insert(struct cache_store *store, struct cache_object *object,
				 struct cache_object **ret_replaced)
{
	struct shard *shard = store_shard(store, object->link.hash);
	enum store_verdict verdict = STORE_YES;
	struct place_found place;

	pthread_mutex_lock(&shard->lock);
	place = find_place(shard, object);
	if (!place.same && place.variants >= VARY_VARIANTS_MAX) {
		place.same = place.expired;
		if (!place.same)
			verdict = STORE_TOO_MANY_VARIANTS;
	}
	if (is_overtaken(store, object))
		verdict = STORE_OVERTAKEN;
	if (verdict == STORE_YES) {
		*ret_replaced = place.same;
		list(shard, object, place.same);
	}
	shard->verdict[verdict]++;
	pthread_mutex_unlock(&shard->lock);
	return verdict;
}

enum store_verdict store_refuse(struct cache_store *store, uint64_t hash,
				enum store_verdict verdict)
{
	struct shard *shard = store_shard(store, hash);

	pthread_mutex_lock(&shard->lock);
	shard->verdict[verdict]++;
	pthread_mutex_unlock(&shard->lock);
	return verdict;
}

/* Memory for an object, and the object in it. */
static struct cache_object *make_object(struct cache_store *store, const struct object_parts *parts,
					size_t tag_count)
{
	size_t cost = budget_cost(object_size(parts, tag_count));
	struct cache_object *object;

	if (!store_take(store, cost))
		return NULL;
	object = object_new(parts, tag_count);
	if (!object)
		budget_give(&store->budget, cost);
	return object;
}

static enum store_verdict put_with(struct cache_store *store, struct cache_object *object,
				   uint64_t hash)
{
	struct cache_object *replaced = NULL;
	enum store_verdict verdict;

	object->link.hash = hash;
	verdict = insert(store, object, &replaced);
	cache_release(store, replaced);
	if (verdict != STORE_YES)
		cache_release(store, object);
	return verdict;
}

enum store_verdict cache_put(struct cache_store *store, const struct object_parts *parts,
			     const struct tag_list *tags)
{
	uint64_t hash = cache_hash(store, &parts->key);
	struct tag_id ids[TAGS_PER_RESPONSE_MAX + 1];
	struct tag_node *nodes[TAGS_PER_RESPONSE_MAX + 1];
	size_t count = tags ? tags->count : 0;
	struct cache_object *object;
	uint64_t len = parts->body ? content_len(parts->body) : parts->content.len;

	if (len > store->config.object_max)
		return store_refuse(store, hash, STORE_TOO_LARGE);
	if (tags && tags->is_cut)
		return store_refuse(store, hash, STORE_TOO_MANY_TAGS);
	if (count)
		memcpy(ids, tags->id, count * sizeof(*ids));
	if (parts->key.whole.len > parts->key.url_len)
		ids[count++] = store_url_id(store, cache_key_url(&parts->key));
	if (tags_hold(store->tags, ids, count, nodes))
		return store_refuse(store, hash, STORE_TOO_MANY_TAGS);

	object = make_object(store, parts, count);
	if (!object) {
		tags_release(store->tags, nodes, count);
		return store_refuse(store, hash, STORE_NO_SPACE);
	}
	if (count)
		memcpy(object_tags(object), nodes, count * sizeof(*nodes));
	return put_with(store, object, hash);
}

enum store_verdict cache_update(struct cache_store *store, const struct cache_object *object,
				const struct object_parts *news, const struct tag_list *tags)
{
	struct object_parts parts = *news;
	struct tag_list own = {0};

	parts.key = (struct cache_key){object_key(object), object->url_len};
	parts.selector = object_selector(object);
	parts.status = object->status;
	parts.body = object->body;
	parts.content = object_inline_body(object);
	if (!tags) {
		/* The last one of a key with dimensions is the URL's: cache_put() adds it again. */
		own.count = object->tag_count - (object->key_len > object->url_len);
		for (size_t i = 0; i < own.count; i++)
			own.id[i] = tag_node_id(object_tags(object)[i]);
		tags = &own;
	}
	return cache_put(store, &parts, tags);
}
