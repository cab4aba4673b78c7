/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/fill_parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static bool take_memory(void *store, size_t bytes)
{
	return store_take(store, bytes);
}

static void give_memory(void *context, size_t bytes)
{
	struct cache_store *store = context;

	budget_give(&store->budget, bytes);
}

static size_t fill_cost(const struct fill *fill)
{
	return budget_cost(sizeof(*fill) + fill->key.whole.len);
}

void fill_unref(struct fill *fill)
{
	struct cache_store *store = fill->store;
	size_t cost = fill_cost(fill);

	if (atomic_fetch_sub_explicit(&fill->refs, 1, memory_order_acq_rel) != 1)
		return;
	content_release(fill->parts.body);
	if (fill->bytes)
		budget_give(&store->budget, budget_cost(fill->bytes_len));
	free(fill->bytes);
	pthread_mutex_destroy(&fill->lock);
	free(fill);
	budget_give(&store->budget, cost);
}

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

/* Under the shard's lock. Returns whether waiter now takes part. */
static bool join(struct fill *fill, const struct fill_request *req, struct fill_waiter *waiter)
{
	bool joins;

	pthread_mutex_lock(&fill->lock);
	joins = fill_may_join(fill, req);
	if (joins)
		fill_add_waiter(fill, waiter);
	pthread_mutex_unlock(&fill->lock);
	return joins;
}

static struct fill **bucket_of(struct shard *shard, uint64_t hash)
{
	return &shard->fills[hash % FILL_BUCKETS];
}

static struct fill *find(struct shard *shard, const struct cache_query *query)
{
	struct fill *fill = *bucket_of(shard, query->hash);

	while (fill &&
	       !(fill->hash == query->hash && bytes_equal(fill->key.whole, query->key->whole)))
		fill = fill->next;
	return fill;
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
	struct fill *other = find(shard, &req->query);
	bool has_others = false;
	struct cache_object *stored = store_match(store, shard, &req->query, dead, &has_others);

	if (stored && stored != req->seen && !req->is_alone && !stored->is_soft_purged)
		return FILL_LOOK_AGAIN;
	if (req->is_alone || is_refused(shard, req))
		return FILL_ALONE;
	if (other)
		return waiter && join(other, req, waiter) ? FILL_JOINED : FILL_ALONE;
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

/* Nobody can join from now on. */
static void unregister(struct fill *fill, uint64_t refuse_until_ns)
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

static int copy_head(struct fill *fill, const struct fill_answer *answer)
{
	struct bytes selector = answer->parts.selector, head = answer->parts.head;
	size_t len = selector.len + head.len;

	if (!store_take(fill->store, budget_cost(len)))
		return -ENOSPC;
	fill->bytes = malloc(len ? len : 1);
	if (!fill->bytes) {
		budget_give(&fill->store->budget, budget_cost(len));
		return -ENOMEM;
	}
	fill->bytes_len = len;
	if (selector.len)
		memcpy(fill->bytes, selector.at, selector.len);
	if (head.len)
		memcpy(fill->bytes + selector.len, head.at, head.len);
	return 0;
}

/* The answer's parts, as they are in memory of the fill's own. */
static struct object_parts own_parts(const struct fill *fill, const struct fill_answer *answer,
				     struct content *body)
{
	struct object_parts parts = answer->parts;

	parts.key = fill->key;
	parts.sequence = fill->sequence;
	parts.body = body;
	parts.content = (struct bytes){NULL, 0};
	parts.selector.at = fill->bytes;
	parts.head.at = fill->bytes + parts.selector.len;
	if (parts.etag.len)
		parts.etag.at = parts.head.at + (answer->parts.etag.at - answer->parts.head.at);
	return parts;
}

int fill_publish(struct fill *fill, const struct fill_answer *answer)
{
	const struct content_memory memory = {take_memory, give_memory, fill->store};
	struct content *body = NULL;
	int err;

	assert(fill->state == FILL_WAITING && !fill->bytes);
	err = copy_head(fill, answer);
	if (err)
		return err;
	err = content_new(&memory, &body);
	if (err)
		return err;

	pthread_mutex_lock(&fill->lock);
	fill->parts = own_parts(fill, answer, body);
	fill->tags = answer->tags;
	fill->verdict = answer->may_store ? STORE_YES : STORE_NO_STORE;
	for (struct fill_waiter *waiter = fill->waiters; waiter; waiter = waiter->next)
		content_reader_begin(&waiter->reader, body);
	fill->state = FILL_OPEN;
	fill_wake_all(fill);
	pthread_mutex_unlock(&fill->lock);
	return 0;
}

void fill_on_drained(struct fill *fill, fill_drained_fn *drained, void *context)
{
	pthread_mutex_lock(&fill->lock);
	fill->drained = drained;
	fill->drained_context = context;
	pthread_mutex_unlock(&fill->lock);
}

/* From now on it is streamed past, not kept. */
static void go_past(struct fill *fill, enum store_verdict why)
{
	pthread_mutex_lock(&fill->lock);
	if (!fill->is_past)
		content_let_go(fill->parts.body);
	fill->is_past = true;
	if (fill->verdict == STORE_YES)
		fill->verdict = why;
	pthread_mutex_unlock(&fill->lock);
}

static void wake_readers(struct fill *fill)
{
	pthread_mutex_lock(&fill->lock);
	fill_wake_all(fill);
	pthread_mutex_unlock(&fill->lock);
}

/* Take what fits; if not all does, say so before trying once more: a reader may move in between. */
static size_t append_or_stall(struct fill *fill, struct bytes more)
{
	uint64_t window = fill->store->config.window;
	size_t taken = content_append(fill->parts.body, more, window);

	if (taken == more.len)
		return taken;
	pthread_mutex_lock(&fill->lock);
	fill->is_stalled = true;
	pthread_mutex_unlock(&fill->lock);
	more = (struct bytes){more.at + taken, more.len - taken};
	return taken + content_append(fill->parts.body, more, window);
}

/* Whether waiting for readers can make room. */
static bool somebody_reads(struct fill *fill)
{
	bool is_slower;

	pthread_mutex_lock(&fill->lock);
	is_slower = fill_has_slower_reader(fill);
	pthread_mutex_unlock(&fill->lock);
	return is_slower;
}

ssize_t fill_append(struct fill *fill, struct bytes more)
{
	size_t taken = 0;

	if (!fill->is_past &&
	    content_len(fill->parts.body) + more.len > fill->store->config.object_max)
		go_past(fill, STORE_TOO_LARGE);
	if (!fill->is_past) {
		taken = content_append(fill->parts.body, more, UINT64_MAX);
		if (taken < more.len)
			go_past(fill, STORE_NO_SPACE);
	}
	if (taken < more.len)
		taken += append_or_stall(fill, (struct bytes){more.at + taken, more.len - taken});

	if (taken)
		wake_readers(fill);
	else if (more.len && !somebody_reads(fill))
		return -ENOSPC;
	return (ssize_t)taken;
}

bool fill_is_wanted(struct fill *fill)
{
	bool is_wanted;

	pthread_mutex_lock(&fill->lock);
	is_wanted = fill->waiters || fill->state == FILL_WAITING ||
		    (fill->verdict == STORE_YES && !fill->is_past);
	pthread_mutex_unlock(&fill->lock);
	return is_wanted;
}

/* The owner's last step. */
static void end(struct fill *fill, enum fill_state state)
{
	pthread_mutex_lock(&fill->lock);
	fill->state = state;
	fill->drained = NULL;
	fill_wake_all(fill);
	pthread_mutex_unlock(&fill->lock);
	fill_unref(fill);
}

enum store_verdict fill_finish(struct fill *fill)
{
	enum store_verdict verdict = fill->verdict;

	/* Stored before it is no longer found here: there is no moment without either. */
	if (verdict == STORE_YES)
		verdict = cache_put(fill->store, &fill->parts, &fill->tags);
	unregister(fill, 0);
	end(fill, FILL_DONE);
	return verdict;
}

void fill_fail(struct fill *fill)
{
	unregister(fill, 0);
	end(fill, FILL_FAILED);
}

void fill_release(struct fill *fill, bool remember, uint64_t now_ns)
{
	assert(fill->state == FILL_WAITING);
	unregister(fill, remember ? now_ns + fill->store->config.refused_for_ns : 0);
	end(fill, FILL_RELEASED);
}
