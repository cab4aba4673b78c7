/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/conn.h"

#define ACCEPTS_A_TURN 64 /* before others have their turn */
#define QUEUE_MAX \
	4096 /* the kernel lets no more wait (net.core.somaxconn), unless it was told to */

/* True: there may be more. */
static bool accept_one(struct worker *worker, struct listener *listener)
{
	struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(from);
	int fd =
		accept4(listener->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		conn_open(worker, listener, fd, &from);
		return true;
	}
	/* Without descriptors the connection stays in the queue; an idle one makes place for it. */
	if (errno == EMFILE || errno == ENFILE) {
		listener->is_short_of_files = !worker_close_idle(worker);
		return !listener->is_short_of_files;
	}
	return errno == EINTR || errno == ECONNABORTED;
}

static void listener_ready(struct worker *worker, struct pollee *pollee, uint32_t events)
{
	struct listener *listener = (struct listener *)(void *)pollee;

	for (int i = 0; i < ACCEPTS_A_TURN; i++)
		if (!accept_one(worker, listener))
			return;
	worker_turn(worker, pollee);
}

int listener_open(struct worker *worker, int fd, uint32_t number)
{
	struct listener *listener = memory_object(&worker->memory, sizeof(*listener));
	int err = -ENOMEM;

	if (listener) {
		listener->poll.ready = listener_ready;
		listener->fd = fd;
		listener->number = number;
		listener->is_named = true;
		err = worker_watch(worker, fd, &listener->poll);
	}
	if (err) {
		memory_give_object(&worker->memory, listener, sizeof(*listener));
		close(fd);
		return err;
	}
	list_append(&worker->listeners, &listener->link);
	return 0;
}

void listener_accept_waiting(struct worker *worker, struct listener *listener)
{
	for (int i = 0; i < QUEUE_MAX && accept_one(worker, listener); i++)
		;
}

void listener_close(struct worker *worker, struct listener *listener)
{
	while (accept_one(worker, listener))
		;
	list_remove(&listener->link);
	/* Others hold the same socket open (the parent; other threads, a Unix one): closing alone would leave it watched. */
	(void)epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, listener->fd, NULL); /* it is watched */
	close(listener->fd);
	worker_bury(worker, &listener->poll, sizeof(*listener));
}
