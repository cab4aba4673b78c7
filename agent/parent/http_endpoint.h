/* SPDX-License-Identifier: BSD-2-Clause */
/* One address that HTTP is listened on, and a socket that listens there. */
#ifndef HTTP_ENDPOINT_H
#define HTTP_ENDPOINT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "policy/http_policy.h"

union endpoint {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_un local;
};

/* The address as the kernel wants it. Returns its length. */
socklen_t endpoint_of(const struct http_address *address, union endpoint *endpoint);

/* A socket that listens there and shares a TCP address with others of the same user. Returns 0 or -errno. */
int endpoint_open(const union endpoint *endpoint, socklen_t len, int *ret_fd);

/* 0, or -EADDRINUSE if anybody listens at this TCP address already; then it takes a fifth of a second. */
int endpoint_check_unused(const union endpoint *endpoint, socklen_t len);

#endif
