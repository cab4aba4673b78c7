/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A body on its way through: measured as it comes in, framed anew as it goes out.
 *
 * Pure but for one thing: content that came in several chunks is moved together in the
 * memory it came in, so that a read yields one run of content and goes out as one chunk.
 */
#ifndef HTTP_FLOW_H
#define HTTP_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "http/text.h"
#include "message/body.h"

enum framing {
	FRAMING_NONE,
	FRAMING_LENGTH,
	FRAMING_CHUNKED,
	FRAMING_CLOSE, /* the end of the connection is the end of the body */
};

struct flow {
	enum body_kind kind;
	enum framing framing;
	bool in_trailers; /* all content has come; of a chunked body the trailer section is next */
	bool is_done;	  /* all has come in */
	bool has_ended;	  /* and the end has been written */
	uint64_t left;	  /* of BODY_LENGTH */
	uint64_t bytes;	  /* of content so far */
	struct chunked chunked;
	size_t scanned; /* of the trailer section */
};

/* A body of at most max_bytes; one of a known length is as long as it says. */
struct flow flow_begin(const struct body *body, enum framing framing, uint64_t max_bytes);

/*
 * Take content off the front of *input, which is writable memory: all there is up to the trailer section or
 * the end of the body. MESSAGE_MORE; MESSAGE_DONE when flow->is_done or flow->in_trailers;
 * anything else: refuse.
 */
enum message_result flow_take(struct flow *flow, struct bytes *input, struct bytes *ret_content);

/*
 * While flow->in_trailers: the section at the front of *input. MESSAGE_MORE: not all is there,
 * nothing was taken, call again with more behind it. MESSAGE_DONE: *fields, and is_done.
 */
enum message_result flow_take_trailers(struct flow *flow, struct bytes *input,
				       struct fields *fields);

/* The other end has closed: whether the body is complete with that. */
bool flow_close(struct flow *flow);

/* What goes out around one run of content. */
#define FLOW_IOVECS 3
struct flow_frame {
	char line[CHUNK_LINE_MAX];
	struct iovec iov[FLOW_IOVECS];
	int count;
};

/* Trailers to pass on, NULL: none; those that are allowed are written to room. */
struct flow_end {
	const struct fields *trailers;
	struct text room;
};

/*
 * Frame content and, where the flow is done, its end; end.room must live as long as the frame.
 * Sets has_ended.
 */
void flow_frame(struct flow *flow, struct bytes content, struct flow_end end,
		struct flow_frame *frame);

#endif
