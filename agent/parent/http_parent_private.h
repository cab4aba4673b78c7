/* SPDX-License-Identifier: BSD-2-Clause */
/* The parent's own: what http_parent.c (policies) and http_parent_child.c (the process) share. */
#ifndef HTTP_PARENT_PRIVATE_H
#define HTTP_PARENT_PRIVATE_H

#include "parent/http_config.h"
#include "parent/http_listeners.h"
#include "parent/http_parent.h"
#include "parent/http_process.h"
#include "parent/http_resolver.h"
#include "parent/http_table.h"

struct http_parent {
	struct loop *loop;
	const struct http_parent_events *events;
	const char *log_level;
	int program_fd;
	struct listeners listeners;
	struct resolver *resolver;
	struct http_table table; /* of counts; for every child there will be */
	struct http_config now;
	struct http_config next; /* between prepare and commit */

	struct http_process child; /* pid 0: none */
	bool serves;		   /* it has said READY */
	bool draining;
	struct loop_watch *pid_watch;
	struct loop_watch *pipe_watch;
	struct loop_timer *restart_timer;
	uint64_t restart_in_ns;
	uint64_t started_ns;
	uint64_t restarts;
	struct http_asks *asks;
	struct pipe_buffer buffer;
};

/* A word, or a descriptor (-1: none), to the child. Returns 0 or -errno of pipe_send_patiently(). */
int parent_say(const struct http_parent *parent, enum pipe_kind kind);
int parent_send_fd(const struct http_parent *parent, enum pipe_kind kind, int fd);

/*
 * A new child's word that it can serve config; or, parent_offer(), that of the one that serves. Returns 0, or -errno
 * and why in error; a new child is then ended.
 */
int parent_start_child(struct http_parent *parent, const struct http_config *config,
		       struct buffer *error);
int parent_offer(struct http_parent *parent, const struct http_config *config,
		 struct buffer *error);

/* From PREPARED to serving; the child is ended if it does not come so far. */
int parent_let_serve(struct http_parent *parent, struct buffer *error);

/* Start another child in a while, if there is something to serve. */
void parent_restart_later(struct http_parent *parent);

/* End it at once; out (size bytes) says how it ended. */
void parent_end_child(struct http_parent *parent, char *out, size_t size);

#endif
