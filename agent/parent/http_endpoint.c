/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_endpoint.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BACKLOG \
	4096 /* a second's connections while the child starts; net.core.somaxconn may cut it */
#define UNUSED_LOOKS	11
#define UNUSED_PAUSE_US 20000

socklen_t endpoint_of(const struct http_address *address, union endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	if (address->kind == HTTP_ADDRESS_UNIX) {
		endpoint->local.sun_family = AF_UNIX;
		/* The policy's reader has seen to its length. */
		memcpy(endpoint->local.sun_path, address->name, strlen(address->name) + 1);
		return sizeof(endpoint->local);
	}
	if (address->ip.family == ADDRESS_IPV4) {
		endpoint->ipv4.sin_family = AF_INET;
		endpoint->ipv4.sin_port = htons(address->port);
		memcpy(&endpoint->ipv4.sin_addr, address->ip.byte, 4);
		return sizeof(endpoint->ipv4);
	}
	endpoint->ipv6.sin6_family = AF_INET6;
	endpoint->ipv6.sin6_port = htons(address->port);
	memcpy(&endpoint->ipv6.sin6_addr, address->ip.byte, 16);
	return sizeof(endpoint->ipv6);
}

static int set_options(int fd, int family, bool is_shared)
{
	const int on = 1;

	if (family == AF_UNIX)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))))
		return -errno;
	/* "[::]:80" is IPv6 only: IPv4 is a listener of its own, with addresses that look like it. */
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
		return -errno;
	return 0;
}

/* is_shared: with sockets of the same user, as threads share an address. */
static int bind_one(const union endpoint *endpoint, socklen_t len, bool is_shared, int *ret_fd)
{
	auto_close int fd =
		socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, endpoint->any.sa_family, is_shared);
	if (err)
		return err;
	if (bind(fd, &endpoint->any, len))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

int endpoint_open(const union endpoint *endpoint, socklen_t len, int *ret_fd)
{
	auto_close int fd = -1;
	int err = bind_one(endpoint, len, true, &fd);

	if (err)
		return err;
	if (listen(fd, BACKLOG))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

/*
 * The kernel would let us share the address with any program of the
 * same user that shares, as HAProxy does, and half of all requests would go past us. A child of ours that is about to
 * close it is given a moment.
 */
int endpoint_check_unused(const union endpoint *endpoint, socklen_t len)
{
	int err = -EADDRINUSE;

	for (int i = 0; i < UNUSED_LOOKS && err == -EADDRINUSE; i++) {
		auto_close int fd = -1;

		if (i)
			(void)usleep(UNUSED_PAUSE_US);
		err = bind_one(endpoint, len, false, &fd);
	}
	return err;
}
