/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request to the agent over its Unix socket, and the answer.
 *
 * Says nothing to the user and knows nothing of JSON. Sends and receives at once, so that a
 * refusal in the middle of a long upload is read instead of lost in a broken pipe.
 */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "http.h"

#define CLIENT_TIMEOUT_MS 5000
#define CLIENT_SLOW_MS \
	120000 /* for requests that make the agent work: a million prefixes take a while */
#define CLIENT_STREAM_LINE_MAX (1u << 20) /* bytes of one line of a stream */
#define CLIENT_WHY_MAX	       160

/* One line of a stream, NUL-terminated, its end removed. Return false to end the request. */
typedef bool client_line_fn(void *context, const char *line, size_t len);

struct client_request {
	const char *socket; /* path */
	const char *method;
	const char *target; /* percent-encoded already */
	const char *type;   /* of the body; NULL: there is no body */
	const char *body;
	size_t body_len;
	/*
	 * Patience: to connect, for the agent to take in more of the request, for the whole head of
	 * the answer, and for more of the body.
	 */
	unsigned timeout_ms;

	client_line_fn *on_line; /* a good answer is a stream, told line by line; may be NULL */
	void *context;
	bool endless; /* of a stream: silence is no failure, nor is any length */
};

struct client_answer {
	int status;
	char type[HTTP_TYPE_MAX];
	char *body; /* from malloc, NUL-terminated; "" where it went to on_line() */
	size_t len;
	char why[CLIENT_WHY_MAX]; /* unless CLIENT_DONE: the cause, for people */
	int error;		  /* CLIENT_UNREACHABLE: errno of the attempt to connect */
};

enum client_result {
	CLIENT_DONE,	    /* there is an answer, good or bad */
	CLIENT_UNREACHABLE, /* nobody listens there, or we may not talk to it */
	CLIENT_BROKEN,	    /* connected, but what came back is no complete answer */
};

/* Asks once. *ret_answer is always set, and released with client_answer_free(). */
enum client_result client_ask(const struct client_request *request,
			      struct client_answer *ret_answer);

void client_answer_free(struct client_answer *answer);

#define auto_answer __attribute__((cleanup(client_answer_free)))

#endif
