/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "http/caching.h"
#include "http/conn.h"
#include "http/http_parts.h"
#include "http/listener.h"

/* ---- Letters to the threads ---- */

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
static int post_plan(struct http *http, struct plan *plan, const struct http_child *child)
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

/* ---- Start ---- */

static uint32_t thread_count(const struct http_child *child)
{
	cpu_set_t allowed;
	uint32_t count = child->threads ? child->threads : child->policy->http->threads;

	if (!count && !sched_getaffinity(0, sizeof(allowed), &allowed))
		count = (uint32_t)CPU_COUNT(&allowed);
	if (!count)
		count = 1;
	return count < HTTP_THREADS_MAX ? count : HTTP_THREADS_MAX;
}

static void http_free(struct http *http)
{
	for (uint32_t i = 0; i < http->worker_count; i++)
		worker_free(http->workers[i]);
	plan_release(http->plan);
	cache_store_free(http->cache);
	sources_free(http->sources);
	offenders_free(http->offenders);
	registry_destroy(&http->registry);
	if (http->log_fd >= 0)
		close(http->log_fd);
	free(http);
}

static int new_parts(struct http *http, uint32_t threads)
{
	struct siphash_secret secret;
	int err = 0;

	if (getrandom(&secret, sizeof(secret), 0) < 0)
		return -errno;
	err = sources_new(&secret, &http->sources);
	if (!err)
		err = offenders_new(&secret, &http->offenders);
	for (uint32_t i = 0; !err && i < threads; i++) {
		err = worker_new(http, i, &http->workers[i]);
		if (!err)
			http->worker_count++;
	}
	return err;
}

static void resolve_all(struct http *http, const struct http_child *child)
{
	for (size_t i = 0; i < child->resolved_count; i++)
		http_resolve(http, &child->resolved[i]);
}

static int start_threads(struct http *http)
{
	for (uint32_t i = 0; i < http->worker_count; i++) {
		int err = pthread_create(&http->workers[i]->thread, NULL, worker_main,
					 http->workers[i]);

		if (err)
			return -err;
		http->started++;
	}
	return 0;
}

static void join_threads(struct http *http)
{
	for (uint32_t i = 0; i < http->started; i++)
		(void)pthread_join(http->workers[i]->thread,
				   NULL); /* they are ours, and joinable */
}

static int begin(struct http *http, const struct http_child *child)
{
	int err = caching_store_new(child->policy->http, &http->memory, &http->cache);

	if (!err)
		err = new_parts(http, thread_count(child));
	if (!err)
		err = plan_new(&http->registry, child->policy, &http->plan);
	if (err) {
		policy_free(child->policy);
		return err;
	}
	resolve_all(http, child);
	/* The first plan is there before the thread: it never runs without one. */
	for (uint32_t i = 0; i < http->worker_count; i++) {
		worker_take_plan(http->workers[i], plan_hold(http->plan));
		if (!http->workers[i]->plan)
			return -ENOMEM;
	}
	err = post_plan(http, http->plan, child);
	return err ? err : start_threads(http);
}

int http_start(const struct http_child *child, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int err;

	if (!http) {
		policy_free(child->policy);
		return -ENOMEM;
	}
	http->log_fd = child->log_fd;
	http->memory.max = child->policy->http->max.memory;
	http->offended = child->offended;
	http->offended_context = child->context;
	registry_init(&http->registry);
	err = begin(http, child);
	if (err) {
		post_all(http, ORDER_STOP, 0);
		join_threads(http);
		http_free(http);
		return err;
	}
	*ret_http = http;
	return 0;
}

void http_join(struct http *http)
{
	join_threads(http);
	http_free(http);
}

int http_run(const struct http_child *child)
{
	struct http *http;
	int err = http_start(child, &http);

	if (err)
		return err;
	if (child->started)
		child->started(child->context, http);
	http_join(http);
	return 0;
}

/* ---- While it runs ---- */

/* Sockets that no thread has: theirs is nobody's now. */
static void close_new_sockets(const struct http_child *child)
{
	for (size_t i = 0; i < child->socket_count; i++)
		if (child->sockets[i].is_new)
			close(child->sockets[i].fd);
}

int http_reload(struct http *http, const struct http_child *child)
{
	struct plan *plan;
	int err = plan_new(&http->registry, child->policy, &plan);

	if (err) {
		policy_free(child->policy);
		close_new_sockets(child);
		return err;
	}
	resolve_all(http, child);
	err = post_plan(http, plan, child);
	if (err) {
		plan_release(plan);
		close_new_sockets(child);
		return err;
	}
	atomic_store(&http->memory.max, plan->http->max.memory);
	plan_release(http->plan);
	http->plan = plan;
	return 0;
}

void http_resolve(struct http *http, const struct http_resolved *resolved)
{
	registry_resolve(&http->registry, resolved->address, resolved->count, resolved->name);
}

void http_drain(struct http *http, uint64_t deadline_ns)
{
	post_all(http, ORDER_DRAIN, deadline_ns);
}

void http_stop(struct http *http)
{
	post_all(http, ORDER_STOP, 0);
}

void http_reopen_log(struct http *http, int fd)
{
	int old = atomic_load(&http->log_fd);

	if (old >= 0 && fd < 0)
		return; /* nothing is logged any more; whoever is about to write may do so */
	/* The number stays: a thread that is about to write finds the new file behind it. */
	if (old >= 0) {
		(void)dup3(fd, old, O_CLOEXEC); /* both are open */
		close(fd);
		return;
	}
	atomic_store(&http->log_fd, fd);
}
