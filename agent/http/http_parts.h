/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the plane: what its threads share. */
#ifndef HTTP_HTTP_PARTS_H
#define HTTP_HTTP_PARTS_H

#include "cache/budget.h"
#include "cache/cache_store.h"
#include "http/http.h"
#include "http/offenders.h"
#include "http/plan.h"
#include "http/sources.h"
#include "quota/turnstile.h"
#include "http/worker.h"
#include "limit/limit_table.h"

struct http {
	struct registry registry;
	struct budget memory;
	struct sources *sources;
	struct turnstile *turnstile;
	struct limit_table *table; /* everybody's counts */
	struct offenders *offenders;
	http_offended_fn *offended; /* NULL: nobody bans */
	void *offended_context;
	_Atomic uint64_t asks_at_ns;  /* of what it is told: a bucket, as in sluice/bucket.h */
	struct cache_store *cache;    /* NULL: the policy of the start caches nothing */
	_Atomic uint64_t connections; /* open, all threads */
	_Atomic int log_fd;	      /* -1: no access log */
	struct worker *workers[HTTP_THREADS_MAX];
	uint32_t worker_count;
	uint32_t started;  /* threads that run */
	struct plan *plan; /* the newest; of the caller's thread */
};

/* ---- http_orders.c ---- */

/* To all threads or to none: -ENOMEM. Each takes a reference to the plan, and the sockets that are its own. */
int http_post_plan(struct http *http, struct plan *plan, const struct http_child *child);
void http_post_drain(struct http *http, uint64_t deadline_ns);
void http_post_stop(struct http *http);

#endif
