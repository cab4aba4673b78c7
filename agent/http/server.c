/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static socklen_t fill_ip(union server_address *to, const struct prefix *ip, uint16_t port)
{
	memset(to, 0, sizeof(*to));
	if (ip->family == ADDRESS_IPV4) {
		to->ipv4.sin_family = AF_INET;
		to->ipv4.sin_port = htons(port);
		memcpy(&to->ipv4.sin_addr, ip->byte, 4);
		return sizeof(to->ipv4);
	}
	to->ipv6.sin6_family = AF_INET6;
	to->ipv6.sin6_port = htons(port);
	memcpy(&to->ipv6.sin6_addr, ip->byte, 16);
	return sizeof(to->ipv6);
}

static socklen_t fill_local(union server_address *to, const char *path)
{
	memset(to, 0, sizeof(*to));
	to->local.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(to->local.sun_path))
		return 0; /* the policy has refused it */
	strcpy(to->local.sun_path, path);
	return sizeof(to->local);
}

struct server *server_make(const struct http_address *address)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	pthread_mutex_init(&server->lock, NULL);
	http_address_format(address, server->name);
	server->port = address->port;
	switch (address->kind) {
	case HTTP_ADDRESS_IP:
		server->address_len[0] = fill_ip(&server->address[0], &address->ip, address->port);
		break;
	case HTTP_ADDRESS_UNIX:
		server->address_len[0] = fill_local(&server->address[0], address->name);
		break;
	case HTTP_ADDRESS_NAME:
		break;
	}
	server->address_count = server->address_len[0] != 0;
	return server;
}

void server_drop(struct server *server)
{
	if (!server)
		return;
	pthread_mutex_destroy(&server->lock);
	free(server);
}

struct address_set {
	union server_address at[SERVER_ADDRESSES_MAX];
	socklen_t len[SERVER_ADDRESSES_MAX];
	unsigned count;
};

/* The same address; the port is the server's, whatever the address. */
static bool is_same(const union server_address *a, const union server_address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->ipv4.sin_addr.s_addr == b->ipv4.sin_addr.s_addr;
	return !memcmp(&a->ipv6.sin6_addr, &b->ipv6.sin6_addr, sizeof(a->ipv6.sin6_addr));
}

static bool has_address(const struct address_set *set, const union server_address *address)
{
	for (unsigned i = 0; i < set->count; i++)
		if (is_same(&set->at[i], address))
			return true;
	return false;
}

/* Under the lock. */
static void put_addresses(struct server *server, const struct address_set *set)
{
	bool has_moved = false;

	for (unsigned i = 0; i < server->address_count; i++)
		has_moved |= !has_address(set, &server->address[i]);
	memcpy(server->address, set->at, sizeof(server->address));
	memcpy(server->address_len, set->len, sizeof(server->address_len));
	server->address_count = set->count;
	if (has_moved)
		atomic_fetch_add(&server->moves, 1);
}

void server_resolve(struct server *server, const struct prefix *address, size_t count)
{
	struct address_set set = {.count = 0};

	if (!count)
		return; /* the last good answer is kept */
	for (; set.count < count && set.count < SERVER_ADDRESSES_MAX; set.count++)
		set.len[set.count] = fill_ip(&set.at[set.count], &address[set.count], server->port);
	pthread_mutex_lock(&server->lock);
	put_addresses(server, &set);
	pthread_mutex_unlock(&server->lock);
}

static bool next_address(struct server *server, union server_address *ret_address,
			 socklen_t *ret_len)
{
	bool has_one;

	pthread_mutex_lock(&server->lock);
	has_one = server->address_count != 0;
	if (has_one) {
		unsigned i = server->address_next++ % server->address_count;

		*ret_address = server->address[i];
		*ret_len = server->address_len[i];
	}
	pthread_mutex_unlock(&server->lock);
	return has_one;
}

int server_connect(struct server *server, int *ret_fd)
{
	union server_address address;
	auto_close int fd = -1;
	socklen_t len;
	int one = 1;

	if (!next_address(server, &address, &len))
		return -EDESTADDRREQ;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (address.any.sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* only slower */
	if (connect(fd, &address.any, len) && errno != EINPROGRESS)
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

bool server_is_up(const struct server *server, uint64_t now_ns)
{
	return !atomic_load_explicit(&server->is_down, memory_order_relaxed) &&
	       atomic_load_explicit(&server->ejected_until_ns, memory_order_relaxed) <= now_ns;
}

bool server_failed(struct server *server, const struct http_health *health)
{
	uint32_t failures = atomic_fetch_add(&server->failures, 1) + 1;

	return health->eject_after && failures >= health->eject_after;
}

void server_answered(struct server *server)
{
	/* Loads first: every answer of a healthy server comes here, on every thread. */
	if (atomic_load_explicit(&server->failures, memory_order_relaxed))
		atomic_store(&server->failures, 0);
	if (atomic_load_explicit(&server->ejections, memory_order_relaxed))
		atomic_store(&server->ejections, 0);
}

void server_eject(struct server *server, const struct http_health *health, uint64_t now_ns)
{
	uint32_t before = atomic_fetch_add(&server->ejections, 1);
	uint64_t times = before < 4 ? 1ull << before : EJECTIONS_MAX;

	if (times > EJECTIONS_MAX)
		times = EJECTIONS_MAX;
	atomic_store(&server->failures, 0);
	atomic_store(&server->ejected_until_ns, now_ns + health->eject_for_ns * times);
}
