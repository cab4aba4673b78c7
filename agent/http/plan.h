/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A policy as the threads use it: the policy itself, and for each of its upstreams the
 * servers and the gate, which outlive it while the next policy names them too.
 *
 * A plan never changes. Every thread has a share of its own in it, counted without
 * atomics by the exchanges that began under it.
 */
#ifndef HTTP_PLAN_H
#define HTTP_PLAN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/budget.h"
#include "http/gate.h"
#include "http/server.h"
#include "message/head.h"
#include "message/identity.h"
#include "policy/http_policy.h"
#include "policy/key_file.h"

/* What lives on between plans. One lock: it is taken by reloads only. */
struct registry {
	pthread_mutex_t lock;
	struct server *servers;
	struct named_gate *gates;
	/* Of the caller of plan_new(): */
	const struct plan *before; /* whose counts of limits go on; NULL: none */
	uint32_t threads;	   /* that count them */
};

struct named_gate {
	struct named_gate *next;
	_Atomic uint32_t refs;
	char *name;
	struct gate gate;
};

struct upstream {
	const struct http_upstream *policy;
	struct named_gate *gate;
	struct server **servers; /* policy->server_count */
};

struct route_rules; /* cache/facts.h */
struct quota_plan;  /* quota/quota_plan.h */

struct plan {
	_Atomic uint32_t refs;
	struct registry *registry;
	struct policy *policy; /* owned */
	struct key_file *keys; /* owned; NULL: the policy names none */
	struct budget *memory; /* that keys are charged to; NULL: to none */
	const struct http_policy *http;
	struct upstream *upstreams; /* http->upstream_count */
	struct identity_rules identity;
	struct head_limits head_limits;	 /* of requests */
	struct route_rules *cache_rules; /* owned; by a route's number */
	struct quota_plan *quotas;	 /* owned */
};

struct plan_share {
	struct plan *plan;
	uint64_t users; /* exchanges, and the thread itself while it is the newest */
};

/* No server is known yet. */
void registry_init(struct registry *registry);
void registry_destroy(struct registry *registry); /* when no plan is left */

/* Give back a reference to a server; with the last it is freed. */
void registry_release(struct registry *registry, struct server *server);

/*
 * Make a plan of policy and keys (NULL: none), which are the plan's on success. Returns 0 and *ret_plan with
 * one reference; -ENOMEM.
 */
int plan_new(struct registry *registry, struct policy *policy, struct key_file *keys,
	     struct plan **ret_plan);
struct plan *plan_hold(struct plan *plan);
void plan_release(struct plan *plan); /* NULL is fine */

/* New addresses of servers by this name. */
void registry_resolve(struct registry *registry, const struct prefix *address, size_t count,
		      const char *name);

/* The server with the fewest requests under way that is up; if none is, of all. */
struct server *upstream_pick(const struct upstream *upstream, const struct server *not_this,
			     uint64_t now_ns);

/* A request to server failed as passive health counts it. True: it was ejected for that. */
bool upstream_failed(const struct upstream *upstream, struct server *server, uint64_t now_ns);

/* For struct plan_share: one user less; frees it with the last. */
void plan_share_drop(struct plan_share *share);

#endif
