/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection to an upstream server, and the pools of those that wait for their next
 * request. One thread's; never shared.
 */
#ifndef HTTP_ORIGIN_H
#define HTTP_ORIGIN_H

#include "http/server.h"
#include "http/wire.h"
#include "http/worker.h"

/* Idle connections a thread keeps to one server. */
#define POOL_MAX 256
/* Idle connections are closed after this long: most servers close them within a minute or so. */
#define ORIGIN_IDLE_NS (50ull * 1000000000ull)

struct pool {
	struct list idle; /* the one used last first */
	unsigned count;
};

enum origin_state { ORIGIN_CONNECTING, ORIGIN_READY, ORIGIN_IDLE, ORIGIN_CLOSED };

struct origin {
	struct pollee poll;
	struct list link; /* in its pool while idle */
	struct list all;  /* in worker->origins */
	struct wheel_timer timer;
	struct worker *worker;
	struct server *server; /* held */
	uint32_t moves;	       /* server->moves when it was connected */
	struct exchange *x;    /* NULL while idle */
	struct wire wire;
	struct held in;	   /* part of a head, or of trailers */
	bool is_reused;	   /* it has carried a request before */
	bool has_answered; /* a byte of the answer has come */
	bool timed_out;
	uint8_t state; /* enum origin_state */
};

/* The idle connection to server that was used last, or NULL. */
struct origin *origin_reuse(struct worker *worker, struct server *server, struct exchange *x);

/* Begin to connect. Returns 0 and *ret_origin; or -errno. */
int origin_connect(struct worker *worker, struct server *server, struct exchange *x,
		   struct origin **ret_origin);

/* Once it can be written to: whether connecting has worked. Returns 0, -EAGAIN or -errno. */
int origin_connected(struct origin *origin);

/* It times out at deadline_ns: its exchange runs and finds timed_out. */
void origin_set_deadline(struct origin *origin, uint64_t deadline_ns);

/* Its exchange is over, the answer was complete and so was the request: keep it for the next. */
void origin_keep(struct origin *origin);
void origin_close(struct origin *origin); /* NULL is fine */

#endif
