/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define BACKLOG		1024 /* a Unix client that finds it full gets an error at once, and no second try */
#define TIMEOUT_SECONDS 30 /* of our own requests: a detach waits for the kernel */

static int __attribute__((format(printf, 3, 4)))
failed(char *error, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, LISTEN_ERROR_MAX, format, args); /* cut is fine for people */
	va_end(args);
	return status;
}

static int unix_address(const char *path, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (!path[0] || strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	*ret_address = address;
	return 0;
}

int connect_unix(const char *path, int *ret_fd)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
	struct sockaddr_un address;
	auto_close int fd = -1;
	int status = unix_address(path, &address);

	if (status)
		return status;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

/* The directory of path, made if need be, opened and locked: two agents that start must not both replace a socket. */
static int lock_directory(const char *path, int *ret_fd)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');
	auto_close int fd = -1;

	if (slash) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);

		memcpy(directory, path, len);
		directory[len] = '\0';
		if (mkdir(directory, 0755) && errno != EEXIST)
			return -errno;
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

/* Remove a socket that nobody listens at. */
static int remove_stale(const char *path, char *error)
{
	struct stat found;
	int fd = -1;
	int status;

	if (lstat(path, &found))
		return errno == ENOENT ? 0 : failed(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(found.st_mode))
		return failed(error, -EEXIST,
			      "%s is there and is no socket; name another --control", path);

	status = connect_unix(path, &fd);
	if (fd >= 0)
		close(fd);
	if (!status || status == -EAGAIN)
		return failed(
			error, -EADDRINUSE,
			"sluiced is already running: it answers at %s; use systemctl or `sluice` "
			"to change it",
			path);
	if (status != -ECONNREFUSED)
		return failed(error, status, "%s: %s", path, strerror(-status));
	if (unlink(path))
		return failed(error, -errno, "removing the stale socket %s: %s", path,
			      strerror(errno));
	return 0;
}

static int bind_unix(const struct sockaddr_un *address, gid_t group, int *ret_fd)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int status;

	if (fd < 0)
		return -errno;
	mask = umask(
		0117); /* bind() makes it 0660 at once: no moment in which others may connect */
	status = bind(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	(void)umask(mask); /* never fails */
	if (!status && chown(address->sun_path, (uid_t)-1, group))
		status = -errno;
	if (!status && listen(fd, BACKLOG))
		status = -errno;
	if (status)
		return status;
	*ret_fd = take_fd(fd);
	return 0;
}

int listen_unix(const char *path, gid_t group, int *ret_fd, char error[static LISTEN_ERROR_MAX])
{
	struct sockaddr_un address;
	auto_close int lock = -1;
	int status = unix_address(path, &address);

	if (status)
		return failed(error, status, "%s: a socket's path has 1 to %zu bytes", path,
			      sizeof(address.sun_path) - 1);
	status = lock_directory(path, &lock);
	if (status == -EWOULDBLOCK)
		return failed(error, -EADDRINUSE, "another sluiced is starting at %s", path);
	if (status)
		return failed(error, status,
			      "the directory of %s: %s; run as root or name another --control",
			      path, strerror(-status));
	status = remove_stale(path, error);
	if (status)
		return status;
	status = bind_unix(&address, group, ret_fd);
	if (status)
		return failed(error, status,
			      "listening at %s: %s; run as root or name another --control", path,
			      strerror(-status));
	return 0;
}

/* ---- TCP ---------------------------------------------------------------------------- */

/* Cut "HOST:PORT" or "[HOST]:PORT" in two, in place. */
static bool split_address(char *text, char **ret_host, char **ret_port)
{
	char *colon = strrchr(text, ':');

	if (!colon || colon == text || !colon[1])
		return false;
	*colon = '\0';
	*ret_port = colon + 1;
	*ret_host = text;
	if (text[0] == '[') {
		if (colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		*ret_host = text + 1;
	}
	return strspn(*ret_port, "0123456789") == strlen(*ret_port) && strlen(*ret_port) <= 5;
}

static int bind_tcp(const struct addrinfo *at, int *ret_fd)
{
	const int on = 1;
	auto_close int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

int listen_tcp(const char *address, int *ret_fd, char error[static LISTEN_ERROR_MAX])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *found = NULL;
	char text[128];
	char *host;
	char *port;
	int status;

	if (snprintf(text, sizeof(text), "%s", address) >= (int)sizeof(text) ||
	    !split_address(text, &host, &port) || getaddrinfo(host, port, &hints, &found))
		return failed(
			error, -EINVAL,
			"--metrics %.100s: expected ADDRESS:PORT, such as 127.0.0.1:9290, or off",
			address);
	status = bind_tcp(found, ret_fd);
	freeaddrinfo(found);
	if (status)
		return failed(error, status,
			      "listening at %s for metrics: %s; name another --metrics, or off",
			      address, strerror(-status));
	return 0;
}
