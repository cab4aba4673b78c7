/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/notify.h"

#include <errno.h>
#include <fcntl.h>
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
static unsigned kept_count;

#define KEPT_FIRST 3	/* where sd_listen_fds(3) says that they begin */
#define KEPT_MAX   4096 /* FileDescriptorStoreMax= of the unit */
#define KEPT_NAME  "FDNAME=http"

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

/* Only if they are for this process. */
static void take_kept(const char *number, const char *pid)
{
	unsigned long count;
	char *end;

	if (!number || !pid || strtoull(pid, NULL, 10) != (unsigned long long)getpid())
		return;
	count = strtoul(number, &end, 10);
	if (end == number || *end || count > KEPT_MAX)
		return;
	kept_count = (unsigned)count;
	for (unsigned i = 0; i < kept_count; i++)
		(void)fcntl(KEPT_FIRST + (int)i, F_SETFD,
			    FD_CLOEXEC); /* one that is not open is no socket */
}

void notify_init(void)
{
	take_kept(getenv("LISTEN_FDS"), getenv("LISTEN_PID"));
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDNAMES");
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

bool notify_is_heard(void)
{
	return manager_len != 0;
}

void notify_forget_kept(void)
{
	notify_send("FDSTOREREMOVE=1\n" KEPT_NAME);
}

void notify_keep(const struct passing_fds *fds)
{
	static const char text[] = "FDSTORE=1\n" KEPT_NAME;
	const struct iovec parts[2] = {{(void *)text, sizeof(text) - 1}, {NULL, 0}};
	auto_close int fd = -1;

	if (!manager_len)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&manager, manager_len))
		(void)passing_send(fd, parts,
				   fds); /* a manager that does not listen keeps nothing */
}

unsigned notify_take_kept(int *ret_first)
{
	unsigned count = kept_count;

	kept_count = 0;
	*ret_first = KEPT_FIRST;
	return count;
}
