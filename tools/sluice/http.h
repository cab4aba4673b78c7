/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one HTTP/1.1 answer out of bytes as they arrive. Pure: knows no socket and no clock.
 *
 * The agent is trusted with what it says, not with how: an answer that is malformed, too
 * large or ends early is refused, so that a stranger at the socket's path costs an error
 * message and nothing else.
 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/control.h>

#define HTTP_LINE_MAX 4096 /* bytes of the status line, of a field, of a chunk's size */
#define HTTP_TYPE_MAX 64
#define HTTP_BODY_MAX ((uint64_t)SL_CONTROL_BODY_MAX)

/* Called for every run of body bytes, framing removed. Return 0, or -errno to stop reading. */
typedef int http_body_fn(void *context, const char *at, size_t len);

enum http_state {
	HTTP_STATUS,
	HTTP_FIELDS,
	HTTP_LENGTH,	 /* a body of `left` more bytes */
	HTTP_CHUNK_SIZE, /* expecting the line with the size of a chunk */
	HTTP_CHUNK,	 /* in a chunk with `left` more bytes */
	HTTP_CHUNK_END,	 /* expecting the empty line behind a chunk */
	HTTP_TRAILER,
	HTTP_UNTIL_CLOSE,
	HTTP_COMPLETE,
};

struct http_reader {
	enum http_state state;
	int status; /* 200 to 599 once the head is complete, else 0 */
	char type
		[HTTP_TYPE_MAX]; /* media type without parameters, lower case; "" if none was sent */
	bool endless;		 /* no limit on the whole body, which is a stream */

	http_body_fn *on_body;
	void *context;

	uint64_t left;
	uint64_t body_len;
	size_t head_len;
	bool has_length;
	bool is_chunked;
	size_t line_len;
	char line[HTTP_LINE_MAX];
};

enum http_progress {
	HTTP_MORE,    /* a valid beginning */
	HTTP_DONE,    /* the answer is complete; bytes behind it are ignored */
	HTTP_STOPPED, /* on_body() said stop */
	HTTP_BAD,
};

/*
 * Take in len more bytes. On HTTP_BAD *ret_why, a constant, says what is wrong with them. Call
 * it again only after HTTP_MORE.
 */
enum http_progress http_feed(struct http_reader *reader, const char *at, size_t len,
			     const char **ret_why);

/* The connection has ended: HTTP_DONE if that is how this answer says it ends, else HTTP_BAD. */
enum http_progress http_end(struct http_reader *reader, const char **ret_why);

/* Whether status and type are known. */
static inline bool http_has_head(const struct http_reader *reader)
{
	return reader->state > HTTP_FIELDS;
}

#endif
