/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP plane's listening sockets. They stay open in the parent, so that connections queue while its child
 * is started again, and one that a reload keeps never stops listening.
 */
#ifndef HTTP_LISTENERS_H
#define HTTP_LISTENERS_H

#include "base/buffer.h"
#include "base/passing.h"
#include "http/pipe.h"

struct listener {
	char address[HTTP_ADDRESS_TEXT_MAX];
	char path[128]; /* of a Unix socket, to be removed with it; "" */
	/* TCP: at least a socket a thread (SO_REUSEPORT); Unix: fds[0] is everybody's. */
	int fds[PIPE_FDS_MAX];
	size_t fd_count;
	bool is_new;	/* opened for a policy that is not in force yet */
	bool is_wanted; /* by the policy last prepared */
};

struct listeners {
	struct listener *at;
	size_t count;
	uint32_t threads; /* at most PIPE_FDS_MAX; the same for as long as they are open */
	bool keeps_files; /* of Unix sockets: the service manager keeps them open for the next agent */
	bool is_shared; /* with another agent, whose Unix sockets' files they are: they stay */
};

/*
 * Take over a listener of another agent, before the first policy. Returns 0, and the sockets are taken (their count is
 * 0); -EINVAL if they are no listening sockets or the address is not new; -ENOMEM.
 */
int listeners_adopt(struct listeners *listeners, const char *address, struct passing_fds *fds);

/*
 * Open what http listens on and is not open yet. Returns 0, or -errno and which in error; what was opened
 * is then closed again. Followed by listeners_commit() or listeners_abandon().
 */
int listeners_prepare(struct listeners *listeners, const struct http_policy *http,
		      struct buffer *error);

/* Close what http, last prepared, does not want; all of it where that was NULL. */
void listeners_commit(struct listeners *listeners);

/*
 * Take over one listening socket, whoever opened it; several of one address become one listener. fd is taken if this
 * returns 0; -EINVAL if it is no listening socket of a kind we have, -ENOSPC, -ENOMEM.
 */
int listeners_adopt_one(struct listeners *listeners, int fd);

/* Close what was opened for the policy that is not to be. */
void listeners_abandon(struct listeners *listeners);

/* Close everything. */
void listeners_free(struct listeners *listeners);

/*
 * Send a child the number of its threads and the sockets of every listener; only_new: only the sockets of those that
 * it cannot have yet. Returns 0 or -errno.
 */
int listeners_send(const struct listeners *listeners, bool only_new, int pipe_fd);

#endif
