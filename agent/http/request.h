/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request as the plane acts on it: head, target, host, path and identity, judged
 * against one policy. All stand in the struct or in the bytes of the head.
 *
 * A pure function of its arguments: whoever needs it again after the scratch copy has
 * been used for another request reads the same bytes once more.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>

#include "http/plan.h"
#include "message/body.h"
#include "message/date.h"
#include "message/fields.h"
#include "message/head.h"
#include "message/identity.h"
#include "message/target.h"

#define REQUEST_PATH_ROOM (64u << 10)

/* Who stands at the other end of the connection. */
struct peer {
	struct prefix address; /* whole; family 0: a Unix socket */
	bool is_https;	       /* the listener's word on the scheme */
	bool is_unix_trusted;  /* policy: trusted_unix, and it came through a Unix socket */
};

struct request {
	struct request_head head;
	struct target target;
	struct connection connection;
	struct body body;
	bool expects_continue;
	bool wants_websocket;
	bool peer_is_trusted;
	bool is_https;
	struct identity identity;
	struct bytes host; /* normal form, no port; empty if there is none */
	const struct http_route *route;
	char authority[HOST_TEXT_MAX]; /* normal form with port */
	struct bytes authority_text;
	char path_room[REQUEST_PATH_ROOM];
};

/* What is wrong with a request beyond what message/result.h names. */
enum request_fault {
	REQUEST_FINE,
	REQUEST_REFUSED,     /* *ret_result says why */
	REQUEST_MISDIRECTED, /* 421: not a host of this policy, or not its scheme */
};

/*
 * Judge req->head, which head_parse_request() has just set. All else of *req is set where the
 * result is FINE; req->route also where it is not NULL.
 */
enum request_fault request_judge(const struct plan *plan, const struct peer *peer,
				 struct request *req, enum message_result *ret_result);

/* RFC 9110 section 9.2.2. Unknown methods are not idempotent. */
bool request_is_idempotent(const struct request *req);

#endif
