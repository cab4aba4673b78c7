/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union room {
	char at[CMSG_SPACE(PASSING_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static void attach(struct msghdr *msg, union room *room, const struct passing_fds *fds)
{
	struct cmsghdr *control;

	if (!fds->count)
		return;
	msg->msg_control = room->at;
	msg->msg_controllen = CMSG_SPACE(fds->count * sizeof(int));
	control = CMSG_FIRSTHDR(msg);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(fds->count * sizeof(int));
	memcpy(CMSG_DATA(control), fds->at, fds->count * sizeof(int));
}

int passing_send(int socket, const struct iovec parts[2], const struct passing_fds *fds)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)parts, .msg_iovlen = 2};
	union room room = {.at = {0}};

	attach(&msg, &room, fds);
	return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Whatever came along is ours to close, in messages that break every rule too. */
static void detach(struct msghdr *msg, struct passing_fds *fds)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(msg); control;
	     control = CMSG_NXTHDR(msg, control)) {
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		/* The room holds no more than PASSING_FDS_MAX altogether. */
		memcpy(fds->at + fds->count, CMSG_DATA(control), count * sizeof(int));
		fds->count += count;
	}
}

ssize_t passing_receive(int socket, void *at, size_t size, struct passing_fds *ret_fds)
{
	struct iovec part = {at, size};
	union room room;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = room.at,
			     .msg_controllen = sizeof(room.at)};
	ssize_t len = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	ret_fds->count = 0;
	if (len < 0)
		return -errno;
	detach(&msg, ret_fds);
	if (!len && !ret_fds->count)
		return -EPIPE;
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		passing_close(ret_fds);
		return -EMSGSIZE;
	}
	return len;
}

void passing_close(struct passing_fds *fds)
{
	for (size_t i = 0; i < fds->count; i++)
		if (fds->at[i] >= 0)
			close(fds->at[i]);
	fds->count = 0;
}
