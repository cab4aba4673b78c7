/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/pipe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* First in every message; both ends are on one machine, so bytes are in its order. */
struct pipe_header {
	uint16_t version;
	uint16_t kind;
	uint32_t payload_len; /* again, though the kernel keeps messages apart: both must agree */
	uint64_t zero;
};

_Static_assert(sizeof(struct pipe_header) ==
		       sizeof(((struct pipe_buffer *)0)->at) - PIPE_PAYLOAD_MAX,
	       "the buffer holds the longest message");
_Static_assert(sizeof(struct pipe_resolved) <= PIPE_PAYLOAD_MAX, "a name's addresses fit");

struct kind_rule {
	const char *name;
	enum pipe_sender sender;
	size_t min, max;
	size_t min_fds, max_fds;
};

static const struct kind_rule rules[PIPE_KIND_COUNT] = {
#define X(name, sender, min, max, min_fds, max_fds) \
	[PIPE_##name] = {#name, PIPE_SENDER_##sender, min, max, min_fds, max_fds},
	PIPE_KINDS(X)
#undef X
};

const char *pipe_kind_name(enum pipe_kind kind)
{
	return kind < PIPE_KIND_COUNT ? rules[kind].name : "unknown";
}

static bool keeps_rule(const struct kind_rule *rule, size_t len, size_t fd_count)
{
	return len >= rule->min && len <= rule->max && fd_count >= rule->min_fds &&
	       fd_count <= rule->max_fds;
}

union fd_room {
	char at[CMSG_SPACE(PIPE_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

static void attach_fds(struct msghdr *msg, union fd_room *room, const struct pipe_message *message)
{
	struct cmsghdr *control;

	if (!message->fd_count)
		return;
	msg->msg_control = room->at;
	msg->msg_controllen = CMSG_SPACE(message->fd_count * sizeof(int));
	control = CMSG_FIRSTHDR(msg);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(message->fd_count * sizeof(int));
	memcpy(CMSG_DATA(control), message->fds, message->fd_count * sizeof(int));
}

int pipe_send(int fd, const struct pipe_message *message)
{
	struct pipe_header header = {.version = PIPE_VERSION,
				     .kind = (uint16_t)message->kind,
				     .payload_len = (uint32_t)message->payload.len};
	struct iovec parts[2] = {
		{&header, sizeof(header)},
		{(char *)message->payload.at, message->payload.len},
	};
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	union fd_room room = {.at = {0}};

	if (!keeps_rule(&rules[message->kind], message->payload.len, message->fd_count))
		return -EMSGSIZE;
	attach_fds(&msg, &room, message);
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int pipe_send_patiently(int fd, const struct pipe_message *message)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int err;

	while ((err = pipe_send(fd, message)) == -EAGAIN)
		if (poll(&ready, 1, PIPE_PATIENCE_MS) <= 0)
			return -ETIMEDOUT;
	return err;
}

void pipe_close_fds(struct pipe_message *message)
{
	for (size_t i = 0; i < message->fd_count; i++)
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	message->fd_count = 0;
}

/* Whatever came along is ours to close, in messages that break every rule too. */
static void take_fds(struct msghdr *msg, struct pipe_message *message)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(msg); control;
	     control = CMSG_NXTHDR(msg, control)) {
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		/* The room holds no more than PIPE_FDS_MAX altogether. */
		memcpy(message->fds + message->fd_count, CMSG_DATA(control), count * sizeof(int));
		message->fd_count += count;
	}
}

static bool is_sound(const struct msghdr *msg, size_t len, const struct pipe_header *header,
		     enum pipe_sender from)
{
	return !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && len >= sizeof(*header) &&
	       header->version == PIPE_VERSION && header->kind < PIPE_KIND_COUNT && !header->zero &&
	       header->payload_len == len - sizeof(*header) && rules[header->kind].sender == from;
}

int pipe_receive(int fd, enum pipe_sender from, struct pipe_buffer *buffer,
		 struct pipe_message *ret_message)
{
	struct pipe_header header = {.version = 0};
	struct iovec part = {buffer->at, sizeof(buffer->at)};
	union fd_room room;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = room.at,
			     .msg_controllen = sizeof(room.at)};
	struct pipe_message message = {.fd_count = 0};
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (len < 0)
		return -errno;
	take_fds(&msg, &message);
	if (!len && !message.fd_count)
		return -EPIPE;
	if ((size_t)len >= sizeof(header))
		memcpy(&header, buffer->at, sizeof(header));
	message.kind = (enum pipe_kind)header.kind;
	message.payload = (struct bytes){buffer->at + sizeof(header), header.payload_len};
	if (!is_sound(&msg, (size_t)len, &header, from) ||
	    !keeps_rule(&rules[header.kind], header.payload_len, message.fd_count)) {
		pipe_close_fds(&message);
		return -EPROTO;
	}
	*ret_message = message;
	return 0;
}
