/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request that has gone to an upstream to the head of its answer. */
#include "http/exchange.h"
#include "http/respond.h"
#include "message/chars.h"

#define READ_MIN	4096  /* a head that comes in pieces is read in pieces of this */
#define ANSWER_HEAD_MAX 32768 /* bytes: of any server that means well */

/* The client waits for this before it sends the body. */
static void send_continue(struct exchange *x)
{
	struct iovec iov = {(void *)"HTTP/1.1 100 Continue\r\n\r\n", 25};

	x->client_waits = false;
	(void)wire_send(&x->conn->wire, &x->worker->memory, &iov, 1); /* found out when reading */
}

/* RFC 9110 section 15.2: passed on, but for those the client did not ask for or cannot read. */
static void pass_interim(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	const struct respond respond = {.resp = &worker->resp,
					.connection = &worker->resp_connection};
	struct iovec iov;

	if (worker->resp.status == 100) {
		if (x->client_waits)
			send_continue(x);
		return;
	}
	if (!x->minor || x->conn->wire.out.len)
		return;
	respond_write_interim(&respond, &out);
	if (out.is_cut)
		return;
	iov = (struct iovec){worker->head_out, (size_t)(out.at - worker->head_out)};
	(void)wire_send(&x->conn->wire, &worker->memory, &iov, 1); /* found out when responding */
	count(&worker->counters.informational);
}

static enum framing framing_for(const struct exchange *x, const struct body *body)
{
	switch (body->kind) {
	case BODY_NONE:
		break;
	case BODY_LENGTH:
		return FRAMING_LENGTH;
	case BODY_CHUNKED:
	case BODY_UNTIL_CLOSE:
		return x->minor ? FRAMING_CHUNKED : FRAMING_CLOSE;
	}
	return FRAMING_NONE;
}

static enum progress take_answer(struct exchange *x)
{
	struct worker *worker = x->worker;
	const struct response_head *resp = &worker->resp;
	enum framing framing;

	if (resp->status == 101 &&
	    (!x->wants_websocket ||
	     !field_list_has(&resp->fields, FIELD_UPGRADE, BYTES("websocket"))))
		return fetch_fail_bad(x, "the upstream switched protocols without being asked");
	if (body_of_response(resp, x->method, &x->answer_body) != MESSAGE_DONE)
		return fetch_fail_bad(x, "the upstream's answer has no sound length");

	framing = framing_for(x, &x->answer_body);
	x->status = resp->status;
	x->waited_ns = worker->now_ns - x->sent_ns;
	http_counters_time(&worker->counters, x->waited_ns);
	server_answered(x->server);
	x->down = flow_begin(&x->answer_body, framing, UINT64_MAX >> 1);
	x->keeps_origin = connection_persists(&worker->resp_connection, resp->minor) &&
			  x->answer_body.kind != BODY_UNTIL_CLOSE;
	x->keeps_conn = x->client_persists && x->up.has_ended && framing != FRAMING_CLOSE &&
			!worker->is_draining;
	return go(x, STAGE_STORE);
}

/* One whole head. MOVE_ON with the stage still AWAIT: it was an interim answer. */
static enum progress take_head(struct exchange *x)
{
	struct worker *worker = x->worker;

	if (connection_read(&worker->resp.fields, false, &worker->resp_connection) != MESSAGE_DONE)
		return fetch_fail_bad(x, "the upstream's answer has a malformed Connection field");
	if (worker->resp.status >= 200 || worker->resp.status == 101)
		return take_answer(x);
	if (++x->interim > INTERIM_MAX)
		return fetch_fail_bad(x, "the upstream sent interim answers without end");
	pass_interim(x);
	return PROGRESS_MOVE_ON;
}

static bool read_more(struct exchange *x, struct bytes *input)
{
	struct origin *origin = x->origin;
	struct worker *worker = x->worker;
	size_t room, len;
	char *at;

	if (!origin->in.len && !input->len) {
		len = wire_read(&origin->wire, worker->origin_in, SCRATCH_IN);
		*input = (struct bytes){worker->origin_in, len};
	} else {
		if (!origin->in.len && !held_add(&origin->in, &worker->memory, *input))
			return false;
		at = held_reserve(&origin->in, &worker->memory, READ_MIN, &room);
		len = at ? wire_read(&origin->wire, at, room) : 0;
		origin->in.len += (uint32_t)len;
		*input = held_bytes(&origin->in);
	}
	origin->has_answered |= len != 0;
	count_add(&worker->counters.upstream_bytes_in, len);
	return len != 0;
}

static void skip_head(struct exchange *x, struct bytes *input)
{
	size_t len = x->worker->resp.len;

	if (x->origin->in.len) {
		held_drop(&x->origin->in, &x->worker->memory, len);
		*input = held_bytes(&x->origin->in);
	} else {
		*input = bytes_from(*input, len);
	}
}

static enum progress no_more_now(struct exchange *x, struct bytes input)
{
	struct origin *origin = x->origin;

	if (!origin->in.len && !held_add(&origin->in, &x->worker->memory, input))
		return exchange_refuse(x, 503, "no memory for the upstream's answer");
	if (origin->wire.has_ended || origin->wire.is_broken)
		return fetch_fail_closed(x);
	return PROGRESS_WAIT;
}

static enum progress read_head(struct exchange *x)
{
	static const struct head_limits limits = {.max_bytes = ANSWER_HEAD_MAX,
						  .max_fields = HEAD_FIELDS_MAX};
	struct bytes input = held_bytes(&x->origin->in);

	for (;;) {
		enum message_result result = MESSAGE_MORE;
		enum progress progress;

		if (input.len)
			result = head_parse_response(input, &limits, &x->scanned, &x->worker->resp);
		if (result == MESSAGE_MORE) {
			if (!read_more(x, &input))
				return no_more_now(x, input);
			continue;
		}
		if (result != MESSAGE_DONE)
			return fetch_fail_bad(x, "the upstream's answer is malformed");
		x->answer = bytes_from(input, x->worker->resp.len);
		progress = take_head(x);
		if (progress != PROGRESS_MOVE_ON || x->stage != STAGE_AWAIT)
			return progress;
		skip_head(x, &input);
	}
}

enum progress await_answer(struct exchange *x)
{
	struct worker *worker = x->worker;
	uint64_t before = x->origin->wire.sent;

	if (x->origin->timed_out)
		return fetch_fail_late(x);
	if (x->client_waits && worker->now_ns >= x->continue_at_ns)
		send_continue(x);
	switch (upload_run(x)) {
	case UPLOAD_BAD:
		return exchange_refuse_fault(x, x->fault);
	case UPLOAD_GONE:
		return PROGRESS_RESET;
	case UPLOAD_WAITS:
	case UPLOAD_BROKEN: /* there may be an answer that says why */
		break;
	}
	if (x->origin->wire.sent != before)
		fetch_wait(x);
	return read_head(x);
}
