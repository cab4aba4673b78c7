/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_listeners.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/privileges.h"
#include "parent/http_endpoint.h"

#define SOCKET_MODE \
	0666 /* who may connect is decided by the directory, as with any web server's socket */

#define UNIX_PREFIX "unix:" /* of an address, as http_address_format() writes it */

/* A socket that nobody listens on is a leftover and would make bind() fail for ever. Anything else is left alone. */
static void remove_leftover(const union endpoint *endpoint, socklen_t len)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (fd < 0 || lstat(endpoint->local.sun_path, &status) || !S_ISSOCK(status.st_mode))
		return;
	if (connect(fd, &endpoint->any, len) && errno == ECONNREFUSED)
		(void)unlink(endpoint->local.sun_path); /* bind() says if it is still there */
}

static void close_listener(const struct listeners *listeners, struct listener *listener)
{
	for (size_t i = 0; i < listener->fd_count; i++)
		close(listener->fds[i]);
	listener->fd_count = 0;
	if (listener->path[0] && !listeners->is_shared && !listeners->keeps_files)
		(void)unlink(listener->path); /* somebody may have been faster */
}

static int open_unix(const struct http_address *address, struct listener *listener)
{
	union endpoint endpoint;
	socklen_t len = endpoint_of(address, &endpoint);
	int err;

	remove_leftover(&endpoint, len);
	err = endpoint_open(&endpoint, len, &listener->fds[0]);
	if (err)
		return err;
	listener->fd_count = 1;
	(void)snprintf(listener->path, sizeof(listener->path), "%s", address->name);
	return chmod(listener->path, SOCKET_MODE) ? -errno : 0;
}

/* Sockets for the threads that have none yet. */
static int open_tcp(const struct http_address *address, uint32_t threads, struct listener *listener)
{
	auto_lower_bind bool raised = privileges_raise_bind();
	union endpoint endpoint;
	socklen_t len = endpoint_of(address, &endpoint);
	int err = 0;

	while (listener->fd_count < threads && !err) {
		err = endpoint_open(&endpoint, len, &listener->fds[listener->fd_count]);
		listener->fd_count += !err;
	}
	return err;
}

static struct listener *find(const struct listeners *listeners, const char *address)
{
	for (size_t i = 0; i < listeners->count; i++)
		if (!strcmp(listeners->at[i].address, address))
			return &listeners->at[i];
	return NULL;
}

/* An empty one behind the others, not counted yet. NULL: no memory. */
static struct listener *next_listener(struct listeners *listeners)
{
	struct listener *at =
		reallocarray(listeners->at, listeners->count + 1, sizeof(*listeners->at));

	if (!at)
		return NULL;
	listeners->at = at;
	at[listeners->count] = (struct listener){.is_new = true, .is_wanted = true};
	return &at[listeners->count];
}

static bool listens_at_port(const struct listeners *listeners, uint16_t port)
{
	for (size_t i = 0; i < listeners->count; i++) {
		const char *colon = strrchr(listeners->at[i].address, ':');

		if (!listeners->at[i].path[0] && colon && strtoul(colon + 1, NULL, 10) == port)
			return true;
	}
	return false;
}

/* A wider or narrower address than one of ours, as a reload may want, is nobody else's. */
static int check_unused(const struct listeners *listeners, const struct http_address *address)
{
	auto_lower_bind bool raised = privileges_raise_bind();
	union endpoint endpoint;
	socklen_t len = endpoint_of(address, &endpoint);

	return listens_at_port(listeners, address->port) ? 0
							 : endpoint_check_unused(&endpoint, len);
}

static int add_tcp(struct listeners *listeners, const struct http_address *address,
		   struct listener *added)
{
	int err = check_unused(listeners, address);

	return err ? err : open_tcp(address, listeners->threads, added);
}

static int add(struct listeners *listeners, const struct http_address *address)
{
	struct listener *added = next_listener(listeners);
	int err;

	if (!added)
		return -ENOMEM;
	(void)http_address_format(address, added->address);
	err = address->kind == HTTP_ADDRESS_UNIX ? open_unix(address, added)
						 : add_tcp(listeners, address, added);
	if (err)
		close_listener(listeners, added);
	else
		listeners->count++;
	return err;
}

static bool is_listening(int fd)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) && value;
}

/* Whether these can be the sockets of a listener that is not there yet. */
static bool is_sound(const struct listeners *listeners, const char *address,
		     const struct passing_fds *fds)
{
	if (!fds->count || fds->count > PIPE_FDS_MAX || find(listeners, address) ||
	    strlen(address) >= HTTP_ADDRESS_TEXT_MAX)
		return false;
	for (size_t i = 0; i < fds->count; i++)
		if (!is_listening(fds->at[i]))
			return false;
	return true;
}

int listeners_adopt(struct listeners *listeners, const char *address, struct passing_fds *fds)
{
	struct listener *added;

	if (!is_sound(listeners, address, fds))
		return -EINVAL;
	added = next_listener(listeners);
	if (!added)
		return -ENOMEM;
	(void)snprintf(added->address, sizeof(added->address), "%s", address);
	if (!strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		(void)snprintf(added->path, sizeof(added->path), "%s",
			       address + strlen(UNIX_PREFIX));
	memcpy(added->fds, fds->at, fds->count * sizeof(int));
	added->fd_count = fds->count;
	fds->count = 0;
	listeners->count++;
	return 0;
}

/* What http_address_format() would say of the address fd is bound to. */
static int address_of(int fd, char out[static HTTP_ADDRESS_TEXT_MAX])
{
	struct http_address address = {.kind = HTTP_ADDRESS_IP};
	union endpoint at;
	char path[sizeof(at.local.sun_path) + 1] = "";
	socklen_t len = sizeof(at);

	memset(&at, 0, sizeof(at));
	if (getsockname(fd, &at.any, &len))
		return -errno;
	if (at.any.sa_family == AF_UNIX) {
		memcpy(path, at.local.sun_path, sizeof(at.local.sun_path));
		address = (struct http_address){.kind = HTTP_ADDRESS_UNIX, .name = path};
	} else if (at.any.sa_family == AF_INET) {
		address.ip = (struct prefix){.family = ADDRESS_IPV4, .bits = 32};
		memcpy(address.ip.byte, &at.ipv4.sin_addr, 4);
		address.port = ntohs(at.ipv4.sin_port);
	} else if (at.any.sa_family == AF_INET6) {
		address.ip = (struct prefix){.family = ADDRESS_IPV6, .bits = 128};
		memcpy(address.ip.byte, &at.ipv6.sin6_addr, 16);
		address.port = ntohs(at.ipv6.sin6_port);
	} else {
		return -EINVAL;
	}
	(void)http_address_format(&address, out);
	return 0;
}

int listeners_adopt_one(struct listeners *listeners, int fd)
{
	struct passing_fds fds = {.at = {fd}, .count = 1};
	char address[HTTP_ADDRESS_TEXT_MAX];
	struct listener *known;
	int err = is_listening(fd) ? address_of(fd, address) : -EINVAL;

	if (err)
		return err;
	known = find(listeners, address);
	if (!known)
		return listeners_adopt(listeners, address, &fds);
	if (known->fd_count == PIPE_FDS_MAX)
		return -ENOSPC;
	known->fds[known->fd_count++] = fd;
	return 0;
}

static int want(struct listeners *listeners, const struct http_address *address,
		struct buffer *error)
{
	char text[HTTP_ADDRESS_TEXT_MAX];
	struct listener *known = find(listeners, http_address_format(address, text));
	int err;

	if (known)
		known->is_wanted = true;
	/* One that was adopted may have fewer sockets than there are threads. */
	if (known)
		err = known->path[0] ? 0 : open_tcp(address, listeners->threads, known);
	else
		err = add(listeners, address);
	if (err)
		buffer_printf(error, "listening on %s: %s", text, strerror(-err));
	return err;
}

int listeners_prepare(struct listeners *listeners, const struct http_policy *http,
		      struct buffer *error)
{
	int err = 0;

	for (size_t i = 0; i < listeners->count; i++)
		listeners->at[i].is_wanted = false;
	for (size_t i = 0; http && i < http->listener_count && !err; i++)
		err = want(listeners, &http->listeners[i].address, error);
	if (err)
		listeners_abandon(listeners);
	return err;
}

/* Keep those for which keeps() says so, close the others. */
static void sort_out(struct listeners *listeners, bool (*keeps)(const struct listener *listener))
{
	size_t kept = 0;

	for (size_t i = 0; i < listeners->count; i++) {
		if (keeps(&listeners->at[i]))
			listeners->at[kept++] = listeners->at[i];
		else
			close_listener(listeners, &listeners->at[i]);
	}
	listeners->count = kept;
}

static bool is_wanted(const struct listener *listener)
{
	return listener->is_wanted;
}

static bool is_old(const struct listener *listener)
{
	return !listener->is_new;
}

static bool is_none(const struct listener *listener)
{
	return false;
}

void listeners_commit(struct listeners *listeners)
{
	sort_out(listeners, is_wanted);
	for (size_t i = 0; i < listeners->count; i++)
		listeners->at[i].is_new = false;
}

void listeners_abandon(struct listeners *listeners)
{
	sort_out(listeners, is_old);
}

void listeners_free(struct listeners *listeners)
{
	sort_out(listeners, is_none);
	free(listeners->at);
	listeners->at = NULL;
}

static int send_listener(const struct listeners *listeners, const struct listener *listener,
			 int pipe_fd)
{
	struct pipe_message message = {.kind = PIPE_LISTENER,
				       .payload = bytes_of(listener->address),
				       .fd_count = listener->fd_count};

	if (message.fd_count < listeners->threads)
		message.fd_count = listeners->threads; /* a Unix one: everybody's */
	for (size_t i = 0; i < message.fd_count; i++)
		message.fds[i] = listener->fds[i < listener->fd_count ? i : 0];
	return pipe_send_patiently(pipe_fd, &message);
}

static int send_threads(const struct listeners *listeners, int pipe_fd)
{
	const struct pipe_threads threads = {.count = listeners->threads};
	const struct pipe_message message = {.kind = PIPE_THREADS,
					     .payload = {(const char *)&threads, sizeof(threads)}};

	return pipe_send_patiently(pipe_fd, &message);
}

int listeners_send(const struct listeners *listeners, bool only_new, int pipe_fd)
{
	int err = only_new ? 0 : send_threads(listeners, pipe_fd);

	for (size_t i = 0; i < listeners->count && !err; i++)
		if (listeners->at[i].is_new || !only_new)
			err = send_listener(listeners, &listeners->at[i], pipe_fd);
	return err;
}
