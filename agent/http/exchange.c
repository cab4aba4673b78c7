/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request and its answer, from first stage to last.
 *
 *                          ,-- hit, or another fetches it -> SERVE -> FINISH; also from STORE (304, errors)
 *   IDENTIFY -> LIMIT -> LOOKUP -> ADMIT -> CONNECT -> SEND -> AWAIT -> STORE -> RESPOND -> RELAY -> FINISH
 *      |          |                  |         ^ `------ fails --'  |               `-> TUNNEL (101)   ^
 *      |          |                  |         `------ once more ---+                                  |
 *      `----------+------------------+------- REFUSE <--------------' -------------------------------->'
 *
 * A stage does one thing, names its successor and returns MOVE_ON; or returns WAIT, and
 * is called again when anything has happened to the client, the upstream or the clock.
 */
#include "http/exchange.h"
#include "message/chars.h"

#include "http/caution.h"
#include "http/http_parts.h"
#include "http/problem.h"
#include "http/respond.h"
#include "http/strikes.h"

#define FREE_EXCHANGES_MAX 1024 /* kept by a thread for the next requests */

/* ---- Begin and end ---- */

static struct exchange *take_exchange(struct worker *worker)
{
	struct exchange *x = worker->free_exchanges;

	if (!x)
		return memory_object(&worker->memory, sizeof(*x));
	worker->free_exchanges = x->next_free;
	worker->free_exchange_count--;
	memory_clear(x, sizeof(*x));
	return x;
}

static void give_exchange(struct worker *worker, struct exchange *x)
{
	if (worker->free_exchange_count >= FREE_EXCHANGES_MAX) {
		memory_give_object(&worker->memory, x, sizeof(*x));
		return;
	}
	x->next_free = worker->free_exchanges;
	worker->free_exchanges = x;
	worker->free_exchange_count++;
}

/* Hex digits that do not repeat: a bijection of a count, so that they look like nothing. */
static void make_id(struct worker *worker, char id[static REQUEST_ID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t mix = worker->id_seed + ++worker->id_count * 0x9e3779b97f4a7c15ull;

	mix = (mix ^ mix >> 30) * 0xbf58476d1ce4e5b9ull;
	mix = (mix ^ mix >> 27) * 0x94d049bb133111ebull;
	mix ^= mix >> 31;
	for (int i = 0; i < REQUEST_ID_LEN; i++, mix >>= 4)
		id[i] = digits[mix & 15];
}

struct bytes exchange_id(struct exchange *x)
{
	if (!x->id[0])
		make_id(x->worker, x->id);
	return (struct bytes){x->id, REQUEST_ID_LEN};
}

static struct exchange *begin_under(struct conn *conn, struct plan_share *share)
{
	struct worker *worker = conn->worker;
	struct exchange *x = take_exchange(worker);

	if (!x)
		return NULL;
	x->conn = conn;
	x->worker = worker;
	x->share = share;
	x->share->users++;
	x->began_ns = worker->now_ns;
	x->out_before = conn->wire.sent;
	x->up.is_done = x->up.has_ended = true;
	return x;
}

static struct exchange *begin(struct conn *conn)
{
	return begin_under(conn, conn->worker->plan);
}

/* For fetch.c, which spends it. */
static void earn_retry(struct worker *worker)
{
	if (worker->retry_loan)
		worker->retry_loan--;
	else if (worker->retry_credit < RETRIES_MAX * RETRY_COST)
		worker->retry_credit++;
}

struct exchange *exchange_begin(struct conn *conn)
{
	struct worker *worker = conn->worker;
	const struct request_head *head = &worker->request.head;
	struct exchange *x = begin(conn);

	if (!x)
		return NULL;
	x->head_len = (uint32_t)head->len;
	x->used = head->len;
	x->method = head->method;
	x->minor = head->minor;
	x->stage = STAGE_IDENTIFY;
	worker->request_of = x;
	earn_retry(worker);
	count(&worker->counters.requests);
	return x;
}

struct exchange *exchange_begin_refresh(struct conn *conn, const struct exchange *like)
{
	struct exchange *x = begin_under(conn, like->share);

	if (!x)
		return NULL;
	conn->x = x;
	x->head_len = like->head_len;
	x->used = like->head_len;
	x->method = like->method;
	x->minor = like->minor;
	x->route = like->route;
	x->upstream = like->upstream;
	x->is_idempotent = x->is_buffered = true;
	x->stage = STAGE_ADMIT;
	return x;
}

struct exchange *exchange_begin_refused(struct conn *conn, enum message_result fault)
{
	struct exchange *x = begin(conn);

	if (!x)
		return NULL;
	x->minor = 1;
	x->used = conn->input.len; /* nothing of it is worth looking at again */
	(void)exchange_refuse_fault(x, fault);
	return x;
}

struct exchange *exchange_begin_slow(struct conn *conn)
{
	struct exchange *x = begin(conn);

	if (!x)
		return NULL;
	x->minor = 1;
	x->used = conn->input.len;
	(void)exchange_refuse(x, 408, "the head did not come in time");
	return x;
}

void exchange_drop_origin(struct exchange *x)
{
	if (x->origin) {
		x->origin->x = NULL;
		origin_close(x->origin);
		x->origin = NULL;
	}
	if (x->server)
		atomic_fetch_sub_explicit(&x->server->outstanding, 1, memory_order_relaxed);
	x->server = NULL;
}

/* What the exchange used of the input is gone; what it read beyond is what comes next. */
static void advance_input(struct exchange *x)
{
	struct conn *conn = x->conn;
	struct memory *memory = &x->worker->memory;

	if (x->next.len) { /* then all of the input before it was this exchange's */
		held_free(&conn->in, memory);
		conn->in = x->next;
		x->next = (struct held){0};
		conn->input = held_bytes(&conn->in);
	} else if (conn->in.len) {
		held_drop(&conn->in, memory, x->used);
		conn->input = held_bytes(&conn->in);
	} else {
		conn->input = bytes_from(conn->input, x->used);
	}
	held_free(&x->next, memory);
}

static void count_end(struct exchange *x)
{
	struct worker *worker = x->worker;

	if (x->is_aborted || !x->status)
		count(&worker->counters.aborted);
	else
		http_counters_status(&worker->counters, x->status);
	count_add(&worker->counters.client_bytes_out, x->conn->wire.sent - x->out_before);
	exchange_log(x);
}

void exchange_end(struct exchange *x)
{
	struct worker *worker = x->worker;

	if (!x->conn->is_refresh)
		count_end(x);
	caching_end(x);
	limiting_end(x);
	exchange_drop_origin(x);
	if (x->upstream)
		fetch_leave_gate(x);
	advance_input(x);
	if (worker->request_of == x)
		worker->request_of = NULL;
	x->conn->x = NULL;
	plan_share_drop(x->share);
	give_exchange(worker, x);
}

const struct request *exchange_read_again(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct bytes head = {x->conn->input.at, x->head_len};
	enum message_result result;
	size_t scanned = 0;

	result = head_parse_request(head, &x->share->plan->head_limits, &scanned,
				    &worker->request.head);
	(void)result; /* the same bytes were fine before */
	(void)request_judge(x->share->plan, &x->conn->peer, &worker->request, &result);
	worker->request_of = x;
	return &worker->request;
}

/* ---- Refusing ---- */

enum progress exchange_refuse(struct exchange *x, unsigned status, const char *detail)
{
	/* The origin has it, and may have produced an answer that the client took care not to see. */
	if (x->sent_ns && status < 500)
		limiting_settle(x, 0);
	caching_end(x);
	exchange_drop_origin(x);
	if (x->upstream)
		fetch_leave_gate(x);
	x->status = status;
	x->detail = detail;
	/* Nothing of the body is read any more: then the connection has no next request. */
	x->keeps_conn = x->client_persists && x->up.is_done && !x->worker->is_draining &&
			(status < 400 || status == 502 || status == 503 || status == 504);
	return go(x, STAGE_REFUSE);
}

enum progress exchange_refuse_fault(struct exchange *x, enum message_result fault)
{
	count(&x->worker->counters.refused[fault]);
	strikes_note_fault(x->conn, fault);
	x->fault = fault;
	x->client_persists = false;
	return exchange_refuse(x, message_status(fault), message_text(fault));
}

/* The cache sent it to the upstream, which failed, or has no room. */
static bool was_forwarded(const struct exchange *x)
{
	return x->cache.status.forward != FORWARD_NONE;
}

static enum progress refuse(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};
	char room[CACHE_STATUS_MAX];
	const struct problem problem = {
		.status = x->status,
		.detail = x->detail,
		.date = worker->date,
		.request_id = exchange_id(x),
		.keeps_alive = x->keeps_conn,
		.is_head = x->method == METHOD_HEAD,
		.client_minor = x->minor,
		.retry_after_s = x->retry_s ? x->retry_s : x->status == 503,
		.limit_fields = limiting_fields(x),
		.cache_status =
			was_forwarded(x) ? caching_status(x, room) : (struct bytes){NULL, 0},
	};
	struct iovec iov;

	if (x->has_answered)
		return PROGRESS_RESET;
	problem_write(&problem, &out);
	iov = (struct iovec){worker->head_out, (size_t)(out.at - worker->head_out)};
	(void)wire_send(&x->conn->wire, &worker->memory, &iov, 1); /* finish finds out */
	return go(x, STAGE_FINISH);
}

/* ---- Stages ---- */

static void take_request(struct exchange *x, const struct request *req)
{
	x->route = req->route;
	x->upstream = &x->share->plan->upstreams[req->route->upstream];
	x->wants_websocket = req->wants_websocket;
	x->is_idempotent = request_is_idempotent(req);
	x->client_persists = connection_persists(&req->connection, x->minor);
	/* Who sends the body without waiting does not wait. */
	x->client_waits = req->expects_continue && !x->up.is_done &&
			  x->used == x->conn->input.len && !x->content_len;
}

static enum progress identify(struct exchange *x)
{
	struct request *req = &x->worker->request;
	enum message_result result;
	enum progress progress;

	switch (request_judge(x->share->plan, &x->conn->peer, req, &result)) {
	case REQUEST_REFUSED:
		return exchange_refuse_fault(x, result);
	case REQUEST_MISDIRECTED:
		count(&x->worker->counters.host_refused);
		return exchange_refuse(x, 421, "this host is not served here");
	case REQUEST_FINE:
		break;
	}
	result = upload_begin(x, req);
	if (result != MESSAGE_DONE)
		return exchange_refuse_fault(x, result);
	take_request(x, req);
	if (caution_refuses(x, &progress))
		return progress;
	return go(x, STAGE_LIMIT);
}

/* Where the limits of the route are asked. */
static enum progress limit(struct exchange *x)
{
	const enum progress progress = limiting_admit(x);

	if (progress == PROGRESS_MOVE_ON)
		strikes_note_judged(x, x->stage == STAGE_LOOKUP);
	return progress;
}

/* RFC 9110 section 7.6.2: an OPTIONS that has gone far enough is answered here. */
static bool ends_here(const struct exchange *x, const struct request *req)
{
	const struct field *field = fields_first(&req->head.fields, FIELD_MAX_FORWARDS);

	return x->method == METHOD_OPTIONS && field && bytes_equal(field->value, BYTES("0"));
}

/* Where the cache is asked. */
static enum progress lookup(struct exchange *x)
{
	if (x->method == METHOD_OPTIONS && ends_here(x, exchange_request(x)))
		return exchange_refuse(x, 200, "this is a gateway");
	return caching_lookup(x);
}

static enum progress finish(struct exchange *x)
{
	if (!wire_flush(&x->conn->wire, &x->worker->memory))
		return PROGRESS_RESET;
	if (x->conn->wire.out.len)
		return PROGRESS_WAIT;
	return x->keeps_conn ? PROGRESS_DONE : PROGRESS_CLOSE;
}

typedef enum progress stage_fn(struct exchange *x);

static stage_fn *const stages[STAGE_COUNT] = {
	[STAGE_IDENTIFY] = identify,	 [STAGE_LIMIT] = limit,
	[STAGE_LOOKUP] = lookup,	 [STAGE_ADMIT] = fetch_admit,
	[STAGE_CONNECT] = fetch_connect, [STAGE_SEND] = fetch_send,
	[STAGE_AWAIT] = await_answer,	 [STAGE_STORE] = caching_store,
	[STAGE_RESPOND] = relay_respond, [STAGE_RELAY] = relay_run,
	[STAGE_TUNNEL] = tunnel_run,	 [STAGE_REFUSE] = refuse,
	[STAGE_FINISH] = finish,	 [STAGE_SERVE] = caching_serve,
};

/* ---- The whole ---- */

enum progress exchange_advance(struct exchange *x)
{
	enum progress progress;

	do
		progress = stages[x->stage](x);
	while (progress == PROGRESS_MOVE_ON);

	if (progress == PROGRESS_WAIT)
		exchange_set_timer(x);
	return progress;
}
