/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to the HTTP child that are not answered yet. Asking does not wait: the answer comes through the loop,
 * so that a child that is slow, stuck or not itself costs whoever asked, and nobody else.
 *
 * What the child says is believed to be text of bounded length; its meaning is the asker's to check. One thread,
 * that of the loop.
 */
#ifndef HTTP_ASKS_H
#define HTTP_ASKS_H

#include "base/buffer.h"
#include "base/loop.h"
#include "http/pipe.h"

#define HTTP_ASKS_MAX	 256	     /* questions at a time */
#define HTTP_ANSWER_MAX	 (8u << 20)  /* bytes of one answer; more fails with -ENOBUFS */
#define HTTP_ANSWERS_MAX (32u << 20) /* bytes of all that are not complete yet; likewise */

struct http_asks;
struct http_ask;

/*
 * status is 0 and answer what the child said, valid during the call; or -ETIMEDOUT; -ECONNRESET: the child ended;
 * -ENOBUFS, -ENOMEM. Called once, from the loop, after which the ask is gone.
 */
typedef void http_answered_fn(void *context, int status, struct bytes answer);

struct http_question {
	enum pipe_topic topic;
	struct bytes text; /* at most PIPE_PAYLOAD_MAX - sizeof(struct pipe_ask) bytes */
	uint64_t patience_ns;
	http_answered_fn *answered;
	void *context;
};

/* Returns 0 or -ENOMEM. */
int http_asks_new(struct loop *loop, struct http_asks **ret_asks);
/* Those that wait are never answered. NULL is fine. */
void http_asks_free(struct http_asks *asks);

/*
 * Send a question through the pipe. Returns 0 and *ret_ask, which may be cancelled until it is answered; -EBUSY if
 * too many wait; -EMSGSIZE; -ENOMEM; -errno of pipe_send(). Then answered() is not called.
 */
int http_asks_send(struct http_asks *asks, int pipe_fd, const struct http_question *question,
		   struct http_ask **ret_ask);
void http_ask_cancel(struct http_ask *ask);

/* An ANSWER message; those to nobody's question are passed over: they came too late. */
void http_asks_take(struct http_asks *asks, const struct pipe_message *message);

/* The child is gone: all that wait are told. */
void http_asks_end(struct http_asks *asks);

#endif
