/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/banned.h"

#include <errno.h>
#include <stdlib.h>

#include "http/conn.h"
#include "http/http_parts.h"
#include "http/listener.h"
#include "http/prefix_set.h"

/* One for all threads; the last to have read its part frees it. */
struct closing {
	struct prefix_set *banned;
	_Atomic uint32_t unread;
	struct part {
		struct letter letter;
		struct closing *whole;
	} part[];
};

static void free_closing(struct closing *closing)
{
	prefix_set_free(closing->banned);
	free(closing);
}

static bool is_banned(const struct conn *conn, const struct prefix_set *banned)
{
	return conn->source.family && conn->state != CONN_LEFT &&
	       prefix_set_covers(banned, &conn->source);
}

/* Closing one may close others, to make room: so each is taken out of the list, looked at, and put back. */
static void close_among(struct worker *worker, struct list *conns, const struct prefix_set *banned)
{
	struct list waiting, *link;

	list_init(&waiting);
	while (!list_is_empty(conns)) {
		link = conns->next;
		list_remove(link);
		list_append(&waiting, link);
	}
	while (!list_is_empty(&waiting)) {
		struct conn *conn;

		link = waiting.next;
		list_remove(link);
		list_append(conns, link);
		conn = list_owner(link, struct conn, link);
		if (!is_banned(conn, banned))
			continue;
		count(&worker->counters.banned_closed);
		conn_reset(conn);
	}
}

static void read_closing(struct worker *worker, struct letter *letter)
{
	struct part *part = list_owner(letter, struct part, letter);
	struct closing *closing = part->whole;

	for (struct list *link = worker->listeners.next; link != &worker->listeners;
	     link = link->next)
		listener_accept_waiting(worker, list_owner(link, struct listener, link));
	close_among(worker, &worker->conns, closing->banned);
	close_among(worker, &worker->idle_conns, closing->banned);
	if (atomic_fetch_sub(&closing->unread, 1) == 1)
		free_closing(closing);
}

int http_close_banned(struct http *http, const struct prefix *banned, size_t count)
{
	struct closing *closing =
		calloc(1, sizeof(*closing) + http->worker_count * sizeof(struct part));

	if (!closing)
		return -ENOMEM;
	closing->banned = prefix_set_new(banned, count);
	if (!closing->banned) {
		free(closing);
		return -ENOMEM;
	}
	closing->unread = http->worker_count;
	for (uint32_t i = 0; i < http->worker_count; i++) {
		closing->part[i].letter.read = read_closing;
		closing->part[i].whole = closing;
		worker_post(http->workers[i], &closing->part[i].letter);
	}
	return 0;
}
