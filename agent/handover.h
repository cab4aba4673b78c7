/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One agent takes the place of another without a moment in which nobody listens: the sockets go from the old process
 * to the new one, with whoever waits in their queues.
 *
 *   new (taker)                       old (giver), at CONTROL.handover
 *   connects  --------------------->
 *          <------------------------  SOCKETS (name, descriptors) ..., ALL
 *   TAKE  ------------------------->
 *          <------------------------  YIELDED: it has let go of the datapath and answers no command any more
 *   SERVES  ----------------------->  drains and ends
 *   (or it is gone)                   goes on as if nothing had happened
 *
 * Until SERVES the old one goes on accepting; from TAKE on a new child may accept as well. The socket lies beside the
 * control socket, mode 0600: only root, or the user the agent runs as, is given anything.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/passing.h"

#define HANDOVER_NAME_MAX 320 /* bytes of a name, its end included: "http " and an address */
#define HANDOVER_SETS_MAX 256
#define HANDOVER_PATH_MAX 108 /* of a Unix socket */

/* Sockets and what they are: "control", "metrics ADDRESS", "http ADDRESS", "handover"; "counts": of limits, a memfd. */
struct handover_set {
	char name[HANDOVER_NAME_MAX];
	struct passing_fds fds;
};

struct handover {
	struct handover_set *sets;
	size_t count;
};

/* Add copies of name and the numbers of fds. Returns 0, -ENOMEM, or -ENOSPC. */
int handover_add(struct handover *handover, const char *name, const int fds[], size_t count);

/* The set of that name, or NULL. */
struct handover_set *handover_find(const struct handover *handover, const char *name);

/* Frees it; descriptors are closed only if they are said to be its own. */
void handover_free(struct handover *handover, bool closes);

/* ---- The old one ---- */

struct giver;

struct giver_events {
	/* Add what there is to give. Returns 0 or -errno. */
	int (*collect)(void *context, struct handover *handover);
	/* Let go of what only one can have. */
	void (*yield)(void *context);
	/* The other one did not make it: take everything up again. Only after yield(). */
	void (*resume)(void *context);
	/* The other one serves: end, and leave behind what it has been given. */
	void (*leave)(void *context);
	void *context;
};

/*
 * Wait for a successor beside the socket control; fd: a listening socket that was taken over, -1: none yet. events
 * outlive the giver. Returns 0 or -errno; fd is the giver's only if it is 0.
 */
int giver_new(struct loop *loop, const char *control, int fd, const struct giver_events *events,
	      struct giver **ret_giver);
int giver_fd(const struct giver *giver);
/* Removes the socket's file, unless it is another's: giver_keeps_file(), or a successor has it. NULL is fine. */
void giver_free(struct giver *giver);
void giver_keeps_file(struct giver *giver, bool keeps);

/* ---- The new one ---- */

struct taker {
	int fd;
	struct handover given;
};

/* Returns 0; -ENOENT if no agent waits there; -EPROTO if it is of another kind; -errno. */
int taker_ask(const char *control, struct taker *ret_taker);

/* The old one is to let go. Returns 0 or -errno, and the old one goes on. */
int taker_take(struct taker *taker);

/* Everything is served. Returns 0, or -errno if the old one had gone on by itself: then it is to be left alone. */
int taker_serves(struct taker *taker);

/* Closes what was not taken. Before taker_serves() the old one goes on. */
void taker_free(struct taker *taker);

/* ---- Between the two ---- */

enum handover_word {
	HANDOVER_SOCKETS = 1,
	HANDOVER_ALL,
	HANDOVER_TAKE,
	HANDOVER_YIELDED,
	HANDOVER_SERVES,
};

/* Returns 0 or -errno. name may be NULL, fds too. */
int handover_send(int fd, enum handover_word word, const char *name, const struct passing_fds *fds);

/*
 * Returns 0; -EAGAIN; -EPIPE at the end; -EPROTO for what is no such message. The descriptors are the caller's.
 */
int handover_receive(int fd, enum handover_word *ret_word, struct handover_set *ret_set);

/* "CONTROL.handover" in out. Returns 0 or -ENAMETOOLONG. */
int handover_path(const char *control, char out[static HANDOVER_PATH_MAX]);

#endif
