/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request that must go to an upstream to the head of its answer. */
#include <errno.h>

#include "base/log.h"
#include "http/exchange.h"
#include "message/chars.h"
#include "http/http_parts.h"
#include "http/respond.h"

#define READ_MIN	4096  /* a head that comes in pieces is read in pieces of this */
#define ANSWER_HEAD_MAX 32768 /* bytes: of any server that means well */

static const struct http_policy *policy_of(const struct exchange *x)
{
	return x->share->plan->http;
}

/* ---- A slot ---- */

static void slot_arrived(struct worker *worker, struct letter *letter)
{
	struct exchange *x = list_owner(letter, struct exchange, letter);

	/* Its exchange may have given up meanwhile: then it left this letter to tell us of the slot. */
	x->has_slot = true;
	x->is_queued = false;
	conn_run(x->conn);
}

static void slot_granted(struct gate_waiter *waiter)
{
	struct exchange *x = list_owner(waiter, struct exchange, waiter);

	x->letter.read = slot_arrived;
	worker_post(x->worker, &x->letter);
}

void fetch_leave_gate(struct exchange *x)
{
	struct gate *gate = &x->upstream->gate->gate;

	if (x->is_queued && !gate_cancel(gate, &x->waiter)) {
		/* The slot is on its way to us. */
		worker_take_back(x->worker, &x->letter);
		x->has_slot = true;
	}
	x->is_queued = false;
	if (x->has_slot)
		gate_leave(gate);
	x->has_slot = false;
}

enum progress fetch_admit(struct exchange *x)
{
	if (x->has_slot)
		return go(x, STAGE_CONNECT);
	if (x->is_queued) { /* still waiting */
		if (x->worker->now_ns < x->queue_until_ns)
			return PROGRESS_WAIT;
		count(&x->worker->counters.queue_timeout);
		return exchange_refuse(x, 503, "no upstream had room for the request in time");
	}
	x->waiter.granted = slot_granted;
	switch (gate_enter(&x->upstream->gate->gate, &x->waiter)) {
	case GATE_IN:
		x->has_slot = true;
		return go(x, STAGE_CONNECT);
	case GATE_WAIT:
		x->is_queued = true;
		x->queue_until_ns = x->worker->now_ns + x->upstream->policy->queue_wait_ns;
		count(&x->worker->counters.queued);
		return PROGRESS_WAIT;
	case GATE_FULL:
		break;
	}
	count(&x->worker->counters.queue_full);
	return exchange_refuse(x, 503, "the upstream and its queue are full");
}

/* ---- When it fails ---- */

/*
 * A tenth of the requests may be sent again, and a few more after a quiet time: otherwise an
 * upstream that breaks under its load would get more of it.
 */
static bool spend_retry(struct worker *worker)
{
	if (worker->retry_credit < RETRY_COST)
		return false;
	worker->retry_credit -= RETRY_COST;
	return true;
}

static bool may_retry(const struct exchange *x, bool is_safe)
{
	if (x->is_retry || x->has_answered || !x->is_idempotent || !x->is_buffered)
		return false;
	switch (x->route->retry) {
	case HTTP_RETRY_SAFE:
		return is_safe;
	case HTTP_RETRY_IDEMPOTENT:
		return true;
	case HTTP_RETRY_OFF:
		break;
	}
	return false;
}

static void rewind_request(struct exchange *x)
{
	exchange_drop_origin(x);
	x->is_retry = true;
	x->scanned = 0;
	x->answer = (struct bytes){0};
	upload_rewind(x);
}

struct failure {
	unsigned status;
	const char *detail;
	bool is_safe;  /* the upstream cannot have acted on the request */
	bool is_fault; /* passive health counts it */
};

static enum progress fail(struct exchange *x, const struct failure *failure)
{
	struct worker *worker = x->worker;
	struct server *server = x->server;

	x->tried = server;
	if (failure->is_fault && server && upstream_failed(x->upstream, server, worker->now_ns)) {
		count(&worker->counters.ejections);
		log_warning("upstream %s: %s; no requests go there for a while", server->name,
			    failure->detail);
	}
	if (may_retry(x, failure->is_safe) && spend_retry(worker)) {
		count(&worker->counters.retries);
		rewind_request(x);
		return go(x, STAGE_CONNECT);
	}
	if (caching_failed(x))
		return PROGRESS_MOVE_ON;
	return exchange_refuse(x, failure->status, failure->detail);
}

enum progress fetch_again(struct exchange *x)
{
	rewind_request(x);
	return go(x, STAGE_CONNECT);
}

static enum progress fail_connect(struct exchange *x, int err)
{
	static const struct failure refused = {502, "no connection to the upstream", true, true};
	static const struct failure slow = {504, "connecting to the upstream took too long", true,
					    true};

	count(&x->worker->counters.upstream_connect_failed);
	if (err == -ENOMEM)
		return exchange_refuse(x, 503, "no memory for a connection to the upstream");
	return fail(x, err == -ETIMEDOUT ? &slow : &refused);
}

static enum progress fail_closed(struct exchange *x)
{
	/* A server may close an idle connection at any time: no fault of its, and safe to repeat. */
	bool was_idle = x->origin->is_reused && !x->origin->has_answered;
	const struct failure failure = {502, "the upstream closed before its answer was complete",
					was_idle, !was_idle};

	count(&x->worker->counters.upstream_closed);
	return fail(x, &failure);
}

static enum progress fail_late(struct exchange *x)
{
	static const struct failure late = {504, "the upstream did not answer in time", false,
					    true};

	count(&x->worker->counters.upstream_timeout);
	return fail(x, &late);
}

static enum progress fail_bad(struct exchange *x, const char *detail)
{
	count(&x->worker->counters.upstream_bad);
	return exchange_refuse(x, 502, detail);
}

/* ---- A connection ---- */

static void charge(struct exchange *x, struct server *server)
{
	x->server = server;
	atomic_fetch_add_explicit(&server->outstanding, 1, memory_order_relaxed);
}

static enum progress begin_connect(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct server *server = upstream_pick(x->upstream, x->tried, worker->now_ns);
	int err;

	charge(x, server);
	/* What is repeated goes over a new connection: the idle ones may all be as dead as the last. */
	x->origin = x->is_retry ? NULL : origin_reuse(worker, server, x);
	if (x->origin)
		return go(x, STAGE_SEND);
	err = origin_connect(worker, server, x, &x->origin);
	if (err)
		return fail_connect(x, err);
	origin_set_deadline(x->origin, worker->now_ns + policy_of(x)->timeouts.connect_ns);
	return PROGRESS_WAIT;
}

enum progress fetch_connect(struct exchange *x)
{
	int err;

	if (!x->origin)
		return begin_connect(x);
	err = x->origin->timed_out ? -ETIMEDOUT : origin_connected(x->origin);
	if (err == -EAGAIN)
		return PROGRESS_WAIT;
	return err ? fail_connect(x, err) : go(x, STAGE_SEND);
}

/* ---- The request ---- */

static bool write_head(struct exchange *x, struct bytes *ret_head)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	const struct request *req = exchange_request(x);
	const struct forward forward = {
		.plan = x->share->plan,
		.req = req,
		.peer = &x->conn->peer,
		.server_name = bytes_of(x->server->name),
		.request_id = forward_request_id(req, (struct bytes){x->id, REQUEST_ID_LEN}),
		.conditions = caching_conditions(
			x, (struct text){worker->tail_out, worker->tail_out + SCRATCH_TAIL, false}),
	};
	struct forward_dropped dropped;

	forward_write(&forward, &out, &dropped);
	count_add(&worker->counters.underscore_fields, dropped.underscores);
	count_add(&worker->counters.method_overrides, dropped.overrides);
	*ret_head = text_since(&out, worker->head_out);
	return !out.is_cut;
}

static void wait_for_answer(struct exchange *x)
{
	origin_set_deadline(x->origin, x->worker->now_ns + x->route->response_ns);
}

enum progress fetch_send(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct iovec iov[1 + FLOW_IOVECS];
	struct flow_frame frame;
	struct bytes head;
	int parts = 1;

	if (!write_head(x, &head))
		return exchange_refuse(x, 431, "the head is too large to be passed on");
	iov[0] = (struct iovec){(void *)head.at, head.len};
	if (upload_first(x, &frame))
		for (int i = 0; i < frame.count; i++)
			iov[parts++] = frame.iov[i];

	x->sent_ns = worker->now_ns;
	if (x->client_waits)
		x->continue_at_ns = worker->now_ns + CONTINUE_AFTER_NS;
	x->origin->wire.sent = 0;
	(void)wire_send(&x->origin->wire, &worker->memory, iov, parts); /* await finds out */
	count_add(&worker->counters.upstream_bytes_out, x->origin->wire.sent);
	wait_for_answer(x);
	return go(x, STAGE_AWAIT);
}

/* ---- The head of the answer ---- */

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

	if (resp->status == 101 && !x->wants_websocket)
		return fail_bad(x, "the upstream switched protocols without being asked");
	if (body_of_response(resp, x->method, &x->answer_body) != MESSAGE_DONE)
		return fail_bad(x, "the upstream's answer has no sound length");

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
		return fail_bad(x, "the upstream's answer has a malformed Connection field");
	if (worker->resp.status >= 200 || worker->resp.status == 101)
		return take_answer(x);
	if (++x->interim > INTERIM_MAX)
		return fail_bad(x, "the upstream sent interim answers without end");
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
		return fail_closed(x);
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
			return fail_bad(x, "the upstream's answer is malformed");
		x->answer = bytes_from(input, x->worker->resp.len);
		progress = take_head(x);
		if (progress != PROGRESS_MOVE_ON || x->stage != STAGE_AWAIT)
			return progress;
		skip_head(x, &input);
	}
}

enum progress fetch_await(struct exchange *x)
{
	struct worker *worker = x->worker;
	uint64_t before = x->origin->wire.sent;

	if (x->origin->timed_out)
		return fail_late(x);
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
		wait_for_answer(x);
	return read_head(x);
}
