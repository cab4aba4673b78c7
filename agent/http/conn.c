/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *   accept -> [PROXY header] -> head -> exchange -> head -> ... -> linger -> closed
 */
#include "http/conn.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "http/exchange.h"
#include "http/http_parts.h"
#include "http/listener.h"
#include "http/strikes.h"

#define EXCHANGES_A_TURN 16   /* pipelined requests before others have their turn */
#define HEAD_READ	 4096 /* a head that comes in pieces is read in pieces of this */
#define LINGER_NS	 2000000000ull
/* While draining: for a client that has just connected and not asked yet. */
#define FIRST_REQUEST_NS 1000000000ull
#define LINGER_MAX	 (1u << 20) /* bytes thrown away */

/* ---- The end ---- */

static void count_closed(struct worker *worker)
{
	atomic_fetch_sub_explicit(&worker->http->connections, 1, memory_order_relaxed);
	count(&worker->counters.closed);
	count_add((uint64_t *)&worker->counters.connections, -1ull);
}

static void leave(struct conn *conn)
{
	struct worker *worker = conn->worker;

	conn->state = CONN_CLOSED;
	if (conn->x)
		exchange_end(conn->x);
	wheel_cancel(&conn->timer);
	list_remove(&conn->link);
	held_free(&conn->in, &worker->memory);
	held_free(&conn->wire.out, &worker->memory);
	if (conn->wire.fd >= 0)
		close(conn->wire.fd);
	if (conn->is_stranger)
		sources_leave(worker->http->sources, &conn->source);
	if (conn->is_refresh)
		worker->refreshes--;
	else
		count_closed(worker);
	worker_bury(worker, &conn->poll, sizeof(*conn));
}

void conn_close(struct conn *conn)
{
	if (conn->state != CONN_CLOSED)
		leave(conn);
}

/* What its exchange fetches is for others too: it goes on without the client. */
static bool lives_on(struct conn *conn)
{
	struct worker *worker = conn->worker;

	return conn->state == CONN_OPEN && conn->x && !worker->is_draining &&
	       !worker->is_stopping && conn_keep(conn) && caching_outlives(conn->x);
}

static void forget_client(struct conn *conn)
{
	close(conn->wire.fd);
	held_free(&conn->wire.out, &conn->worker->memory);
	conn->wire.fd = -1;
	conn->wire.can_read = conn->wire.can_write = false;
	conn->wire.is_broken = true;
	conn->state = CONN_LEFT;
	worker_turn(conn->worker, &conn->poll);
}

void conn_reset(struct conn *conn)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (conn->state == CONN_CLOSED)
		return;
	/* Without it a plain close, which a client of HTTP/1.0 would take for the end of a body. */
	(void)setsockopt(conn->wire.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (lives_on(conn))
		forget_client(conn);
	else
		leave(conn);
}

/* Read on and throw away, until the client has seen what was said last and closes. */
static void linger_on(struct conn *conn)
{
	struct worker *worker = conn->worker;
	size_t len;

	do {
		len = wire_read(&conn->wire, worker->client_in, SCRATCH_IN);
		conn->lingered += len;
	} while (len && conn->lingered < LINGER_MAX);
	if (conn->wire.has_ended || conn->wire.is_broken || conn->lingered >= LINGER_MAX)
		conn_close(conn);
}

/* A close with unread bytes would be a reset, and take the answer with it. */
static void close_in_order(struct conn *conn, bool all_was_read)
{
	if (all_was_read && !conn->wire.can_read) {
		conn_close(conn);
		return;
	}
	(void)shutdown(conn->wire.fd,
		       SHUT_WR); /* fails where it is broken, which linger_on() sees */
	conn->state = CONN_LINGER;
	conn->input = (struct bytes){0};
	held_free(&conn->in, &conn->worker->memory);
	wheel_set(&conn->worker->wheel, &conn->timer, conn->worker->now_ns + LINGER_NS);
	linger_on(conn);
}

/* ---- Between requests ---- */

/*
 * Neither a connection's own memory nor that of idle ones is enough, and no answer can be put together either. Who is
 * in the middle of one gets no other.
 */
static void starve(struct conn *conn)
{
	count(&conn->worker->counters.refused_memory);
	if (conn->state == CONN_OPEN && !conn->wire.out.len && !(conn->x && conn->x->has_answered))
		conn_say_overloaded(conn->wire.fd);
	conn->wire.is_broken = true;
}

bool conn_keep(struct conn *conn)
{
	struct worker *worker = conn->worker;
	struct exchange *x = conn->x;

	if (conn->in.len || !conn->input.len)
		return true;
	/* A body that cannot be sent again need not be kept once it has been sent. */
	if (x && x->head_len && !x->is_buffered && !x->content_len && x->used == conn->input.len &&
	    x->stage > STAGE_SEND)
		conn->input.len = x->used = x->head_len;
	if (!held_add(&conn->in, &worker->memory, conn->input)) {
		starve(conn);
		return false;
	}
	conn->input = held_bytes(&conn->in);
	if (worker->request_of == x)
		worker->request_of = NULL;
	return true;
}

/* Which list it is in says whether memory pressure may close it. */
static void set_idle(struct conn *conn, bool is_idle)
{
	struct worker *worker = conn->worker;

	list_remove(&conn->link);
	list_append(is_idle ? &worker->idle_conns : &worker->conns, &conn->link);
}

static void wait_for_request(struct conn *conn)
{
	const struct http_timeouts *timeouts = &conn->worker->plan->plan->http->timeouts;
	uint64_t now_ns = conn->worker->now_ns;

	if (!conn->input.len) {
		wheel_set(&conn->worker->wheel, &conn->timer, now_ns + timeouts->idle_ns);
		return;
	}
	/* From the first byte on, whatever comes in between. */
	if (!conn->has_begun)
		wheel_set(&conn->worker->wheel, &conn->timer, now_ns + timeouts->head_ns);
	conn->has_begun = true;
}

size_t conn_read(struct conn *conn)
{
	struct worker *worker = conn->worker;
	size_t room, len;
	char *at;

	if (!conn->input.len) {
		len = wire_read(&conn->wire, worker->client_in, SCRATCH_IN);
		conn->input = (struct bytes){worker->client_in, len};
	} else {
		/* What is read into must not be closed to make room for it. */
		set_idle(conn, false);
		if (!conn_keep(conn))
			return 0;
		at = held_reserve(&conn->in, &worker->memory, HEAD_READ, &room);
		if (!at) {
			starve(conn);
			return 0;
		}
		len = wire_read(&conn->wire, at, room);
		conn->in.len += (uint32_t)len;
		conn->input = held_bytes(&conn->in);
	}
	count_add(&worker->counters.client_bytes_in, len);
	return len;
}

/* An exchange for the next request, or for what is none. NULL: wait, or there is no more. */
static struct exchange *next_exchange(struct conn *conn)
{
	struct worker *worker = conn->worker;
	struct head_limits limits = worker->plan->plan->head_limits;
	struct exchange *x;

	for (;;) {
		enum message_result result = MESSAGE_MORE;

		worker->request_of = NULL;
		if (conn->input.len)
			result = head_parse_request(conn->input, &limits, &conn->scanned,
						    &worker->request.head);
		if (result != MESSAGE_MORE) {
			set_idle(conn, false);
			x = result == MESSAGE_DONE ? exchange_begin(conn)
						   : exchange_begin_refused(conn, result);
			if (!x)
				starve(conn);
			return x;
		}
		if (!conn_read(conn))
			return NULL;
	}
}

/* False: nothing to do now, and perhaps no connection any more. */
static bool begin_exchange(struct conn *conn)
{
	struct wire *wire = &conn->wire;

	conn->x = next_exchange(conn);
	if (conn->x) {
		conn->has_begun = false;
		conn->has_served = true;
		return true;
	}
	if (wire->is_broken || wire->has_ended ||
	    (conn->worker->is_draining && conn->has_served && !conn->input.len)) {
		conn_close(conn);
		return false;
	}
	if (conn->input.len)
		set_idle(conn, false);
	if (!conn_keep(conn)) {
		conn_close(conn);
		return false;
	}
	wait_for_request(conn);
	return false;
}

/* One exchange, as far as it goes. False: the next event goes on. */
static bool step(struct conn *conn)
{
	struct exchange *x;
	bool was_read;

	if (!conn->x && !begin_exchange(conn))
		return false;
	x = conn->x;
	switch (exchange_advance(x)) {
	case PROGRESS_MOVE_ON:
	case PROGRESS_WAIT:
		if (conn_keep(conn))
			return false;
		if (x->has_answered)
			conn_reset(conn);
		else
			conn_close(conn); /* with the 503 that it was sent */
		return false;
	case PROGRESS_DONE:
		exchange_end(x);
		if (!conn->input.len)
			set_idle(conn, true);
		return true;
	case PROGRESS_CLOSE:
		was_read = x->up.is_done && !x->fault && x->used == conn->input.len && !x->next.len;
		exchange_end(x);
		close_in_order(conn, was_read);
		return false;
	case PROGRESS_RESET:
		x->is_aborted = true;
		conn_reset(conn);
		return false;
	}
	return false;
}

void conn_drain(struct conn *conn)
{
	struct worker *worker = conn->worker;

	conn->wire.can_read = true; /* a request may have come that no event has told of yet */
	conn_run(conn);
	if (conn->state != CONN_OPEN || conn->x || conn->input.len)
		return;
	if (conn->has_served)
		conn_close(conn);
	else
		wheel_set(&worker->wheel, &conn->timer, worker->now_ns + FIRST_REQUEST_NS);
}

/* ---- Events ---- */

static void run_open(struct conn *conn)
{
	for (int i = 0; i < EXCHANGES_A_TURN; i++)
		if (!step(conn))
			return;
	/* What is left stands in scratch, which others use before the next turn. */
	if (!conn_keep(conn)) {
		conn_close(conn);
		return;
	}
	worker_turn(conn->worker, &conn->poll);
}

void conn_run(struct conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_PROXY:
		if (!conn_read_proxy_header(conn))
			break;
		/* fall through */
	case CONN_OPEN:
		run_open(conn);
		break;
	case CONN_LINGER:
		linger_on(conn);
		break;
	case CONN_LEFT:
		if (exchange_advance(conn->x) != PROGRESS_WAIT)
			conn_reset(conn);
		break;
	case CONN_CLOSED:
		break;
	}
}

/* The client has gone for good: what the upstream says now is for nobody. */
static bool is_gone(const struct conn *conn, uint32_t events)
{
	return conn->x && (events & (EPOLLHUP | EPOLLERR));
}

void conn_ready(struct worker *worker, struct pollee *pollee, uint32_t events)
{
	struct conn *conn = (struct conn *)(void *)pollee;

	if (conn->state != CONN_LEFT)
		wire_event(&conn->wire, events);
	if (conn->state != CONN_LEFT && is_gone(conn, events)) {
		conn->x->is_aborted = true;
		conn_reset(conn);
		return;
	}
	conn_run(conn);
}

void conn_expired(struct wheel_timer *timer, uint64_t now_ns)
{
	struct conn *conn = list_owner(timer, struct conn, timer);

	if (conn->x) {
		if (!exchange_expired(conn->x))
			conn_reset(conn);
		else
			conn_run(conn);
		return;
	}
	if (conn->state == CONN_OPEN && conn->has_begun) {
		count(&conn->worker->counters.slow_head);
		strikes_note(conn, STRIKE_SLOW);
		conn->x = exchange_begin_slow(conn);
		if (conn->x) {
			conn_run(conn);
			return;
		}
	}
	if (conn->state == CONN_PROXY)
		count(&conn->worker->counters.proxy_bad);
	conn_close(conn);
}
