/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP plane: one thread per core, each with its own event loop, listening
 * sockets and upstream connections.
 *
 * Knows HTTP and the policy; knows nothing of processes, privileges and signals:
 * whoever starts it (the child, a test) gives it sockets and a policy, and tells it
 * to reload, to drain and to stop.
 *
 * Functions may be called from any one thread that is not the plane's own.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "http/counters.h"
#include "http/offenders.h"
#include "policy/http_policy.h"
#include "policy/key_file.h"

struct http;

#define HTTP_THREADS_MAX 64

/* One listening socket, nonblocking: of listeners[listener] of the policy, for one thread. */
struct http_socket {
	int fd;
	uint32_t listener;
	uint32_t thread; /* below the number of threads */
	bool is_new;	 /* of http_reload(): no thread has it yet */
};

/* What one of the policy's names of servers resolves to, as the parent found it. */
struct http_resolved {
	const char *name;	      /* as in struct http_address */
	const struct prefix *address; /* whole */
	size_t count;
};

/* A source that the policy's `escalate` wants dropped before it comes here. */
struct http_offence {
	struct prefix source;
	enum strike kind;
	uint32_t strikes; /* how many it took */
};
/* Called from any of the plane's threads; must not wait. False: it could not be passed on. */
typedef bool http_offended_fn(void *context, const struct http_offence *offence);

/* What the plane begins with. */
struct http_child {
	struct policy *policy; /* with an http part; the plane's from now on, freed when unused */
	struct key_file *keys; /* the policy's API keys, the plane's likewise; NULL: none */
	const struct http_socket *sockets;
	size_t socket_count;
	const struct http_resolved *resolved;
	size_t resolved_count;
	uint32_t threads; /* 0: one per core; at most HTTP_THREADS_MAX */
	int log_fd;	  /* the access log, the plane's from now on; -1: none */
	int table_fd;	  /* of counts (limit/limit_table.h); the caller's: it is only mapped */
	bool joins_table; /* another process counts in it as well: limit_table_join() */
	void *context;
	http_offended_fn *offended; /* with context; NULL: nobody is banned */
};

/*
 * Start the threads. Sockets, policy and keys are the plane's from now on, whatever the result.
 * Returns 0 and *ret_http, or -errno.
 */
int http_start(const struct http_child *child, struct http **ret_http);

/*
 * Wait until every thread has ended: after http_drain() or http_stop(). Then free all.
 */
void http_join(struct http *http);

/*
 * Switch to another policy: exchanges under way keep theirs, new ones take this. child as for
 * http_start(); threads, log_fd, table_fd, started, context and offended are not read. Sockets that are not new
 * stay; those it has and that are not named are accepted dry and closed. Returns 0; -ENOMEM, then all is as before
 * and policy and new sockets are freed.
 */
int http_reload(struct http *http, const struct http_child *child);

/* New addresses of a server's name, in the place of those it has. */
void http_resolve(struct http *http, const struct http_resolved *resolved);

/*
 * Accept nothing more, finish what runs with Connection: close, close idle connections. Threads
 * end when nothing is left, at the latest at deadline_ns (CLOCK_MONOTONIC).
 */
void http_drain(struct http *http, uint64_t deadline_ns);

/* End at once, closing everything. */
void http_stop(struct http *http);

/* Write the access log to fd from now on; takes it over. */
void http_reopen_log(struct http *http, int fd);

/* The sum over all threads; each counter is whole, all together are of no one instant. */
void http_counters_read(struct http *http, struct http_counters *ret_sum);

/* How a server is doing, for status and metrics. */
struct http_server_state {
	char name[HTTP_ADDRESS_TEXT_MAX];
	uint32_t outstanding;
	bool is_down;	 /* by active checks */
	bool is_ejected; /* by failures in a row */
};
/* Call each() for every server in use, from the caller's thread. */
typedef void http_server_fn(void *context, const struct http_server_state *state);
void http_servers(struct http *http, http_server_fn *each, void *context);

/* ---- Limits ---- */

/*
 * What one limit of one route has done since the plane began; counts go on over reloads that keep the names. Both
 * are names of the policy, so there are never more of these than it has limits. route: its `match` as the policy has
 * it, "*" for what matches no other, "" for global_limits.
 */
struct http_limit_count {
	const char *route;
	const char *limit;
	uint64_t allowed; /* requests judged by it and let in by it */
	uint64_t refused;
	uint64_t dry_run_refused; /* that it would have refused, were it not on a dry run */
};
typedef void http_limit_count_fn(void *context, const struct http_limit_count *count);
/* Call each() for every limit in force, routes in the policy's order, the global ones last. */
void http_limit_counts(struct http *http, http_limit_count_fn *each, void *context);

/* One client under one limit, as the table has it now. */
#define HTTP_CLIENT_TEXT_MAX 192
struct http_client {
	/*
	 * Who: "192.0.2.7", "2001:db8::/64", "key NAME", "header#5f0c2a91" (a short hash, never what
	 * a stranger sent), "unix"; with its address "192.0.2.7 + cookie#5f0c2a91". What neighbours share where the
	 * table is full is "192.0.2.0/24 (shared)".
	 */
	char who[HTTP_CLIENT_TEXT_MAX];
	const char *
		route; /* as above; NULL: the limit is no longer in the policy, or was counted otherwise */
	const char *limit;  /* its name; NULL as route */
	const char *method; /* "GET" where each method counts by itself; else NULL */
	uint64_t quota;	    /* N, or the bucket's size; the next three are 0 where route is NULL */
	uint64_t remaining;
	uint64_t reset_in_ns; /* until the first of what is counted leaves */
	uint64_t
		wait_ns; /* a request now would have to wait so long; 0: it is let in; UINT64_MAX: never */
	uint64_t held; /* cost of requests whose answers are not known yet */
	bool is_over;  /* a request now would be refused */
	bool is_dry_run;
};
typedef void http_client_fn(void *context, const struct http_client *client);

struct http_client_query {
	struct bytes text; /* only whose `who` contains this, in either case; empty: all */
	bool only_over;
	uint64_t max; /* call each() for so many at most */
};

/*
 * Call each() for the clients of the table, in no order. Returns how many more there would have been. Takes some
 * microseconds of each set of entries' lock, one after the other, never all at once.
 */
uint64_t http_clients(struct http *http, const struct http_client_query *query,
		      http_client_fn *each, void *context);

/*
 * The same for one client: the address it has, a prefix, the NAME of an API key, or what `who` says of it. What would happen
 * to its next request is what these say; a limit that has no entry of it has counted nothing yet.
 * Returns 0; -EINVAL: who is none of those.
 */
int http_client_explain(struct http *http, struct bytes who, http_client_fn *each, void *context);

/* Forget all counts of such a client. Returns how many entries it had, or -EINVAL as above. */
int64_t http_client_forget(struct http *http, struct bytes who);

/* Memory in use, and the policy's total that it is out of. */
uint64_t http_memory_used(struct http *http);
uint64_t http_memory_max(struct http *http);

/* Connections the plan in force allows at once: the policy's, or what open files left of them. */
uint64_t http_connections_max(struct http *http);

#endif
