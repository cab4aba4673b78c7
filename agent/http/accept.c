/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection from the accepted socket to its first event: who it is, and whether there is place for it. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "http/caution.h"
#include "http/conn.h"
#include "http/http_parts.h"
#include "http/listener.h"
#include "http/problem.h"
#include "message/proxy_protocol.h"

#define REFUSED_MAX \
	(1u << 20) /* bytes of a request that is not read; the kernel's buffer is smaller */

static struct prefix address_of(const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)from;
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)from;
	struct prefix address = {0};

	if (from->ss_family == AF_INET) {
		address = (struct prefix){.family = ADDRESS_IPV4, .bits = 32};
		memcpy(address.byte, &ipv4->sin_addr, 4);
	} else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr)) {
		address = (struct prefix){.family = ADDRESS_IPV4, .bits = 32};
		memcpy(address.byte, ipv6->sin6_addr.s6_addr + 12, 4);
	} else if (from->ss_family == AF_INET6) {
		address = (struct prefix){.family = ADDRESS_IPV6, .bits = 128};
		memcpy(address.byte, &ipv6->sin6_addr, 16);
	}
	return address;
}

static bool is_in(const struct http_prefixes *prefixes, const struct prefix *address)
{
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefix_covers(&prefixes->at[i], address))
			return true;
	return false;
}

/* Where PROXY headers are required: whether one from there would be believed. */
static bool may_speak(const struct http_senders *senders, const struct sockaddr_storage *from)
{
	const struct prefix address = address_of(from);

	if (!senders->required)
		return true;
	return address.family ? is_in(&senders->prefixes, &address) : senders->unix_socket;
}

/* Count it for its source. False: that has too many. */
static bool enter_source(struct conn *conn, const struct plan *plan)
{
	const struct prefix *address = &conn->peer.address;

	if (!address->family)
		return true;
	conn->source = prefix_cut(address, address->family == ADDRESS_IPV4
						   ? plan->policy->source_bits.ipv4
						   : plan->policy->source_bits.ipv6);
	if (conn->state == CONN_PROXY || identity_is_trusted(&plan->identity, address))
		return true;
	conn->is_stranger = sources_enter(conn->worker->http->sources, &conn->source,
					  plan->http->max.per_source);
	if (conn->is_stranger)
		return true;
	count(&conn->worker->counters.refused_source);
	return false;
}

/* One more connection, in place of an idle one if there are as many as there may be. */
static bool enter_total(struct worker *worker, const struct plan *plan)
{
	_Atomic uint64_t *total = &worker->http->connections;

	if (atomic_fetch_add_explicit(total, 1, memory_order_relaxed) <
		    plan->http->max.connections ||
	    worker_close_idle(worker))
		return true;
	atomic_fetch_sub_explicit(total, 1, memory_order_relaxed);
	count(&worker->counters.refused_connections);
	return false;
}

static struct conn *new_conn(struct worker *worker)
{
	struct conn *conn = memory_object(&worker->memory, sizeof(*conn));

	if (!conn)
		count(&worker->counters.refused_memory);
	return conn;
}

static bool set_up(struct conn *conn, const struct listener *listener,
		   const struct sockaddr_storage *from)
{
	const struct plan *plan = conn->worker->plan->plan;
	const struct http_listener *policy = &plan->http->listeners[listener->number];

	conn->peer.address = address_of(from);
	conn->peer.is_https = policy->is_https;
	conn->peer.is_unix_trusted = plan->http->trusted_unix;
	conn->state = policy->senders.required ? CONN_PROXY : CONN_OPEN;
	return enter_source(conn, plan);
}

void conn_say_overloaded(int fd)
{
	struct bytes answer = problem_overloaded();

	(void)!send(fd, answer.at, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT); /* as far as it goes */
	/* What has come is thrown away: closed upon unread bytes, the client would get a reset for an answer. */
	(void)!recv(fd, NULL, REFUSED_MAX, MSG_TRUNC | MSG_DONTWAIT);
}

static void refuse_socket(int fd)
{
	conn_say_overloaded(fd);
	close(fd);
}

void conn_evict(struct conn *conn)
{
	/* Who was served before may be left at any time; a newcomer has asked, or is about to. */
	if (conn->state == CONN_OPEN && !conn->has_served)
		conn_say_overloaded(conn->wire.fd);
	conn_close(conn);
}

static void begin_conn(struct conn *conn, int fd)
{
	struct worker *worker = conn->worker;
	const struct http_timeouts *timeouts = &worker->plan->plan->http->timeouts;
	int one = 1;

	if (conn->peer.address.family)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* only slower */
	caution_begin(conn, fd);
	conn->wire.fd = fd;
	conn->wire.can_write = true;
	conn->poll.ready = conn_ready;
	conn->timer.expired = conn_expired;
	list_append(&worker->idle_conns, &conn->link);
	count(&worker->counters.accepted);
	count_add((uint64_t *)&worker->counters.connections, 1);
	/* Of a PROXY header; where there is none the first event sets the time for the first byte. */
	wheel_set(&worker->wheel, &conn->timer, worker->now_ns + timeouts->head_ns);
	if (worker_watch(worker, fd, &conn->poll))
		conn_close(conn);
}

void conn_open(struct worker *worker, struct listener *listener, int fd,
	       const struct sockaddr_storage *from)
{
	const struct plan *plan = worker->plan->plan;
	struct conn *conn;

	/* Without a word, and before anybody has to make room for it. */
	if (!may_speak(&plan->http->listeners[listener->number].senders, from)) {
		count(&worker->counters.proxy_bad);
		close(fd);
		return;
	}
	if (!enter_total(worker, plan)) {
		refuse_socket(fd);
		return;
	}
	conn = new_conn(worker);
	if (conn)
		conn->worker = worker;
	if (conn && set_up(conn, listener, from)) {
		begin_conn(conn, fd);
		return;
	}
	memory_give_object(&worker->memory, conn, sizeof(*conn));
	atomic_fetch_sub_explicit(&worker->http->connections, 1, memory_order_relaxed);
	refuse_socket(fd);
}

/* ---- PROXY protocol ---- */

static void take_proxy_header(struct conn *conn, const struct proxy_header *header)
{
	conn->state = CONN_OPEN;
	conn->has_begun = false;
	conn->is_proxied = !header->is_local;
	if (conn->is_proxied)
		conn->peer.address = header->client.address;
	held_drop(&conn->in, &conn->worker->memory, header->len);
	conn->input = held_bytes(&conn->in);
}

/* True: it has come, and requests may. */
bool conn_read_proxy_header(struct conn *conn)
{
	struct worker *worker = conn->worker;
	struct proxy_header header;
	enum proxy_result result = PROXY_MORE;

	while (result == PROXY_MORE) {
		size_t len = conn_read(conn);

		if (!len || !conn_keep(conn))
			break;
		result = proxy_parse(conn->input, &header);
	}
	if (result == PROXY_DONE) {
		take_proxy_header(conn, &header);
		return true;
	}
	if (result == PROXY_BAD || conn->wire.has_ended || conn->wire.is_broken) {
		count(&worker->counters.proxy_bad);
		conn_close(conn);
	}
	return false;
}
