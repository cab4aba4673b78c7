/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PROXY protocol, versions 1 and 2, as a load balancer puts it before a connection's
 * first byte. Pure.
 *
 * Only for listeners where the policy requires it, and from senders it names: whoever calls
 * has checked that, never sniffs for it, and closes on anything but PROXY_DONE in time.
 */
#ifndef MESSAGE_PROXY_PROTOCOL_H
#define MESSAGE_PROXY_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/bytes.h"

#define PROXY_V1_MAX 107  /* bytes of a version 1 line, CR LF included: the protocol's own limit */
#define PROXY_V2_MAX 4096 /* bytes of a version 2 header, its extensions (skipped) included */

struct proxy_endpoint {
	struct prefix address; /* whole */
	uint16_t port;
};

struct proxy_header {
	size_t len;    /* bytes of the header; the client's first byte comes after */
	bool is_local; /* LOCAL, UNKNOWN, or no IP address: the socket's own addresses hold */
	struct proxy_endpoint client; /* unless is_local */
	struct proxy_endpoint server;
};

enum proxy_result {
	PROXY_DONE,
	PROXY_MORE, /* a valid beginning; call again with more, from the start */
	PROXY_BAD,  /* close without an answer */
};

/* Parse the header at the front of input. *ret_header is set for PROXY_DONE only. */
enum proxy_result proxy_parse(struct bytes input, struct proxy_header *ret_header);

#endif
