/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request on the control socket or the metrics listener: what of HTTP/1.1 those need, and no more.
 *
 * The head is judged by message/head.h; here only what we do not serve is refused (chunked bodies, targets that
 * are no path). Nothing is copied: every slice points into the bytes given.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "control/moment.h"

struct request {
	struct bytes method;
	struct bytes path;  /* as sent, without the query; begins with '/' */
	struct bytes query; /* behind '?', may be empty */
	struct bytes
		rest; /* what the '*' of the command's pattern stands for; set by commands_find() */
	struct bytes body; /* set by the server once body_len bytes are there */
	uint64_t body_len;
	bool keep_alive;
	bool is_head;	       /* HEAD: answered like GET, without the body */
	bool expects_continue; /* 100 Continue is wanted before the body is sent */
	bool http10;
	struct moment at; /* when it was complete; set by the server */
	/*
	 * Of a command that asks the HTTP child first: what it said, or why it did not (-ENOENT: none serves). Set by the
	 * server.
	 */
	int told_status;
	struct bytes told;
};

struct request_error {
	unsigned status;
	const char *detail; /* a sentence; static */
};

enum request_result {
	REQUEST_DONE, /* *ret_request is set, *ret_head_len bytes are the head */
	REQUEST_MORE, /* a valid beginning; read more and call again from the start */
	REQUEST_BAD,  /* *ret_error is set; the connection cannot go on */
};

/*
 * Parse the head at the front of in. *scanned is 0 for a new request, then kept by the caller between calls with
 * more of it. The outputs of other results are untouched.
 */
enum request_result request_parse(struct bytes in, size_t *scanned, struct request *ret_request,
				  size_t *ret_head_len, struct request_error *ret_error);

enum param_result {
	PARAM_ABSENT, /* out is "" */
	PARAM_OK,
	PARAM_BAD, /* a broken %-escape, a NUL, or longer than size allows; out is "" */
};

/* Percent-decoded value of the first parameter called name, terminated. A name without '=' is "". */
enum param_result request_param(const struct request *request, const char *name, char *out,
				size_t size);

/* Percent-decode text into out, terminated. Returns PARAM_OK or PARAM_BAD. '+' stands for itself. */
enum param_result request_decode(struct bytes text, char *out, size_t size);

#endif
