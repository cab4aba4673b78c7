/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a command answers: a status and a body, or a stream that makes its bytes as they are wanted.
 *
 * A command fills one in with exactly one of the functions below. Knows nothing of sockets.
 */
#ifndef CONTROL_RESPONSE_H
#define CONTROL_RESPONSE_H

#include <jansson.h>
#include <stdbool.h>

#include <sluice/control.h>

#include "base/buffer.h"
#include "policy/policy.h"

#define RESPONSE_BODY_MAX \
	SL_CONTROL_BODY_MAX /* bytes: some 600,000 bans as JSON; clients read no more */

enum stream_result {
	STREAM_MORE, /* call again when there is room, or, if nothing was added, when something happens */
	STREAM_END,
};

/* Adds some bytes, at most some 64 KiB, to out. */
typedef enum stream_result stream_fn(void *context, struct buffer *out);

struct response {
	unsigned status;
	const char *type;
	char allow[24]; /* the methods there are, in a 405 */
	struct buffer body;

	stream_fn *stream; /* NULL: body is all */
	void (*stream_free)(void *context);
	void *stream_context;
	size_t stream_bytes; /* memory the stream holds */
};

/* An empty 200; and release what a response holds, a stream that has not ended included. */
struct response response_new(void);
void response_free(struct response *response);
#define auto_response __attribute__((cleanup(response_free)))

/* Takes json, whatever happens; NULL (no memory while it was made) answers 500. */
void response_json(struct response *response, json_t *json);

/* An application/problem+json of status; what was in the response before is dropped. */
void response_problem(struct response *response, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with the policy's problems listed. */
void response_policy_problems(struct response *response, const struct policy_problems *problems);

/* A text body is about to be added to response->body. */
void response_text(struct response *response, const char *type);

/* Answer with what stream makes; context is released with release(). bytes: what it holds. */
void response_stream(struct response *response, const char *type, stream_fn *stream, void *context,
		     void (*release)(void *context), size_t bytes);

/* "Not Found" for 404; "Error" for what is not known. */
const char *response_phrase(unsigned status);

#endif
