/* SPDX-License-Identifier: BSD-2-Clause */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

#define CONNECTION    "SSH_CONNECTION" /* "PEER PORT HERE PORT", as sshd sets it */
#define ANCESTORS_MAX 32

static bool take_peer(const char *connection, char out[static SESSION_PEER_MAX])
{
	size_t len = strcspn(connection, " %");

	if (!len || len >= SESSION_PEER_MAX)
		return false;
	memcpy(out, connection, len);
	out[len] = 0;
	return true;
}

static bool find_in_environment(long pid, char out[static SESSION_PEER_MAX])
{
	static const char name[] = CONNECTION "=";
	auto_text char *path = memory_printf("/proc/%ld/environ", pid);
	auto_file FILE *file = fopen(path, "re");
	auto_text char *entry = NULL;
	size_t room = 0;

	while (file && getdelim(&entry, &room, 0, file) > 0)
		if (!strncmp(entry, name, sizeof(name) - 1))
			return take_peer(entry + sizeof(name) - 1, out);
	return false;
}

/* 0 if it cannot be seen, or there is none. */
static long parent_of(long pid)
{
	static const char name[] = "PPid:";
	auto_text char *path = memory_printf("/proc/%ld/status", pid);
	auto_file FILE *file = fopen(path, "re");
	auto_text char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0)
		if (!strncmp(line, name, sizeof(name) - 1))
			return strtol(line + sizeof(name) - 1, NULL, 10);
	return 0;
}

/* sudo takes the variable from those it runs, but has it itself. */
bool session_peer(char out[static SESSION_PEER_MAX])
{
	const char *own = getenv(CONNECTION);
	long pid = getppid();

	if (own)
		return take_peer(own, out);
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (find_in_environment(pid, out))
			return true;
		pid = parent_of(pid);
	}
	return false;
}
