/* SPDX-License-Identifier: BSD-2-Clause */
/* What the plane tells its threads: take a plan, drain, stop. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "http/caching.h"
#include "http/conn.h"
#include "http/http_parts.h"
#include "http/listener.h"

enum order_kind { ORDER_PLAN, ORDER_DRAIN, ORDER_STOP };

struct order {
	struct letter letter;
	enum order_kind kind;
	struct plan *plan; /* of ORDER_PLAN: with a reference */
	uint64_t deadline_ns;
	size_t socket_count;
	struct http_socket sockets[];
};

static void close_listeners(struct worker *worker, bool also_named)
{
	struct list *link = worker->listeners.next;

	while (link != &worker->listeners) {
		struct listener *listener = list_owner(link, struct listener, link);

		link = link->next;
		if (also_named || !listener->is_named)
			listener_close(worker, listener);
	}
}

static struct listener *find_listener(struct worker *worker, int fd)
{
	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next)
		if (list_owner(link, struct listener, link)->fd == fd)
			return list_owner(link, struct listener, link);
	return NULL;
}

static void take_sockets(struct worker *worker, const struct order *order)
{
	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next)
		list_owner(link, struct listener, link)->is_named = false;

	for (size_t i = 0; i < order->socket_count; i++) {
		const struct http_socket *socket = &order->sockets[i];
		struct listener *listener;
		int err;

		if (socket->thread != worker->number)
			continue;
		listener = find_listener(worker, socket->fd);
		if (listener) {
			listener->number = socket->listener;
			listener->is_named = true;
			continue;
		}
		err = listener_open(worker, socket->fd, socket->listener);
		if (err)
			log_error("listening socket %d: %s; thread %u accepts nothing there",
				  socket->fd, strerror(-err), worker->number);
	}
	close_listeners(worker, false);
}

static void drain(struct worker *worker, uint64_t deadline_ns)
{
	struct list waiting, *link;

	worker->is_draining = true;
	worker->drain_deadline_ns = deadline_ns;
	close_listeners(worker, true);
	caching_end_refreshes(worker);
	/* Each goes back to where it was first: what is closed on the way is any of them. */
	list_init(&waiting);
	while (!list_is_empty(&worker->idle_conns)) {
		link = worker->idle_conns.next;
		list_remove(link);
		list_append(&waiting, link);
	}
	while (!list_is_empty(&waiting)) {
		link = waiting.next;
		list_remove(link);
		list_append(&worker->idle_conns, link);
		conn_drain(list_owner(link, struct conn, link));
	}
}

static void read_order(struct worker *worker, struct letter *letter)
{
	struct order *order = list_owner(letter, struct order, letter);

	switch (order->kind) {
	case ORDER_PLAN:
		/* First: a socket that goes is accepted dry under the policy that named it. */
		take_sockets(worker, order);
		worker_take_plan(worker, order->plan);
		break;
	case ORDER_DRAIN:
		drain(worker, order->deadline_ns);
		break;
	case ORDER_STOP:
		worker->is_stopping = true;
		break;
	}
	free(order);
}

static struct order *new_order(enum order_kind kind, size_t sockets)
{
	struct order *order = calloc(1, sizeof(*order) + sockets * sizeof(struct http_socket));

	if (!order)
		return NULL;
	order->letter.read = read_order;
	order->kind = kind;
	order->socket_count = sockets;
	return order;
}

/* Orders for all threads, or none: a policy that half of them have is worse than the old one. */
int http_post_plan(struct http *http, struct plan *plan, const struct http_child *child)
{
	struct order *orders[HTTP_THREADS_MAX];

	for (uint32_t i = 0; i < http->worker_count; i++) {
		orders[i] = new_order(ORDER_PLAN, child->socket_count);
		if (orders[i])
			continue;
		while (i)
			free(orders[--i]);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < http->worker_count; i++) {
		orders[i]->plan = plan_hold(plan);
		if (child->socket_count)
			memcpy(orders[i]->sockets, child->sockets,
			       child->socket_count * sizeof(struct http_socket));
		worker_post(http->workers[i], &orders[i]->letter);
	}
	return 0;
}

static void post_all(struct http *http, enum order_kind kind, uint64_t deadline_ns)
{
	for (uint32_t i = 0; i < http->worker_count; i++) {
		struct order *order = new_order(kind, 0);

		if (!order) {
			log_error("no memory to tell a thread to end");
			continue;
		}
		order->deadline_ns = deadline_ns;
		worker_post(http->workers[i], &order->letter);
	}
}

void http_post_drain(struct http *http, uint64_t deadline_ns)
{
	post_all(http, ORDER_DRAIN, deadline_ns);
}

void http_post_stop(struct http *http)
{
	post_all(http, ORDER_STOP, 0);
}
