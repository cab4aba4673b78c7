/* SPDX-License-Identifier: BSD-2-Clause */
#include "handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two programs of different versions meet here: these bytes keep their meaning for ever. */
#define MAGIC 0x31484c53u /* "SLH1" */
struct wire_message {
	uint32_t magic;
	uint32_t word;
	char name[HANDOVER_NAME_MAX];
};

int handover_path(const char *control, char out[static HANDOVER_PATH_MAX])
{
	int len = snprintf(out, HANDOVER_PATH_MAX, "%s.handover", control);

	return len < 0 || len >= HANDOVER_PATH_MAX ? -ENAMETOOLONG : 0;
}

int handover_add(struct handover *handover, const char *name, const int fds[], size_t count)
{
	struct handover_set *sets, *added;

	if (handover->count == HANDOVER_SETS_MAX || count > PASSING_FDS_MAX ||
	    strlen(name) >= HANDOVER_NAME_MAX)
		return -ENOSPC;
	sets = reallocarray(handover->sets, handover->count + 1, sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	handover->sets = sets;
	added = &sets[handover->count++];
	*added = (struct handover_set){.fds = {.count = count}};
	memcpy(added->name, name, strlen(name) + 1);
	memcpy(added->fds.at, fds, count * sizeof(int));
	return 0;
}

struct handover_set *handover_find(const struct handover *handover, const char *name)
{
	for (size_t i = 0; i < handover->count; i++)
		if (!strcmp(handover->sets[i].name, name))
			return &handover->sets[i];
	return NULL;
}

void handover_free(struct handover *handover, bool closes)
{
	for (size_t i = 0; closes && i < handover->count; i++)
		passing_close(&handover->sets[i].fds);
	free(handover->sets);
	*handover = (struct handover){.sets = NULL};
}

int handover_send(int fd, enum handover_word word, const char *name, const struct passing_fds *fds)
{
	static const struct passing_fds none;
	struct wire_message message = {.magic = MAGIC, .word = word};
	const struct iovec parts[2] = {{&message, sizeof(message)}, {NULL, 0}};

	if (name)
		(void)snprintf(message.name, sizeof(message.name), "%s", name);
	return passing_send(fd, parts, fds ? fds : &none);
}

static bool is_sound(const struct wire_message *message, ssize_t len)
{
	return len == sizeof(*message) && message->magic == MAGIC &&
	       message->word >= HANDOVER_SOCKETS && message->word <= HANDOVER_SERVES &&
	       memchr(message->name, 0, sizeof(message->name));
}

int handover_receive(int fd, enum handover_word *ret_word, struct handover_set *ret_set)
{
	struct wire_message message;
	ssize_t len = passing_receive(fd, &message, sizeof(message), &ret_set->fds);

	if (len < 0)
		return len == -EMSGSIZE ? -EPROTO : (int)len;
	/* Only sockets come with descriptors. */
	if (!is_sound(&message, len) ||
	    (message.word == HANDOVER_SOCKETS) != (ret_set->fds.count > 0)) {
		passing_close(&ret_set->fds);
		return -EPROTO;
	}
	*ret_word = (enum handover_word)message.word;
	memcpy(ret_set->name, message.name, sizeof(message.name));
	return 0;
}
