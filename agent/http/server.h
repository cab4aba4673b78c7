/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One upstream server, shared by all threads and by every policy that names it: how
 * many requests it has, and whether it is well.
 *
 * Health is passive (failures in a row eject a server for a while) and, where the policy
 * asks for it, active. Statuses never count: an API may answer 500 as it likes.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/address.h"
#include "policy/http_policy.h"

#define SERVER_ADDRESSES_MAX 16 /* of one name; more are not used */
#define EJECTIONS_MAX	     10 /* the longest ejection is this many times the first */

union server_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_un local;
};

struct server {
	struct server *next; /* in the registry */
	_Atomic uint32_t refs;
	uint32_t number; /* place in every thread's pools; reused when the server is gone */
	char name[HTTP_ADDRESS_TEXT_MAX];
	uint16_t port;

	_Atomic uint32_t outstanding; /* requests */
	_Atomic uint32_t failures;    /* in a row */
	_Atomic uint32_t ejections;   /* since it last answered */
	_Atomic uint64_t ejected_until_ns;
	_Atomic bool is_down;	 /* by active checks */
	_Atomic uint32_t checks; /* in a row that say otherwise; the checking thread's */

	pthread_mutex_t lock; /* of the addresses */
	union server_address address[SERVER_ADDRESSES_MAX];
	socklen_t address_len[SERVER_ADDRESSES_MAX];
	unsigned address_count; /* 0: its name is not resolved */
	unsigned address_next;
	_Atomic uint32_t moves; /* how often an address ceased to be its own */
};

/* A server without references, freed by server_drop(). NULL without memory. */
struct server *server_make(const struct http_address *address);
void server_drop(struct server *server);

/* Replace the addresses of a server that has a name. If one of them is gone that is a move. */
void server_resolve(struct server *server, const struct prefix *address, size_t count);

/*
 * Begin to connect to its next address. Returns 0 and a nonblocking socket; -EDESTADDRREQ if its name is
 * not resolved; -errno.
 */
int server_connect(struct server *server, int *ret_fd);

/* Whether requests may go there: neither down nor ejected. */
bool server_is_up(const struct server *server, uint64_t now_ns);

/* A failure or an answer, as passive health counts them. True: the failure was one too many. */
bool server_failed(struct server *server, const struct http_health *health);
void server_answered(struct server *server);

/* Take it out until the ejection is over. */
void server_eject(struct server *server, const struct http_health *health, uint64_t now_ns);

#endif
