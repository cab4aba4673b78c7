/* SPDX-License-Identifier: BSD-2-Clause */
/* The waiters' side of a fill. */
#include <assert.h>

#include "cache/fill_parts.h"
#include "cache/vary.h"

void fill_add_waiter(struct fill *fill, struct fill_waiter *waiter)
{
	waiter->fill = fill;
	waiter->is_woken = waiter->is_late = false;
	waiter->sequence = cache_sequence(fill->store);
	waiter->reader = (struct content_reader){0};
	waiter->next = fill->waiters;
	waiter->at = &fill->waiters;
	if (waiter->next)
		waiter->next->at = &waiter->next;
	fill->waiters = waiter;
	fill->waiter_count++;
	atomic_fetch_add_explicit(&fill->refs, 1, memory_order_relaxed);
	if (fill->parts.body)
		content_reader_begin(&waiter->reader, fill->parts.body);
}

void fill_wake_all(struct fill *fill)
{
	for (struct fill_waiter *waiter = fill->waiters; waiter; waiter = waiter->next) {
		if (waiter->is_woken)
			continue;
		waiter->is_woken = true;
		waiter->wake(waiter);
	}
}

bool fill_is_overtaken(const struct fill *fill)
{
	const struct covered covered = {cache_key_url(&fill->key), fill->tags.id, fill->tags.count};

	return store_was_purged(fill->store, &covered, fill->sequence);
}

enum fill_fit fill_fits(const struct fill *fill, const struct fill_request *req)
{
	if (fill_is_overtaken(fill))
		return FILL_OVERTAKEN;
	switch (fill->state) {
	case FILL_WAITING:
		if (req->now_ns > fill->began_ns &&
		    req->now_ns - fill->began_ns > req->join_within_ns)
			return FILL_CLOSED;
		break;
	case FILL_OPEN:
	case FILL_DONE:
		if (fill->is_past || !fill->parts.body)
			return FILL_CLOSED;
		if (!vary_matches(fill->parts.selector, req->query.request))
			return FILL_OTHER_VARIANT;
		break;
	case FILL_FAILED:
	case FILL_RELEASED:
		return FILL_CLOSED;
	}
	return fill->waiter_count < fill->store->config.waiters_max ? FILL_FITS : FILL_CLOSED;
}

bool fill_has_slower_reader(const struct fill *fill)
{
	uint64_t len = content_len(fill->parts.body);

	for (const struct fill_waiter *waiter = fill->waiters; waiter; waiter = waiter->next)
		if (waiter->reader.offset < len)
			return true;
	return false;
}

/* Memory was given back: the owner may have waited for it. Under the fill's lock. */
static void tell_owner(struct fill *fill)
{
	if (!fill->is_stalled)
		return;
	fill->is_stalled = false;
	if (fill->drained)
		fill->drained(fill->drained_context);
}

struct fill_view fill_look(struct fill_waiter *waiter)
{
	struct fill *fill = waiter->fill;
	struct fill_view view;

	pthread_mutex_lock(&fill->lock);
	waiter->is_woken = false;
	view = (struct fill_view){
		.state = fill->state,
		.is_past = fill->is_past,
		.is_late = waiter->is_late,
		.failure = fill->failure,
	};
	if (fill->parts.body) {
		view.parts = &fill->parts;
		view.body_len = content_len(fill->parts.body);
	}
	pthread_mutex_unlock(&fill->lock);
	return view;
}

int fill_slices(struct fill_waiter *waiter, struct iovec *iov, int count)
{
	return content_reader_slices(&waiter->reader, iov, count);
}

void fill_advance(struct fill_waiter *waiter, uint64_t bytes)
{
	struct fill *fill = waiter->fill;

	/* Under the lock: the owner compares how far readers are. */
	pthread_mutex_lock(&fill->lock);
	content_reader_advance(&waiter->reader, bytes);
	tell_owner(fill);
	pthread_mutex_unlock(&fill->lock);
}

bool fill_is_read(const struct fill_waiter *waiter, const struct fill_view *view)
{
	return view->state == FILL_DONE && waiter->reader.offset == view->body_len;
}

void fill_leave(struct fill_waiter *waiter)
{
	struct fill *fill = waiter->fill;

	if (!fill)
		return;
	pthread_mutex_lock(&fill->lock);
	*waiter->at = waiter->next;
	if (waiter->next)
		waiter->next->at = waiter->at;
	fill->waiter_count--;
	content_reader_end(&waiter->reader);
	tell_owner(fill);
	pthread_mutex_unlock(&fill->lock);

	waiter->fill = NULL;
	fill_unref(fill);
}
