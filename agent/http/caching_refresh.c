/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fetches without a client: what is sent stale, or is about to be, is fetched anew by an exchange
 * of its own, on a connection that has no socket. It goes the way of one whose client has gone.
 */
#include "http/caching.h"
#include "http/exchange.h"
#include "http/http_parts.h"

/* A connection whose input is a head that has been read before. NULL: no memory. */
static struct conn *open_unasked(const struct conn *like, struct bytes head)
{
	struct worker *worker = like->worker;
	struct conn *conn = memory_object(&worker->memory, sizeof(*conn));

	if (!conn)
		return NULL;
	if (!held_add(&conn->in, &worker->memory, head)) {
		memory_give_object(&worker->memory, conn, sizeof(*conn));
		return NULL;
	}
	conn->worker = worker;
	conn->peer = like->peer;
	conn->input = held_bytes(&conn->in);
	conn->wire.fd = -1;
	conn->wire.is_broken = true;
	conn->state = CONN_LEFT;
	conn->is_refresh = true;
	conn->poll.ready = conn_ready;
	conn->timer.expired = conn_expired;
	list_append(&worker->conns, &conn->link);
	worker->refreshes++;
	return conn;
}

/* Take the fetch of the key, unless somebody has it. */
static bool take_fetch(struct exchange *x, const struct cache_query *query,
		       struct cache_object *object)
{
	struct cache_store *store = x->worker->http->cache;
	struct caching *c = &x->cache;
	const struct fill_request req = {
		.query = *query,
		.seen = object,
		.now_ns = x->worker->now_ns,
		.join_within_ns = UINT64_MAX,
	};

	c->sequence = cache_sequence(store);
	switch (fill_join(store, &req, NULL, &c->fill)) {
	case FILL_LEADS:
	case FILL_ALONE:
		break;
	case FILL_JOINED:
	case FILL_LOOK_AGAIN: /* it is there already */
	case FILL_NO_MEMORY:
		return false;
	}
	caching_own_fill(x);
	c->object = object_hold(object);
	c->has_claim = c->takes_part = c->is_left = true;
	c->revalidates = object->etag_len || object->has_last_modified;
	return true;
}

bool caching_refresh(struct exchange *like, const struct cache_query *query,
		     struct cache_object *object)
{
	struct worker *worker = like->worker;
	struct exchange *x = NULL;
	struct conn *conn;

	if (worker->is_draining || worker->refreshes >= REFRESHES_MAX)
		return false;
	conn = open_unasked(like->conn, (struct bytes){like->conn->input.at, like->head_len});
	if (conn)
		x = exchange_begin_refresh(conn, like);
	if (!x || !take_fetch(x, query, object)) {
		if (conn)
			conn_close(conn);
		return false;
	}
	count(&worker->counters.cache_refreshes);
	/* In a turn of its own: scratch is the client's until this one ends. */
	worker_turn(worker, &conn->poll);
	return true;
}

void caching_end_refreshes(struct worker *worker)
{
	struct list *link = worker->conns.next;

	while (link != &worker->conns) {
		struct conn *conn = list_owner(link, struct conn, link);

		link = link->next;
		if (conn->is_refresh)
			conn_close(conn);
	}
}
