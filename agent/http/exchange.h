/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request and its answer, from the head's last byte to the answer's. The path
 * through it is the table in exchange.c; the stages that carry bytes are in upload.c,
 * fetch.c, relay.c and tunnel.c.
 *
 * Belongs to a client connection, and to its thread. Taken from the thread's free list.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "http/caching.h"
#include "http/conn.h"
#include "http/flow.h"
#include "http/forward.h"
#include "http/gate.h"
#include "http/limiting.h"
#include "http/origin.h"

enum stage {
	STAGE_IDENTIFY,
	STAGE_LIMIT,
	STAGE_LOOKUP,
	STAGE_ADMIT,
	STAGE_CONNECT,
	STAGE_SEND,
	STAGE_AWAIT,
	STAGE_STORE,
	STAGE_RESPOND,
	STAGE_RELAY,
	STAGE_TUNNEL,
	STAGE_SERVE,
	STAGE_REFUSE,
	STAGE_FINISH,
	STAGE_COUNT
};

enum progress {
	PROGRESS_MOVE_ON, /* x->stage is to run now */
	PROGRESS_WAIT,	  /* for the client, the upstream, a slot, or time */
	PROGRESS_DONE,	  /* the exchange is over; the connection may take the next */
	PROGRESS_CLOSE,	  /* it is over, and the connection is to be closed in order */
	PROGRESS_RESET,	  /* it broke off: close so that nobody takes it for complete */
};

/* A peer that must get on at some rate: looked at once a span. */
struct pace {
	uint64_t deadline_ns; /* 0: nobody is waited for */
	uint64_t mark;	      /* bytes when the span began */
};

/* A message needs no more interim answers than this, not even with Early Hints. */
#define INTERIM_MAX 16
/* Reads of one body before others on the thread have their turn. */
#define READS_A_TURN 16
/* A client that wants 100 (Continue) gets it from us if the upstream says nothing for so long. */
#define CONTINUE_AFTER_NS 1000000000ull

struct exchange {
	enum stage stage;
	struct conn *conn;
	struct worker *worker;
	struct plan_share *share;
	const struct http_route *route;
	const struct upstream *upstream;
	struct origin *origin;
	struct server *server;	    /* its outstanding count has this exchange in it; NULL: none */
	const struct server *tried; /* where it failed before */
	const struct server *asked; /* last, for the log; NULL: none */
	struct exchange *next_free;
	uint64_t began_ns;
	char id[REQUEST_ID_LEN]; /* see exchange_id() */

	/* The request. */
	enum method method;
	uint8_t minor;
	uint32_t head_len; /* bytes at the front of conn->input */
	size_t used;	   /* bytes of conn->input that belong to this exchange */
	size_t content_at; /* content that came with the head and is not sent yet, in conn->input */
	size_t content_len;
	size_t buffered_len; /* what content_len was at first */
	struct flow up;
	struct held next;	   /* read, but not content: trailers, then the next request */
	enum message_result fault; /* what was wrong with it */
	bool is_idempotent;
	bool is_buffered; /* all of it stands in conn->input: it can be sent again */
	bool wants_websocket;
	bool client_waits; /* for 100 (Continue) */
	bool client_persists;
	bool is_retry;
	bool has_slot;
	bool is_queued; /* for a slot; or has one on its way */
	uint64_t queue_until_ns;
	uint64_t continue_at_ns;
	struct gate_waiter waiter;
	struct letter letter;

	/* The answer. */
	unsigned status;    /* 0: none yet */
	const char *detail; /* of a refusal */
	unsigned retry_s;   /* likewise: Retry-After; 0: what the status asks for */
	uint64_t sent_ns;   /* when the request went to the upstream */
	uint64_t waited_ns; /* for the head of its answer */
	struct body answer_body;
	struct flow down;
	struct bytes answer; /* read from the upstream and not looked at yet */
	struct bytes
		head_out; /* the answer's head, written, in scratch; goes with the first content */
	unsigned interim;
	size_t scanned;	     /* of the answer's head */
	uint64_t out_before; /* bytes sent to the client before this exchange */
	bool has_answered;   /* something of the answer has been sent to the client */
	bool keeps_conn;     /* the client's connection stays open */
	bool keeps_origin;
	bool is_aborted;

	struct caching cache;
	struct limiting limiting;

	struct pace body_pace;
	struct pace send_pace;
};

/* For the request whose head worker->request.head is: the first bytes of conn->input. NULL: no memory. */
struct exchange *exchange_begin(struct conn *conn);
/*
 * A second one for the request of an exchange, on a connection without client whose input is its
 * head: past identity and limits, at ADMIT. NULL: no memory.
 */
struct exchange *exchange_begin_refresh(struct conn *conn, const struct exchange *like);
/* For bytes that are no request: it answers with what message_status() says, and closes. */
struct exchange *exchange_begin_refused(struct conn *conn, enum message_result fault);

/* For a head that did not come in time: 408. */
struct exchange *exchange_begin_slow(struct conn *conn);

/* Run stages until one waits. */
enum progress exchange_advance(struct exchange *x);

/* The connection's timer has come. False: a client is too slow, and the connection is to be reset. */
bool exchange_expired(struct exchange *x);

/* It is over, or broken off: give back everything. The connection's input is moved on. */
void exchange_end(struct exchange *x);

/* A name for it that nobody else has: made when it is first asked for. */
struct bytes exchange_id(struct exchange *x);

/* The request, read again if scratch has been used for another since. */
const struct request *exchange_read_again(struct exchange *x);
static inline const struct request *exchange_request(struct exchange *x)
{
	return x->worker->request_of == x ? &x->worker->request : exchange_read_again(x);
}

/* ---- For the stages ---- */

static inline enum progress go(struct exchange *x, enum stage next)
{
	x->stage = next;
	return PROGRESS_MOVE_ON;
}

/* Answer with a status of our own; the connection is closed unless the request has been read. */
enum progress exchange_refuse(struct exchange *x, unsigned status, const char *detail);

/* The same for a fault of the request. */
enum progress exchange_refuse_fault(struct exchange *x, enum message_result fault);

/* The upstream is no longer part of it. */
void exchange_drop_origin(struct exchange *x);

/* ---- exchange_log.c ---- */

/* Its line in the access log, where there is one. */
void exchange_log(struct exchange *x);

/* ---- exchange_pace.c ---- */

/* It waits: set the connection's timer to the first moment at which somebody may be too slow. */
void exchange_set_timer(struct exchange *x);

/* ---- limiting.c ---- */

/* Let it in, have it wait, or answer that it is over a limit. */
enum progress limiting_admit(struct exchange *x);
/* What limiting.result says of it is its answer: over a limit. */
enum progress limiting_refuse(struct exchange *x);

/* ---- fetch.c ---- */

enum progress fetch_admit(struct exchange *x);
enum progress fetch_connect(struct exchange *x);
enum progress fetch_send(struct exchange *x);
void fetch_leave_gate(struct exchange *x);

/* The same request once more, over a new connection: its answer was of no use. */
enum progress fetch_again(struct exchange *x);

/* What became of the upstream: once more where that is allowed, else 502 or 504. */
enum progress fetch_fail_closed(struct exchange *x);
enum progress fetch_fail_late(struct exchange *x);
/* It broke a rule: 502, and never once more. detail as in struct problem. */
enum progress fetch_fail_bad(struct exchange *x, const char *detail);

/* The upstream has so long, from now, for the head of its answer. */
void fetch_wait(struct exchange *x);

/* ---- await.c ---- */

enum progress await_answer(struct exchange *x);

/* ---- upload.c: the request's body ---- */

/* Take in what came with the head. MESSAGE_DONE, or what is wrong with it. */
enum message_result upload_begin(struct exchange *x, const struct request *req);

/* Frame what came with the head, to go out with the upstream's head. False: nothing of it is here. */
bool upload_first(struct exchange *x, struct flow_frame *frame);

/* A buffered request is to be sent once more, from the start. */
void upload_rewind(struct exchange *x);

enum upload {
	UPLOAD_WAITS,  /* for the client or the upstream, or there is nothing to send any more */
	UPLOAD_BAD,    /* x->fault says why */
	UPLOAD_GONE,   /* the client has closed before the end */
	UPLOAD_BROKEN, /* the upstream takes no more of it; it may have answered all the same */
};
enum upload upload_run(struct exchange *x);

/* Whether the client is expected to send. */
bool upload_awaits_client(const struct exchange *x);

/* ---- relay.c ---- */

enum progress relay_respond(struct exchange *x);
enum progress relay_run(struct exchange *x);

/* The answer is over: keep the upstream's connection where it can be used again, else close it. */
void relay_leave_origin(struct exchange *x);

/*
 * Content of the answer without passing it on: *ret_content, and *ret_rest, which goes back with
 * relay_keep_rest() once the content has been taken. Trailers are left out.
 */
enum relay_read {
	RELAY_READ_SOME,
	RELAY_READ_NOTHING, /* now */
	RELAY_READ_ALL,
	RELAY_READ_BROKEN,
};
enum relay_read relay_read(struct exchange *x, struct bytes *ret_content, struct bytes *ret_rest);
bool relay_keep_rest(struct exchange *x, struct bytes rest);

/* The upstream's time to go on begins now. */
void relay_await(struct exchange *x);

/* ---- caching.c, caching_refresh.c, caching_store.c, caching_serve.c, caching_share.c ---- */

/* Ask the cache. */
enum progress caching_lookup(struct exchange *x);
/* The head of the upstream's answer is worker->resp: what it does to the cache. */
enum progress caching_store(struct exchange *x);
/* Answer from the store, or from what another exchange fetches. */
enum progress caching_serve(struct exchange *x);
/* Take in what the upstream sends for our fill, at its pace. False: *ret_progress says how it ends. */
bool caching_feed(struct exchange *x, enum progress *ret_progress);

/* From a fill, ours or another's. */
enum progress caching_serve_shared(struct exchange *x);

/* ---- tunnel.c ---- */

enum progress tunnel_run(struct exchange *x);

#endif
