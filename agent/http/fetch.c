/* SPDX-License-Identifier: BSD-2-Clause */
/* From a request that must go to an upstream until it has been sent, and what happens when that fails. */
#include <errno.h>

#include "base/log.h"
#include "http/caution.h"
#include "http/exchange.h"
#include "http/http_parts.h"

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

/* To who asks it is all one whether the upstream is down or has too much to do. */
static enum progress no_room(struct exchange *x, const char *detail)
{
	return caching_failed(x) ? PROGRESS_MOVE_ON : exchange_refuse(x, 503, detail);
}

enum progress fetch_admit(struct exchange *x)
{
	enum progress progress;

	if (x->has_slot)
		return go(x, STAGE_CONNECT);
	if (x->is_queued) { /* still waiting */
		if (x->worker->now_ns < x->queue_until_ns)
			return PROGRESS_WAIT;
		count(&x->worker->counters.queue_timeout);
		return no_room(x, "no upstream had room for the request in time");
	}
	if (caution_forbids_fetch(x, &progress))
		return progress;
	x->waiter.granted = slot_granted;
	switch (gate_enter(&x->upstream->gate->gate, &x->waiter)) {
	case GATE_IN:
		x->has_slot = true;
		return go(x, STAGE_CONNECT);
	case GATE_WAIT:
		x->is_queued = true;
		if (caution_sheds(x, &progress))
			return progress;
		x->queue_until_ns = x->worker->now_ns + x->upstream->policy->queue_wait_ns;
		count(&x->worker->counters.queued);
		return PROGRESS_WAIT;
	case GATE_FULL:
		break;
	}
	if (caution_sheds(x, &progress))
		return progress;
	count(&x->worker->counters.queue_full);
	return no_room(x, "the upstream and its queue are full");
}

/* ---- When it fails ---- */

/*
 * No more than a tenth of the requests is sent again, but that a thread begins with the credit of
 * its first hundred: otherwise an upstream that breaks under its load would get more of it.
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

enum progress fetch_fail_closed(struct exchange *x)
{
	/* A server may close an idle connection at any time: no fault of its, and safe to repeat. */
	bool was_idle = x->origin->is_reused && !x->origin->has_answered;
	const struct failure failure = {502, "the upstream closed before its answer was complete",
					was_idle, !was_idle};

	count(&x->worker->counters.upstream_closed);
	return fail(x, &failure);
}

enum progress fetch_fail_late(struct exchange *x)
{
	static const struct failure late = {504, "the upstream did not answer in time", false,
					    true};

	count(&x->worker->counters.upstream_timeout);
	return fail(x, &late);
}

enum progress fetch_fail_bad(struct exchange *x, const char *detail)
{
	count(&x->worker->counters.upstream_bad);
	return exchange_refuse(x, 502, detail);
}

/* ---- A connection ---- */

static void charge(struct exchange *x, struct server *server)
{
	x->server = server;
	x->asked = server;
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
		.request_id = forward_request_id(req, exchange_id(x)),
		.conditions = caching_conditions(
			x, (struct text){worker->tail_out, worker->tail_out + SCRATCH_TAIL, false}),
		.is_refresh = x->conn->is_refresh,
	};
	struct forward_dropped dropped;

	forward_write(&forward, &out, &dropped);
	count_add(&worker->counters.underscore_fields, dropped.underscores);
	count_add(&worker->counters.method_overrides, dropped.overrides);
	*ret_head = text_since(&out, worker->head_out);
	return !out.is_cut;
}

void fetch_wait(struct exchange *x)
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
	fetch_wait(x);
	return go(x, STAGE_AWAIT);
}
