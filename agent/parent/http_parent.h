/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP plane as the agent has it: listening sockets that stay open, names that are resolved, and a child process
 * that parses what strangers send (child/child.h). The child dies: it is started again, in 0.1 s at first, in
 * 5 s at most; connections queue meanwhile.
 *
 * One thread, that of the loop. prepare and commit wait for the child's word, for seconds at worst.
 */
#ifndef HTTP_PARENT_H
#define HTTP_PARENT_H

#include "base/buffer.h"
#include "base/loop.h"
#include "base/passing.h"
#include "http/pipe.h"
#include "parent/http_asks.h"

struct http_parent;

struct http_parent_events {
	/* The child wants a source banned. Its word is checked for form only. May be NULL. */
	void (*ban)(void *context, const struct pipe_ban *ban);
	/* The child has drained: http_parent_drain() is done. */
	void (*drained)(void *context);
	void *context;
};

#define HTTP_PARENT_ERROR_MAX 1024

/*
 * log_level is told to the child as --log-level; NULL: none. events outlive the parent.
 * Returns 0 or -errno.
 */
int http_parent_new(struct loop *loop, const struct http_parent_events *events,
		    const char *log_level, struct http_parent **ret_parent);

/* Ends the child at once, if it still runs, and closes the listeners. NULL is fine. */
void http_parent_free(struct http_parent *parent);

/*
 * Make ready for a policy, whose file's text this is: open what is to be listened on, resolve names, and have the
 * child's word that it can serve it. Nothing of the policy in force changes. A policy without http is fine.
 * Returns 0, then exactly one of the next two follows; or -errno and why in error, and all is as before.
 */
int http_parent_prepare(struct http_parent *parent, const struct policy *policy, struct bytes text,
			struct buffer *error);
void http_parent_commit(struct http_parent *parent);
void http_parent_abandon(struct http_parent *parent);

/* Before one of those: whether there are API keys as before, and other ones. */
bool http_parent_changes_keys(const struct http_parent *parent);

/*
 * Ask the child; question->answered() follows, see http_asks.h. Returns 0 and *ret_ask; -ENOENT if no child serves at
 * present; -errno of http_asks_send().
 */
int http_parent_ask(struct http_parent *parent, const struct http_question *question,
		    struct http_ask **ret_ask);

/* Open the access log anew, as after its rotation. Returns 0, -ENOENT if there is none, -errno. */
int http_parent_reopen_log(struct http_parent *parent);

/*
 * Stop accepting and let the child finish within the policy's timeouts.drain; events->drained() follows. Returns
 * false if there is no child, and nothing follows.
 */
bool http_parent_drain(struct http_parent *parent);

/*
 * Two agents, one after the other (handover.h). http_parent_adopt() is listeners_adopt(). While listeners are shared
 * the files of Unix sockets are left alone: they are the other's.
 */
struct listeners;
int http_parent_adopt(struct http_parent *parent, const char *address, struct passing_fds *fds);
int http_parent_adopt_one(struct http_parent *parent, int fd); /* listeners_adopt_one() */
const struct listeners *http_parent_listeners(const struct http_parent *parent);
void http_parent_share(struct http_parent *parent, bool is_shared);

/* Whether a server that has a name is known to be at an address in prefix. */
bool http_parent_has_server_in(const struct http_parent *parent, const struct prefix *prefix);

/*
 * Tell the child that these (at most PIPE_BANNED_MAX) were banned. Returns 0; -ENOENT if there is no child at present;
 * -errno of pipe_send(), or of pipe_send_patiently().
 */
int http_parent_tell_banned(const struct http_parent *parent, const struct pipe_banned *banned,
			    size_t count, bool is_patient);

/*
 * Counts of limits are read from path, a file, when the first policy with http is prepared, and saved there at the end,
 * unless listeners are shared with a successor, for whom http_parent_save_counts() does it sooner. path outlives the
 * parent.
 */
void http_parent_keep_counts(struct http_parent *parent, const char *path);
void http_parent_save_counts(struct http_parent *parent);

/* The table of counts, -1: none yet; and that of the agent that is taken over from, which becomes the parent's. */
int http_parent_counts_fd(const struct http_parent *parent);
void http_parent_take_counts(struct http_parent *parent, int fd);

/* For status: the child's process id (0: none at present), and how often it had to be started again. */
struct http_parent_state {
	int pid;
	uint64_t restarts;
	bool serves; /* the child of pid does */
	bool draining;
};
struct http_parent_state http_parent_state(const struct http_parent *parent);

#endif
