/* SPDX-License-Identifier: BSD-2-Clause */
/* The new agent's side: it has nothing else to do yet, and waits. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "handover.h"

#define PATIENCE_NS (30 * NS_PER_SEC) /* for the old one, which may be in the middle of a reload */

static int wait_word(int fd, enum handover_word *ret_word, struct handover_set *ret_set)
{
	const uint64_t until_ns = clock_now_ns() + PATIENCE_NS;
	int err;

	while ((err = handover_receive(fd, ret_word, ret_set)) == -EAGAIN) {
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= until_ns ||
		    poll(&ready, 1, (int)((until_ns - now_ns) / NS_PER_MS + 1)) < 0)
			return -ETIMEDOUT;
	}
	return err;
}

/* Whoever waits there decides what we serve with. */
static bool is_trusted(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static int connect_to(const char *control, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = handover_path(control, address.sun_path);

	if (err)
		return err;
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return errno == ECONNREFUSED ? -ENOENT : -errno;
	if (!is_trusted(fd))
		return -EPERM;
	*ret_fd = take_fd(fd);
	return 0;
}

static int take_sets(struct taker *taker)
{
	struct handover_set set;
	enum handover_word word;
	int err;

	while (!(err = wait_word(taker->fd, &word, &set)) && word == HANDOVER_SOCKETS) {
		err = handover_add(&taker->given, set.name, set.fds.at, set.fds.count);
		if (err) {
			passing_close(&set.fds);
			return err;
		}
	}
	return err ? err : word == HANDOVER_ALL ? 0 : -EPROTO;
}

int taker_ask(const char *control, struct taker *ret_taker)
{
	struct taker taker = {.fd = -1};
	int err = connect_to(control, &taker.fd);

	if (!err)
		err = take_sets(&taker);
	if (err)
		taker_free(&taker);
	else
		*ret_taker = taker;
	return err;
}

int taker_take(struct taker *taker)
{
	struct handover_set set;
	enum handover_word word;
	int err = handover_send(taker->fd, HANDOVER_TAKE, NULL, NULL);

	if (!err)
		err = wait_word(taker->fd, &word, &set);
	return err ? err : word == HANDOVER_YIELDED ? 0 : -EPROTO;
}

int taker_serves(struct taker *taker)
{
	return handover_send(taker->fd, HANDOVER_SERVES, NULL, NULL);
}

void taker_free(struct taker *taker)
{
	if (taker->fd >= 0)
		close(taker->fd);
	taker->fd = -1;
	handover_free(&taker->given, true);
}
