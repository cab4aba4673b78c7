/* SPDX-License-Identifier: BSD-2-Clause */
/* The request's body, from the client to the upstream, no faster than the slower of the two. */
#include "http/exchange.h"
#include "message/chars.h"

static enum framing framing_of(const struct body *body)
{
	switch (body->kind) {
	case BODY_LENGTH:
		return FRAMING_LENGTH;
	case BODY_CHUNKED:
		return FRAMING_CHUNKED;
	case BODY_NONE:
	case BODY_UNTIL_CLOSE:
		break;
	}
	return FRAMING_NONE;
}

/* What stands behind the content: trailers, and then perhaps the next request. */
static bool move_rest(struct exchange *x, struct bytes rest)
{
	x->used += rest.len;
	return held_add(&x->next, &x->worker->memory, rest);
}

/*
 * A trailer section that came with the head is judged before anything is sent, and read again
 * when its turn comes.
 */
static enum message_result judge_trailers(struct exchange *x)
{
	struct bytes input = held_bytes(&x->next);
	struct fields *fields = &x->worker->resp.fields; /* scratch that no stage before uses */
	struct flow ahead = x->up;
	enum message_result result = flow_take_trailers(&ahead, &input, fields);

	/* Trailers are read away as they are sent: what has them is sent once. */
	x->is_buffered = result == MESSAGE_DONE && !fields->count;
	return result;
}

enum message_result upload_begin(struct exchange *x, const struct request *req)
{
	struct bytes input = bytes_from(x->conn->input, x->used), content, rest = input;
	enum message_result result;

	x->up = flow_begin(&req->body, framing_of(&req->body), req->route->max_body);
	x->up.has_ended = x->up.is_done;
	x->is_buffered = x->up.is_done;
	if (x->up.is_done)
		return MESSAGE_DONE;

	result = flow_take(&x->up, &rest, &content);
	if (result != MESSAGE_DONE && result != MESSAGE_MORE)
		return result;
	x->content_len = x->buffered_len = content.len;
	x->content_at = content.len ? (size_t)(content.at - x->conn->input.at) : 0;
	x->used = x->conn->input.len - rest.len;
	x->is_buffered = x->up.is_done;
	if (x->up.in_trailers) {
		if (!move_rest(x, rest))
			return MESSAGE_BODY_TOO_LARGE;
		result = judge_trailers(x);
	}
	return result == MESSAGE_MORE ? MESSAGE_DONE : result;
}

void upload_rewind(struct exchange *x)
{
	x->content_len = x->buffered_len;
	x->up.has_ended = x->up.is_done && x->up.kind != BODY_CHUNKED && !x->content_len;
}

static void frame_content(struct exchange *x, struct bytes content, const struct fields *trailers,
			  struct flow_frame *frame)
{
	struct worker *worker = x->worker;
	struct flow_end end = {.trailers = trailers,
			       .room = {worker->tail_out, worker->tail_out + SCRATCH_TAIL, false}};

	flow_frame(&x->up, content, end, frame);
}

bool upload_first(struct exchange *x, struct flow_frame *frame)
{
	struct bytes content = {x->conn->input.at + x->content_at, x->content_len};

	if (!content.len && (!x->up.is_done || x->up.has_ended))
		return false;
	x->content_len = 0;
	frame_content(x, content, NULL, frame);
	return true;
}

static bool send_frame(struct exchange *x, struct flow_frame *frame)
{
	struct worker *worker = x->worker;
	uint64_t before = x->origin->wire.sent;
	bool is_fine = wire_send(&x->origin->wire, &worker->memory, frame->iov, frame->count);

	count_add(&worker->counters.upstream_bytes_out, x->origin->wire.sent - before);
	return is_fine;
}

static enum upload client_state(const struct exchange *x)
{
	const struct wire *wire = &x->conn->wire;

	return wire->has_ended || wire->is_broken ? UPLOAD_GONE : UPLOAD_WAITS;
}

static enum upload fail(struct exchange *x, enum message_result fault)
{
	x->fault = fault;
	return UPLOAD_BAD;
}

/* One step: true if there may be another, else *ret_state says why not. */
static bool step_trailers(struct exchange *x, enum upload *ret_state)
{
	struct worker *worker = x->worker;
	struct bytes input = held_bytes(&x->next);
	size_t before = input.len, room, len;
	enum message_result result = flow_take_trailers(&x->up, &input, &worker->resp.fields);
	struct flow_frame frame;
	char *at;

	if (result == MESSAGE_DONE) {
		frame_content(x, (struct bytes){0}, &worker->resp.fields, &frame);
		*ret_state = send_frame(x, &frame) ? UPLOAD_WAITS : UPLOAD_BROKEN;
		held_drop(&x->next, &worker->memory, before - input.len);
		return false;
	}
	if (result != MESSAGE_MORE) {
		*ret_state = fail(x, result);
		return false;
	}
	at = held_reserve(&x->next, &worker->memory, 1024, &room);
	len = at ? wire_read(&x->conn->wire, at, room) : 0;
	x->next.len += (uint32_t)len;
	count_add(&worker->counters.client_bytes_in, len);
	*ret_state = at ? client_state(x) : UPLOAD_GONE;
	return len != 0;
}

/* A known length is never read past: what comes next belongs to the next request. */
static size_t read_content(struct exchange *x)
{
	size_t room = SCRATCH_IN, len;

	if (x->up.kind == BODY_LENGTH && x->up.left < room)
		room = (size_t)x->up.left;
	len = wire_read(&x->conn->wire, x->worker->client_in, room);
	count_add(&x->worker->counters.client_bytes_in, len);
	return len;
}

static bool step_content(struct exchange *x, enum upload *ret_state)
{
	struct worker *worker = x->worker;
	struct bytes input, content;
	enum message_result result;
	struct flow_frame frame;

	*ret_state = UPLOAD_GONE;
	if (!conn_keep(x->conn)) /* scratch is needed for what comes now */
		return false;
	input = (struct bytes){worker->client_in, read_content(x)};
	*ret_state = client_state(x);
	if (!input.len)
		return false;

	result = flow_take(&x->up, &input, &content);
	if (result != MESSAGE_DONE && result != MESSAGE_MORE) {
		*ret_state = fail(x, result);
		return false;
	}
	frame_content(x, content, NULL, &frame);
	*ret_state = UPLOAD_BROKEN;
	if (!held_add(&x->next, &worker->memory, input) || !send_frame(x, &frame))
		return false;
	*ret_state = UPLOAD_WAITS;
	return true;
}

enum upload upload_run(struct exchange *x)
{
	enum upload state = UPLOAD_WAITS;
	bool goes_on = true;

	if (!wire_flush(&x->origin->wire, &x->worker->memory))
		return UPLOAD_BROKEN;
	for (int i = 0; goes_on && !x->up.has_ended && !x->origin->wire.out.len; i++) {
		if (i == READS_A_TURN) {
			worker_turn(x->worker, &x->conn->poll);
			break;
		}
		goes_on = x->up.in_trailers ? step_trailers(x, &state) : step_content(x, &state);
	}
	return state;
}

bool upload_awaits_client(const struct exchange *x)
{
	return x->origin && !x->up.is_done && !x->origin->wire.out.len && x->stage >= STAGE_AWAIT &&
	       x->stage <= STAGE_RELAY;
}
