/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/origin.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/exchange.h"
#include "http/http_parts.h"

static struct pool *pool_of(struct worker *worker, const struct server *server)
{
	return server->number < worker->pool_count ? &worker->pools[server->number] : NULL;
}

/* Pools are addressed by the servers' numbers, which are small and dense. */
static bool grow_pools(struct worker *worker, uint32_t number)
{
	uint32_t count = number + 16;
	struct pool *pools = calloc(count, sizeof(*pools));

	if (!pools)
		return false;
	for (uint32_t i = 0; i < count; i++)
		list_init(&pools[i].idle);
	for (uint32_t i = 0; i < worker->pool_count; i++) {
		while (!list_is_empty(&worker->pools[i].idle)) {
			struct list *link = worker->pools[i].idle.next;

			list_remove(link);
			list_append(&pools[i].idle, link);
		}
		pools[i].count = worker->pools[i].count;
	}
	free(worker->pools);
	worker->pools = pools;
	worker->pool_count = count;
	return true;
}

static void leave_pool(struct origin *origin)
{
	if (origin->state != ORIGIN_IDLE)
		return;
	list_remove(&origin->link);
	pool_of(origin->worker, origin->server)->count--;
}

void origin_close(struct origin *origin)
{
	struct worker *worker;

	if (!origin || origin->state == ORIGIN_CLOSED)
		return;
	worker = origin->worker;
	leave_pool(origin);
	list_remove(&origin->all);
	origin->state = ORIGIN_CLOSED;
	wheel_cancel(&origin->timer);
	held_free(&origin->in, &worker->memory);
	held_free(&origin->wire.out, &worker->memory);
	close(origin->wire.fd);
	registry_release(&worker->http->registry, origin->server);
	worker_bury(worker, &origin->poll, sizeof(*origin));
}

/* An idle connection has nothing to say: what it says is not the answer to the next request. */
static void idle_event(struct origin *origin)
{
	char byte;

	if (!origin->wire.can_read)
		return;
	if (wire_read(&origin->wire, &byte, 1))
		count(&origin->worker->counters.upstream_stray);
	else if (!origin->wire.has_ended && !origin->wire.is_broken)
		return;
	origin_close(origin);
}

static void origin_ready(struct worker *worker, struct pollee *pollee, uint32_t events)
{
	struct origin *origin = (struct origin *)(void *)pollee;

	wire_event(&origin->wire, events);
	if (origin->x)
		conn_run(origin->x->conn);
	else if (origin->state == ORIGIN_IDLE)
		idle_event(origin);
}

static void origin_expired(struct wheel_timer *timer, uint64_t now_ns)
{
	struct origin *origin = list_owner(timer, struct origin, timer);

	if (!origin->x) {
		origin_close(origin);
		return;
	}
	origin->timed_out = true;
	conn_run(origin->x->conn);
}

void origin_set_deadline(struct origin *origin, uint64_t deadline_ns)
{
	wheel_set(&origin->worker->wheel, &origin->timer, deadline_ns);
}

/* Its server's name may have moved to another address: the old one may be anybody's by now. */
static bool is_outdated(const struct origin *origin)
{
	return origin->moves != atomic_load_explicit(&origin->server->moves, memory_order_relaxed);
}

struct origin *origin_reuse(struct worker *worker, struct server *server, struct exchange *x)
{
	struct pool *pool = pool_of(worker, server);
	struct origin *origin;

	while (pool && !list_is_empty(&pool->idle) &&
	       is_outdated(list_owner(pool->idle.next, struct origin, link)))
		origin_close(list_owner(pool->idle.next, struct origin, link));
	if (!pool || list_is_empty(&pool->idle))
		return NULL;
	origin = list_owner(pool->idle.next, struct origin, link);
	leave_pool(origin);
	origin->state = ORIGIN_READY;
	origin->x = x;
	origin->is_reused = true;
	origin->has_answered = false;
	origin->timed_out = false;
	count(&worker->counters.upstream_reused);
	return origin;
}

static struct origin *new_origin(struct worker *worker, struct server *server)
{
	struct origin *origin;

	if (server->number >= worker->pool_count && !grow_pools(worker, server->number))
		return NULL;
	origin = memory_object(&worker->memory, sizeof(*origin));
	if (!origin)
		return NULL;
	origin->poll.ready = origin_ready;
	origin->timer.expired = origin_expired;
	origin->worker = worker;
	origin->server = server;
	origin->state = ORIGIN_CONNECTING;
	return origin;
}

int origin_connect(struct worker *worker, struct server *server, struct exchange *x,
		   struct origin **ret_origin)
{
	struct origin *origin;
	auto_close int fd = -1;
	uint32_t moves = atomic_load(&server->moves);
	int err = server_connect(server, &fd);

	if (err)
		return err;
	origin = new_origin(worker, server);
	if (!origin)
		return -ENOMEM;
	err = worker_watch(worker, fd, &origin->poll);
	if (err) {
		memory_give_object(&worker->memory, origin, sizeof(*origin));
		return err;
	}
	origin->wire.fd = take_fd(fd);
	origin->moves = moves;
	origin->x = x;
	atomic_fetch_add(&server->refs, 1);
	list_append(&worker->origins, &origin->all);
	count(&worker->counters.upstream_connects);
	*ret_origin = origin;
	return 0;
}

int origin_connected(struct origin *origin)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (!origin->wire.can_write && !origin->wire.saw_end)
		return -EAGAIN;
	if (getsockopt(origin->wire.fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	if (err)
		return -err;
	origin->state = ORIGIN_READY;
	return 0;
}

void origin_keep(struct origin *origin)
{
	struct pool *pool = pool_of(origin->worker, origin->server);

	origin->x = NULL;
	if (pool->count >= POOL_MAX || origin->worker->is_draining || origin->wire.saw_end ||
	    origin->wire.is_broken || origin->wire.out.len || origin->in.len ||
	    is_outdated(origin)) {
		origin_close(origin);
		return;
	}
	origin->state = ORIGIN_IDLE;
	list_push(&pool->idle, &origin->link);
	pool->count++;
	origin_set_deadline(origin, origin->worker->now_ns + ORIGIN_IDLE_NS);
	/* Bytes behind the answer may have come already. */
	if (origin->wire.can_read)
		idle_event(origin);
}
