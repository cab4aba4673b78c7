/* SPDX-License-Identifier: BSD-2-Clause */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Written once, at the start: the environment must not keep them, and nobody else needs them. */
static struct sockaddr_un manager;
static socklen_t manager_len;
static uint64_t watchdog_ns;

static void take_socket(const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(manager.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	manager.sun_family = AF_UNIX;
	memcpy(manager.sun_path, path, len);
	if (path[0] == '@') /* an abstract name, which has no terminator either */
		manager.sun_path[0] = '\0';
	manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* Half the time systemd waits; only if it waits for this process. */
static void take_watchdog(const char *usec, const char *pid)
{
	char *end;
	unsigned long long number;

	if (!usec || (pid && strtoull(pid, NULL, 10) != (unsigned long long)getpid()))
		return;
	errno = 0;
	number = strtoull(usec, &end, 10);
	if (!errno && end != usec && !*end && number < UINT64_MAX / 1000)
		watchdog_ns = number * 1000 / 2;
}

void notify_init(void)
{
	take_socket(getenv("NOTIFY_SOCKET"));
	take_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	(void)unsetenv("NOTIFY_SOCKET"); /* fails for bad names only */
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void notify_send(const char *format, ...)
{
	auto_close int fd = -1;
	char text[512];
	va_list args;
	int len;

	if (!manager_len)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(text))
		return;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&manager,
			     manager_len);
}

uint64_t notify_watchdog_ns(void)
{
	return watchdog_ns;
}
