/* SPDX-License-Identifier: BSD-2-Clause */
/* The old agent's side: nobody is waited for, everything is an event of the loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "handover.h"

#define BACKLOG 4
#define PATIENCE_NS \
	(120 * NS_PER_SEC) /* for a successor that loads a policy of a million prefixes */

struct giver {
	struct loop *loop;
	const struct giver_events *events;
	char path[HANDOVER_PATH_MAX];
	int fd;
	struct loop_watch *watch;

	int peer; /* the successor; -1: none */
	struct loop_watch *peer_watch;
	struct loop_timer *deadline;
	bool has_yielded;
	bool keeps_file;
};

static void end_peer(struct giver *giver)
{
	loop_unwatch(giver->peer_watch);
	loop_cancel(giver->deadline);
	giver->peer_watch = NULL;
	giver->deadline = NULL;
	if (giver->peer >= 0)
		close(giver->peer);
	giver->peer = -1;
}

/* It did not come to serving: everything is as before. */
static void give_up(struct giver *giver, const char *why)
{
	end_peer(giver);
	log_warning("the sluiced that was to take over %s; this one goes on", why);
	if (giver->has_yielded)
		giver->events->resume(giver->events->context);
	giver->has_yielded = false;
}

static void deadline_passed(void *context, uint64_t now_ns)
{
	give_up(context, "does not come to serving");
}

static void yield(struct giver *giver)
{
	giver->events->yield(giver->events->context);
	giver->has_yielded = true;
	if (handover_send(giver->peer, HANDOVER_YIELDED, NULL, NULL))
		give_up(giver, "is gone");
}

static void leave(struct giver *giver)
{
	giver->keeps_file = true;
	end_peer(giver);
	loop_unwatch(giver->watch);
	giver->watch = NULL;
	giver->events->leave(giver->events->context);
}

static void peer_ready(void *context, uint32_t events)
{
	struct giver *giver = context;
	struct handover_set set;
	enum handover_word word;
	int err = handover_receive(giver->peer, &word, &set);

	if (err == -EAGAIN)
		return;
	if (!err)
		passing_close(&set.fds);
	if (!err && word == HANDOVER_TAKE && !giver->has_yielded)
		yield(giver);
	else if (!err && word == HANDOVER_SERVES && giver->has_yielded)
		leave(giver);
	else
		give_up(giver, err == -EPIPE || err == -ECONNRESET ? "ended" : "makes no sense");
}

/* ---- Its start ---- */

static int give(const struct giver *giver)
{
	struct handover handover = {.sets = NULL};
	int err = giver->events->collect(giver->events->context, &handover);

	for (size_t i = 0; i < handover.count && !err; i++)
		err = handover_send(giver->peer, HANDOVER_SOCKETS, handover.sets[i].name,
				    &handover.sets[i].fds);
	handover_free(&handover, false);
	return err ? err : handover_send(giver->peer, HANDOVER_ALL, NULL, NULL);
}

static int watch_peer(struct giver *giver)
{
	int err = loop_watch(giver->loop, giver->peer, EPOLLIN, peer_ready, giver,
			     &giver->peer_watch);

	return err ? err
		   : loop_at(giver->loop, clock_now_ns() + PATIENCE_NS, 0, deadline_passed, giver,
			     &giver->deadline);
}

/* The socket's mode says the same; this holds where somebody has changed it. */
static bool may_take(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void giver_ready(void *context, uint32_t events)
{
	struct giver *giver = context;
	auto_close int fd = accept4(giver->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int err;

	if (fd < 0 || giver->peer >= 0 || !may_take(fd))
		return;
	giver->peer = take_fd(fd);
	err = watch_peer(giver);
	if (!err)
		err = give(giver);
	if (err)
		give_up(giver, strerror(-err));
}

/* We answer at the control socket: what lies beside it is a leftover. */
static int listen_there(const char *path, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int err;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (unlink(path) && errno != ENOENT)
		return -errno;
	mask = umask(0177); /* 0600 at once: no moment in which others may connect */
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	(void)umask(mask); /* never fails */
	if (!err && listen(fd, BACKLOG))
		err = -errno;
	if (!err)
		*ret_fd = take_fd(fd);
	return err;
}

_Static_assert(HANDOVER_PATH_MAX == sizeof(((struct sockaddr_un *)0)->sun_path), "paths fit");

int giver_new(struct loop *loop, const char *control, int fd, const struct giver_events *events,
	      struct giver **ret_giver)
{
	auto_free struct giver *giver = calloc(1, sizeof(*giver));
	int listening = fd, err;

	if (!giver)
		return -ENOMEM;
	giver->loop = loop;
	giver->events = events;
	giver->peer = -1;
	err = handover_path(control, giver->path);
	if (!err && fd < 0)
		err = listen_there(giver->path, &listening);
	if (!err)
		err = loop_watch(loop, listening, EPOLLIN, giver_ready, giver, &giver->watch);
	if (err && listening >= 0 && fd < 0)
		close(listening);
	if (err)
		return err;
	giver->fd = listening;
	*ret_giver = take_ptr(giver);
	return 0;
}

void giver_keeps_file(struct giver *giver, bool keeps)
{
	giver->keeps_file = keeps;
}

int giver_fd(const struct giver *giver)
{
	return giver->fd;
}

void giver_free(struct giver *giver)
{
	if (!giver)
		return;
	end_peer(giver);
	loop_unwatch(giver->watch);
	close(giver->fd);
	if (!giver->keeps_file)
		(void)unlink(giver->path); /* one that stays is replaced at the next start */
	free(giver);
}
