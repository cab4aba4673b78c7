/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/pipe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/passing.h"

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
_Static_assert(PIPE_FDS_MAX <= PASSING_FDS_MAX, "the files of a message can be passed");
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

int pipe_send(int fd, const struct pipe_message *message)
{
	struct pipe_header header = {.version = PIPE_VERSION,
				     .kind = (uint16_t)message->kind,
				     .payload_len = (uint32_t)message->payload.len};
	const struct iovec parts[2] = {
		{&header, sizeof(header)},
		{(char *)message->payload.at, message->payload.len},
	};
	struct passing_fds fds = {.count = message->fd_count};

	if (!keeps_rule(&rules[message->kind], message->payload.len, message->fd_count))
		return -EMSGSIZE;
	memcpy(fds.at, message->fds, message->fd_count * sizeof(int));
	return passing_send(fd, parts, &fds);
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

static bool is_sound(const struct pipe_header *header, size_t len, enum pipe_sender from)
{
	return len >= sizeof(*header) && header->version == PIPE_VERSION &&
	       header->kind < PIPE_KIND_COUNT && !header->zero &&
	       header->payload_len == len - sizeof(*header) && rules[header->kind].sender == from;
}

int pipe_receive(int fd, enum pipe_sender from, struct pipe_buffer *buffer,
		 struct pipe_message *ret_message)
{
	struct pipe_header header = {.version = 0};
	struct passing_fds fds;
	ssize_t len = passing_receive(fd, buffer->at, sizeof(buffer->at), &fds);

	if (len < 0)
		return len == -EMSGSIZE ? -EPROTO : (int)len;
	if ((size_t)len >= sizeof(header))
		memcpy(&header, buffer->at, sizeof(header));
	if (!is_sound(&header, (size_t)len, from) ||
	    !keeps_rule(&rules[header.kind], header.payload_len, fds.count)) {
		passing_close(&fds);
		return -EPROTO;
	}
	*ret_message = (struct pipe_message){
		.kind = (enum pipe_kind)header.kind,
		.payload = {buffer->at + sizeof(header), header.payload_len},
		.fd_count = fds.count,
	};
	memcpy(ret_message->fds, fds.at, fds.count * sizeof(int));
	return 0;
}
