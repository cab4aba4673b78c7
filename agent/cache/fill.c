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

static size_t cost_of(const struct fill *fill)
{
	return budget_cost(sizeof(*fill) + fill->key.whole.len);
}

void fill_unref(struct fill *fill)
{
	struct cache_store *store = fill->store;
	size_t cost = cost_of(fill);

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
	bool is_overtaken;
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
	is_overtaken = fill_is_overtaken(fill);
	for (struct fill_waiter *waiter = fill->waiters; waiter; waiter = waiter->next) {
		content_reader_begin(&waiter->reader, body);
		waiter->is_late = is_overtaken && waiter->sequence > fill->sequence;
	}
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
	else
		(void)store_refuse(fill->store, fill->hash, verdict);
	fill_unregister(fill, 0);
	end(fill, FILL_DONE);
	return verdict;
}

void fill_fail(struct fill *fill, enum fill_failure why)
{
	if (fill->state == FILL_OPEN)
		(void)store_refuse(fill->store, fill->hash, STORE_INCOMPLETE);
	fill_unregister(fill, 0);
	pthread_mutex_lock(&fill->lock);
	fill->failure = why;
	pthread_mutex_unlock(&fill->lock);
	end(fill, FILL_FAILED);
}

void fill_release(struct fill *fill, bool remember, uint64_t now_ns)
{
	assert(fill->state == FILL_WAITING);
	fill_unregister(fill, remember ? now_ns + fill->store->config.refused_for_ns : 0);
	end(fill, FILL_RELEASED);
}
