/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One client: reads a request, has it answered, writes the answer, and again.
 *
 *   READ_HEAD -> READ_BODY -> [ASK] -> WRITE ---> READ_HEAD (keep-alive)
 *       |            |                   |------> LINGER (else)
 *       |            |                   `------> STREAM -> LINGER
 *       `--- error --+-----------------> WRITE
 *
 * ASK: the HTTP child is asked something first, and answers, or does not, in its own time.
 *
 * Whatever a client does costs him alone: he has a deadline in every state, his buffers have limits, and the
 * bytes of all clients together have one (CONNECTION_HELD_MAX).
 */
#ifndef CONTROL_CONNECTION_H
#define CONTROL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "control/agent.h"

#define CONNECTION_HELD_MAX \
	(256u << 20) /* bytes of bodies, answers and streams, all clients together */
#define CONNECTION_REQUEST_NS \
	10000000000ull /* for a head to arrive; for CONNECTION_PROGRESS more of a body */
#define CONNECTION_PROGRESS  65536	     /* bytes */
#define CONNECTION_WHOLE_NS  300000000000ull /* for a whole request */
#define CONNECTION_WRITE_NS  30000000000ull  /* without the client reading a byte */
#define CONNECTION_LINGER_NS 2000000000ull   /* until a client has read its answer and gone */

/* What the connections of one server share. */
struct pool {
	struct loop *loop;
	struct agent *agent;
	size_t held; /* bytes, see CONNECTION_HELD_MAX */
};

struct connection;

/* The connections of one listening socket. */
struct gate {
	struct pool *pool;
	bool only_open; /* strangers: only commands that are open to all */
	size_t max;	/* connections */
	size_t streams_max;
	size_t count;
	size_t streams;
	struct connection *first;
};

/*
 * Serve fd, which becomes the connection's. is_refused: whatever is asked is answered with 403.
 * Returns 0; on -errno fd is closed. The connection frees itself when it ends.
 */
int connection_new(struct gate *gate, int fd, bool is_refused, uint64_t now_ns);

/* End the one that has waited longest for its request. Returns false if none waits. */
bool connection_evict(struct gate *gate);

/* End all. */
void connection_end_all(struct gate *gate);

/* Streams that had nothing to say may have now. */
void connection_wake_all(struct gate *gate);

#endif
