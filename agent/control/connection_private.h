/* SPDX-License-Identifier: BSD-2-Clause */
/* What reading (connection.c) and writing (reply.c) of one client share. Included by those two only. */
#ifndef CONTROL_CONNECTION_PRIVATE_H
#define CONTROL_CONNECTION_PRIVATE_H

#include "base/buffer.h"
#include "control/commands.h"
#include "control/connection.h"

#define CONNECTION_HEAD_ROOM 4096 /* bytes of a response's head, or a chunk's */

enum state { READ_HEAD, READ_BODY, ASK, WRITE, STREAM, LINGER };

struct connection {
	struct gate *gate;
	struct connection *next;
	struct connection *previous;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int fd;
	enum state state;

	uint64_t since_ns; /* when this request began to be waited for */
	struct buffer in;
	size_t scanned;	    /* of the head, by its parser */
	size_t request_len; /* head and body; known in READ_BODY */
	size_t progress;    /* bytes of in at the last extension of the deadline */

	/* ASK: what waits for the child's answer. The request points into in, which is not read into meanwhile. */
	struct http_ask *ask;
	const struct command *command;
	struct request request;

	struct buffer head; /* of the response, or of a chunk */
	struct response response;
	size_t sent;	 /* of head and response.body */
	size_t charged;	 /* bytes of pool->held that are ours */
	bool keep_alive; /* after the response */
	bool is_chunked;
	bool without_body; /* HEAD */
	bool is_stream;	   /* counted in gate->streams */
	bool ended;	   /* the stream's last piece is being written */
};

/* Count what is held now. Returns whether all together are within the limit. */
bool connection_charge(struct connection *conn);

void connection_set_deadline(struct connection *conn, uint64_t after_ns);

/* Returns false if the connection cannot be watched any more. */
bool connection_enter(struct connection *conn, enum state state, uint32_t events);

/*
 * reply.c. Each returns false if the connection is to be ended; true leaves it in the state it then has.
 */

/* Answer with what is in conn->response. */
bool reply_start(struct connection *conn);

/* Answer with a problem and close: what follows in the connection cannot be told apart any more. */
bool reply_fail(struct connection *conn, unsigned status, const char *detail);

/* WRITE: the client reads on. */
bool reply_continue(struct connection *conn);

/* STREAM: write pieces until the client's socket is full, or there is nothing to say at the moment. */
bool reply_stream(struct connection *conn);

#endif
