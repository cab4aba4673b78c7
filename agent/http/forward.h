/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The request as the upstream gets it: always written afresh from parsed parts, never
 * copied. Hop-by-hop fields go before ours come; what a stranger says about where a
 * request came from does not reach the upstream.
 *
 * Pure.
 */
#ifndef HTTP_FORWARD_H
#define HTTP_FORWARD_H

#include "http/request.h"
#include "http/text.h"

#define REQUEST_ID_LEN 16 /* of ours; a trusted peer's has at most REQUEST_ID_MAX */
#define REQUEST_ID_MAX 64

struct forward {
	const struct plan *plan;
	const struct request *req;
	const struct peer *peer;
	struct bytes server_name; /* Host of a request that had none */
	struct bytes request_id;
	struct bytes
		conditions; /* whole fields, in the place of its own conditions and range; or empty */
	bool is_refresh;    /* nobody asked: those are left out in any case */
};

/* What was left out, for the counters. */
struct forward_dropped {
	unsigned underscores;
	unsigned overrides;
};

/* The request id: a trusted peer's where it is well-formed, else ours. */
struct bytes forward_request_id(const struct request *req, struct bytes ours);

/* Write the head, the empty line included. out->is_cut: it is too large. */
void forward_write(const struct forward *forward, struct text *out,
		   struct forward_dropped *ret_dropped);

#endif
