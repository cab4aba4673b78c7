/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/wire.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* One piece goes to the kernel faster than a list of several: worth a copy as long as that is short. */
#define JOINED_MAX 3072

void wire_event(struct wire *wire, uint32_t events)
{
	if (events & EPOLLIN)
		wire->can_read = true;
	if (events & EPOLLOUT)
		wire->can_write = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		wire->saw_end = true;
		wire->can_read = true; /* finds out which */
	}
}

size_t wire_read(struct wire *wire, char *at, size_t room)
{
	ssize_t len;

	if (!wire->can_read || wire->is_broken || !room)
		return 0;
	len = recv(wire->fd, at, room, 0);
	if (len > 0) {
		/* A short read has emptied the socket: the next byte is a new edge. */
		if ((size_t)len < room && !wire->saw_end)
			wire->can_read = false;
		return (size_t)len;
	}
	if (len < 0 && errno == EINTR)
		return 0;
	wire->can_read = false;
	if (!len)
		wire->has_ended = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK)
		wire->is_broken = true;
	return 0;
}

static ssize_t send_joined(int fd, const struct iovec *iov, int count)
{
	char joined[JOINED_MAX], *at = joined;

	for (int i = 0; i < count; i++) {
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return send(fd, joined, (size_t)(at - joined), MSG_NOSIGNAL);
}

static ssize_t send_parts(int fd, struct iovec *iov, int count, size_t total)
{
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};

	if (count == 1)
		return send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	return total <= JOINED_MAX ? send_joined(fd, iov, count)
				   : sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* Returns bytes of total sent, 0 if none could be; is_broken where none ever will be. */
static size_t send_now(struct wire *wire, struct iovec *iov, int count, size_t total)
{
	ssize_t len;

	if (!wire->can_write)
		return 0;
	len = send_parts(wire->fd, iov, count, total);
	if (len >= 0) {
		wire->sent += (uint64_t)len;
		return (size_t)len;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		wire->can_write = false;
	else if (errno != EINTR)
		wire->is_broken = true;
	return 0;
}

static bool hold(struct wire *wire, struct memory *memory, struct bytes part)
{
	if (!held_add(&wire->out, memory, part))
		wire->is_broken = true;
	return !wire->is_broken;
}

static size_t total_of(const struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	return total;
}

bool wire_send(struct wire *wire, struct memory *memory, struct iovec *iov, int count)
{
	size_t total = total_of(iov, count), sent = 0;

	if (wire->is_broken)
		return false;
	if (!total)
		return true;
	if (!wire->out.len)
		sent = send_now(wire, iov, count, total);
	if (sent == total)
		return true;
	if (sent)
		wire->can_write = false;
	for (int i = 0; i < count && !wire->is_broken; i++) {
		size_t skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;

		sent -= skip;
		(void)hold(wire, memory,
			   (struct bytes){(char *)iov[i].iov_base + skip, iov[i].iov_len - skip});
	}
	return !wire->is_broken;
}

bool wire_flush(struct wire *wire, struct memory *memory)
{
	while (wire->out.len && wire->can_write && !wire->is_broken) {
		struct bytes out = held_bytes(&wire->out);
		struct iovec iov = {(void *)out.at, out.len};
		size_t sent = send_now(wire, &iov, 1, out.len);

		if (sent && sent < out.len)
			wire->can_write = false;
		held_drop(&wire->out, memory, sent);
	}
	return !wire->is_broken;
}
