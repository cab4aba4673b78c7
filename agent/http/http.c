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
	limit_table_close(http->table);
	sources_free(http->sources);
	turnstile_free(http->turnstile);
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
	if (!err)
		err = turnstile_new(&secret, &http->turnstile);
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

/* All of it counts from the start: strangers can fill it at any time. */
static int open_table(struct http *http, const struct http_child *child)
{
	int err = child->joins_table ? limit_table_join(child->table_fd, &http->table)
				     : limit_table_open(child->table_fd, &http->table);

	if (!err && !budget_take(&http->memory, limit_table_memory(http->table))) {
		log_error("http: max.memory is less than the table of counts takes");
		err = -ENOMEM;
	}
	return err;
}

/* Of which no plan was made. */
static void free_policy(const struct http_child *child)
{
	policy_free(child->policy);
	key_file_free(child->keys);
}

static int make_plan(struct http *http, const struct http_child *child, struct plan **ret_plan)
{
	const uint64_t keys = child->keys ? key_file_memory(child->keys) : 0;
	int err;

	if (!budget_take(&http->memory, keys)) {
		log_error("http: max.memory has no room for the API keys");
		return -ENOMEM;
	}
	http->registry.before = http->plan;
	http->registry.threads = http->worker_count;
	err = plan_new(&http->registry, child->policy, child->keys, ret_plan);
	if (err)
		budget_give(&http->memory, keys);
	else
		(*ret_plan)->memory = &http->memory;
	return err;
}

static int begin(struct http *http, const struct http_child *child)
{
	int err = open_table(http, child);

	if (!err)
		err = caching_store_new(child->policy->http, &http->memory, &http->cache);
	if (!err)
		err = new_parts(http, thread_count(child));
	if (!err)
		err = make_plan(http, child, &http->plan);
	if (err) {
		free_policy(child);
		return err;
	}
	resolve_all(http, child);
	/* The first plan is there before the thread: it never runs without one. */
	for (uint32_t i = 0; i < http->worker_count; i++) {
		worker_take_plan(http->workers[i], plan_hold(http->plan));
		if (!http->workers[i]->plan)
			return -ENOMEM;
	}
	err = http_post_plan(http, http->plan, child);
	return err ? err : start_threads(http);
}

int http_start(const struct http_child *child, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));
	int err;

	if (!http) {
		free_policy(child);
		return -ENOMEM;
	}
	http->log_fd = child->log_fd;
	http->memory.max = child->policy->http->max.memory;
	http->offended = child->offended;
	http->offended_context = child->context;
	registry_init(&http->registry);
	err = begin(http, child);
	if (err) {
		http_post_stop(http);
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
	int err = make_plan(http, child, &plan);

	if (err) {
		free_policy(child);
		close_new_sockets(child);
		return err;
	}
	resolve_all(http, child);
	err = http_post_plan(http, plan, child);
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
	http_post_drain(http, deadline_ns);
}

void http_stop(struct http *http)
{
	http_post_stop(http);
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
