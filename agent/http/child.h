/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP child: what it is given, and what it is told later.
 *
 *   sluiced --http-child: child_main() -> user, capabilities, limits on files -> HELLO, policy, listeners
 *     -> seccomp -> http_run() (http.h) -> child_serve(): the parent's messages, until the end
 *
 * The process has the socketpair, standard error and what came over the socketpair; it opens nothing.
 */
#ifndef HTTP_CHILD_H
#define HTTP_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "http/pipe.h"
#include "policy/http_policy.h"

#define CHILD_THREADS_MAX PIPE_FDS_MAX

/*
 * One policy and what belongs to it. Immutable; whoever holds it has a reference: an exchange keeps the one
 * it began with.
 */
struct child_config {
	const struct policy *policy;
	const struct http_policy *http; /* policy's */
	struct bytes keys;		/* text of the key file; empty if there is none */
	unsigned threads;		/* the same in all configs of a process */
	/*
	 * Listening sockets, non-blocking: listener_fds[i * threads + t] is thread t's of http->listeners[i].
	 * A listener that a reload keeps has the same descriptors in both configs.
	 */
	const int *listener_fds;
};

/* Thread-safe. Get returns config. */
struct child_config *child_config_get(struct child_config *config);
void child_config_put(struct child_config *config); /* NULL is fine */

/* Addresses of an upstream's host name. */
struct child_addresses {
	struct prefix at[PIPE_ADDRESSES_MAX];
	size_t count; /* 0: not known yet */
};

struct http_child {
	struct child_config
		*config; /* to begin with; http_run() gets a reference of its own if it keeps it */
	int log_fd;	 /* access log, opened for appending; -1: none. Replaced by log_changed() */
	int state_fd;	 /* memfd with the limiter's state, outlives this process; -1: none */
	struct child_pipe *pipe;
};

/* The last good answer for a host name of the policy. Main thread only. */
struct child_addresses child_resolve(const struct http_child *child, const char *name);

/* What http_run() does when the parent speaks. All are called on the thread in child_serve(). */
struct child_events {
	/*
	 * A reload: make ready to serve config, changing nothing yet. Returns 0, or -errno and why in error.
	 * Then exactly one of the other two follows.
	 */
	int (*prepare)(void *context, struct child_config *config, struct buffer *error);
	/*
	 * From now on new exchanges use the prepared config. Listeners that are no longer in it are http's: to be
	 * accepted dry and closed.
	 */
	void (*switch_over)(void *context);
	void (*abandon)(void *context);

	/* A host name has other addresses now (child_resolve()). */
	void (*resolved)(void *context, const char *name);
	/* The access log was reopened: child->log_fd is the new one; the old one is http's to close. */
	void (*log_changed)(void *context, int old_fd);
	/* Write the answer (JSON) to a question; what it means is the topic's. */
	void (*answer)(void *context, enum pipe_topic topic, struct bytes text, struct buffer *out);
	/*
	 * Stop accepting, end idle connections, let exchanges finish until deadline_ns, then close what is left.
	 * Call child_stop() when nothing is left. Called once; also when the parent has died.
	 */
	void (*drain)(void *context, uint64_t deadline_ns);
};

/*
 * Say READY and serve the parent's messages until child_stop(). Returns 0, or -errno of the loop.
 */
int child_serve(struct http_child *child, const struct child_events *events, void *context);

/* End child_serve(). Any thread. */
void child_stop(struct http_child *child);

/*
 * Ask for a ban. Any thread; never waits: false if the parent does not keep up, and the ban is lost. The
 * parent may refuse; it does not say.
 */
bool child_ask_ban(struct http_child *child, const struct pipe_ban *ban);

/*
 * The child's whole life; fd is its end of the socketpair. Returns the exit code.
 */
int child_main(int fd);

#endif
