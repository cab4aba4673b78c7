/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_say.h"

#include <string.h>
#include <sys/socket.h>

#include "child/child.h"

#define ANSWER_TEXT_MAX (PIPE_PAYLOAD_MAX - sizeof(struct pipe_answer))

bool child_has_parent(void)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(CHILD_FD, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

int child_say(enum pipe_kind kind, struct bytes payload)
{
	struct pipe_message message = {.kind = kind, .payload = payload};

	return pipe_send_patiently(CHILD_FD, &message);
}

int child_answer(uint32_t serial, struct bytes text)
{
	char payload[PIPE_PAYLOAD_MAX];
	int err;

	do {
		size_t len = text.len < ANSWER_TEXT_MAX ? text.len : ANSWER_TEXT_MAX;
		struct pipe_answer head = {.serial = serial, .more = len < text.len};

		memcpy(payload, &head, sizeof(head));
		if (len)
			memcpy(payload + sizeof(head), text.at, len);
		err = child_say(PIPE_ANSWER, (struct bytes){payload, sizeof(head) + len});
		text = (struct bytes){text.at + len, text.len - len};
	} while (!err && text.len);
	return err;
}
