/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer, from the upstream to the client, no faster than the client reads. */
#include "http/exchange.h"
#include "http/respond.h"

enum progress relay_respond(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	char status[CACHE_STATUS_MAX];
	const struct respond respond = {
		.resp = &worker->resp,
		.connection = &worker->resp_connection,
		.body = &x->answer_body,
		.framing = x->down.framing,
		.name = x->share->plan->http->name,
		.date = worker->date,
		.cache_status = caching_status(x, status),
		.limit_fields = limiting_fields(x),
		.limit_families = limiting_families(x),
		.client_minor = x->minor,
		.keeps_alive = x->keeps_conn,
		.is_upgrade = x->status == 101,
	};

	respond_write(&respond, &out);
	if (out.is_cut)
		return exchange_refuse(x, 502,
				       "the upstream's answer is too large to be passed on");
	x->head_out = text_since(&out, worker->head_out);
	return go(x, x->status == 101 ? STAGE_TUNNEL : STAGE_RELAY);
}

/* ---- Pieces ---- */

/* Send a frame, behind the head if that has not gone yet. */
static bool send_frame(struct exchange *x, const struct flow_frame *frame)
{
	struct worker *worker = x->worker;
	struct wire *wire = &x->conn->wire;
	struct iovec iov[1 + FLOW_IOVECS];
	int parts = 0;

	if (x->head_out.len)
		iov[parts++] = (struct iovec){(void *)x->head_out.at, x->head_out.len};
	for (int i = 0; i < frame->count; i++)
		iov[parts++] = frame->iov[i];
	if (!parts)
		return true;
	x->head_out = (struct bytes){0};
	x->has_answered = true;
	return wire_send(wire, &worker->memory, iov, parts);
}

static bool send_content(struct exchange *x, struct bytes content, const struct fields *trailers)
{
	struct worker *worker = x->worker;
	struct flow_end end = {.trailers = trailers,
			       .room = {worker->tail_out, worker->tail_out + SCRATCH_TAIL, false}};
	struct flow_frame frame;

	flow_frame(&x->down, content, end, &frame);
	return send_frame(x, &frame);
}

/* The answer broke off. As long as the client has nothing of it, it can still be told. */
static enum progress break_off(struct exchange *x, uint64_t *counter, const char *detail)
{
	count(counter);
	x->keeps_origin = false;
	if (!x->has_answered)
		return exchange_refuse(x, 502, detail);
	x->is_aborted = true;
	return PROGRESS_RESET;
}

/* The next bytes: what came with the head, else of a trailer section what there is in all, else a read. */
static struct bytes next_input(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct origin *origin = x->origin;
	struct bytes input = x->answer;
	size_t room, len;
	char *at;

	x->answer = (struct bytes){0};
	if (input.len)
		return input;
	if (!x->down.in_trailers) {
		held_free(&origin->in, &worker->memory);
		len = wire_read(&origin->wire, worker->origin_in, SCRATCH_IN);
		count_add(&worker->counters.upstream_bytes_in, len);
		return (struct bytes){worker->origin_in, len};
	}
	at = held_reserve(&origin->in, &worker->memory, 1024, &room);
	len = at ? wire_read(&origin->wire, at, room) : 0;
	origin->in.len += (uint32_t)len;
	count_add(&worker->counters.upstream_bytes_in, len);
	return len ? held_bytes(&origin->in) : (struct bytes){0};
}

/* What was not used stays: only part of a trailer section, or what nobody asked for. */
static bool keep_rest(struct exchange *x, struct bytes rest)
{
	struct held *in = &x->origin->in;

	if (in->len) {
		held_drop(in, &x->worker->memory, in->len - rest.len);
		return true;
	}
	return held_add(in, &x->worker->memory, rest);
}

/* One piece. False: *ret_progress says how it ends. */
static bool relay_piece(struct exchange *x, struct bytes input, enum progress *ret_progress)
{
	struct worker *worker = x->worker;
	const struct fields *trailers = NULL;
	struct bytes content;
	enum message_result result = flow_take(&x->down, &input, &content);

	if (result == MESSAGE_DONE && x->down.in_trailers) {
		result = flow_take_trailers(&x->down, &input, &worker->resp.fields);
		trailers = result == MESSAGE_DONE ? &worker->resp.fields : NULL;
	}
	if (result != MESSAGE_DONE && result != MESSAGE_MORE) {
		*ret_progress = break_off(x, &worker->counters.upstream_bad,
					  "the upstream's answer is badly framed");
		return false;
	}
	if (send_content(x, content, trailers) && keep_rest(x, input))
		return true;
	x->is_aborted = true;
	*ret_progress = PROGRESS_RESET;
	return false;
}

/* Nothing came. */
static enum progress relay_pause(struct exchange *x)
{
	const struct wire *wire = &x->origin->wire;

	if (!x->down.is_done &&
	    (wire->is_broken || x->origin->timed_out || (wire->has_ended && !flow_close(&x->down))))
		return break_off(x, &x->worker->counters.upstream_closed,
				 "the upstream closed before its answer was complete");
	if (!send_content(x, (struct bytes){0}, NULL)) /* the head, or the end */
		return PROGRESS_RESET;
	return x->down.has_ended ? PROGRESS_MOVE_ON : PROGRESS_WAIT;
}

/* ---- For who keeps what passes ---- */

enum relay_read relay_read(struct exchange *x, struct bytes *ret_content, struct bytes *ret_rest)
{
	const struct wire *wire = &x->origin->wire;
	struct bytes input = x->down.is_done ? (struct bytes){0} : next_input(x);
	enum message_result result;

	*ret_content = *ret_rest = (struct bytes){0};
	if (!input.len) {
		if (!x->down.is_done && (wire->is_broken || x->origin->timed_out ||
					 (wire->has_ended && !flow_close(&x->down))))
			return RELAY_READ_BROKEN;
		return x->down.is_done ? RELAY_READ_ALL : RELAY_READ_NOTHING;
	}
	result = flow_take(&x->down, &input, ret_content);
	if (result == MESSAGE_DONE && x->down.in_trailers)
		result = flow_take_trailers(&x->down, &input, &x->worker->resp.fields);
	if (result != MESSAGE_DONE && result != MESSAGE_MORE)
		return RELAY_READ_BROKEN;
	*ret_rest = input;
	return RELAY_READ_SOME;
}

bool relay_keep_rest(struct exchange *x, struct bytes rest)
{
	return keep_rest(x, rest);
}

void relay_await(struct exchange *x)
{
	x->origin->timed_out = false;
	origin_set_deadline(x->origin,
			    x->worker->now_ns + x->share->plan->http->timeouts.response_ns);
}

/* ---- The whole ---- */

void relay_leave_origin(struct exchange *x)
{
	/* Bytes behind the answer are nobody's: such a connection is not used again. */
	bool is_clean = x->keeps_origin && x->up.has_ended && !x->origin->in.len && !x->answer.len;

	if (is_clean && !x->origin->wire.out.len) {
		struct origin *origin = x->origin;

		x->origin = NULL;
		origin_keep(origin);
	}
	exchange_drop_origin(x);
}

static enum progress finish(struct exchange *x)
{
	relay_leave_origin(x);
	return go(x, STAGE_FINISH);
}

static bool upload_fails(struct exchange *x)
{
	if (x->up.has_ended)
		return false;
	switch (upload_run(x)) {
	case UPLOAD_BAD:
	case UPLOAD_GONE:
		return true;
	case UPLOAD_WAITS:
	case UPLOAD_BROKEN:
		break;
	}
	return false;
}

/* What is left of a slow client's timing is conn's business; the upstream's clock stands meanwhile. */
static void wait_for_more(struct exchange *x)
{
	origin_set_deadline(x->origin,
			    x->worker->now_ns + x->share->plan->http->timeouts.response_ns);
}

enum progress relay_run(struct exchange *x)
{
	enum progress progress = PROGRESS_RESET;

	if (upload_fails(x)) {
		x->is_aborted = true;
		return PROGRESS_RESET;
	}
	for (int i = 0; i < READS_A_TURN; i++) {
		struct bytes input;

		if (!wire_flush(&x->conn->wire, &x->worker->memory))
			return PROGRESS_RESET;
		if (x->down.has_ended && !x->head_out.len)
			return finish(x);
		if (x->conn->wire.out.len && !x->head_out.len) {
			x->origin->timed_out = false;
			wait_for_more(x);
			return PROGRESS_WAIT;
		}
		input = x->down.is_done ? (struct bytes){0} : next_input(x);
		if (input.len && !relay_piece(x, input, &progress))
			return progress;
		if (!input.len) {
			progress = relay_pause(x);
			if (progress == PROGRESS_WAIT || x->stage != STAGE_RELAY ||
			    progress == PROGRESS_RESET)
				return progress;
		} else {
			wait_for_more(x);
		}
	}
	worker_turn(x->worker, &x->conn->poll);
	return PROGRESS_WAIT;
}
