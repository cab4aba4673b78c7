/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/flow.h"

#include "message/chars.h"

struct flow flow_begin(const struct body *body, enum framing framing, uint64_t max_bytes)
{
	struct flow flow = {.kind = body->kind, .framing = framing};

	flow.left = body->kind == BODY_LENGTH ? body->length : 0;
	flow.is_done = body->kind == BODY_NONE || (body->kind == BODY_LENGTH && !body->length);
	flow.chunked = chunked_begin(max_bytes);
	return flow;
}

/* Content of all chunks that have come, moved together behind that of the first. */
static enum message_result take_chunks(struct flow *flow, struct bytes *input,
				       struct bytes *ret_content)
{
	struct bytes content = {input->at, 0};
	enum message_result result;
	struct bytes piece;

	for (;;) {
		result = chunked_decode(&flow->chunked, input, &piece);
		if (result != MESSAGE_MORE || !piece.len)
			break;
		if (!content.len)
			content = piece;
		else if (content.at + content.len == piece.at)
			content.len += piece.len;
		else {
			memmove((char *)content.at + content.len, piece.at, piece.len);
			content.len += piece.len;
		}
	}
	*ret_content = content;
	flow->in_trailers = result == MESSAGE_DONE;
	return result;
}

enum message_result flow_take(struct flow *flow, struct bytes *input, struct bytes *ret_content)
{
	enum message_result result = MESSAGE_MORE;
	struct bytes content = {0};

	switch (flow->kind) {
	case BODY_NONE:
		result = MESSAGE_DONE;
		break;
	case BODY_LENGTH:
		content = *input;
		if (content.len > flow->left)
			content.len = (size_t)flow->left;
		*input = bytes_from(*input, content.len);
		flow->left -= content.len;
		flow->is_done = !flow->left;
		result = flow->is_done ? MESSAGE_DONE : MESSAGE_MORE;
		break;
	case BODY_CHUNKED:
		result = flow->in_trailers ? MESSAGE_DONE : take_chunks(flow, input, &content);
		break;
	case BODY_UNTIL_CLOSE:
		content = *input;
		*input = bytes_from(*input, content.len);
		break;
	}
	flow->bytes += content.len;
	*ret_content = content;
	return result;
}

enum message_result flow_take_trailers(struct flow *flow, struct bytes *input,
				       struct fields *fields)
{
	size_t len = 0;
	enum message_result result = trailers_parse(*input, &flow->scanned, &len, fields);

	if (result == MESSAGE_DONE) {
		*input = bytes_from(*input, len);
		flow->is_done = true;
	}
	return result;
}

bool flow_close(struct flow *flow)
{
	if (flow->kind == BODY_UNTIL_CLOSE)
		flow->is_done = true;
	return flow->is_done;
}

static void add(struct flow_frame *frame, struct bytes part)
{
	if (part.len)
		frame->iov[frame->count++] =
			(struct iovec){.iov_base = (void *)part.at, .iov_len = part.len};
}

static struct bytes write_end(const struct fields *trailers, struct text *out, bool after_content)
{
	const char *start = out->at;

	if (after_content)
		text_put(out, CHUNK_END);
	text_put(out, "0\r\n");
	for (unsigned i = 0; trailers && i < trailers->count; i++)
		if (trailer_is_allowed(&trailers->field[i]))
			text_field(out, trailers->field[i].name, trailers->field[i].value);
	text_put(out, "\r\n");
	return text_since(out, start);
}

void flow_frame(struct flow *flow, struct bytes content, struct flow_end end,
		struct flow_frame *frame)
{
	bool is_chunked = flow->framing == FRAMING_CHUNKED;

	frame->count = 0;
	if (flow->framing == FRAMING_NONE)
		content.len = 0;
	if (is_chunked && content.len)
		add(frame, chunk_line(content.len, frame->line));
	add(frame, content);
	if (is_chunked && flow->is_done && !flow->has_ended)
		add(frame, write_end(end.trailers, &end.room, content.len != 0));
	else if (is_chunked && content.len)
		add(frame, BYTES(CHUNK_END));
	flow->has_ended = flow->is_done;
}
