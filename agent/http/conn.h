/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client's connection: from accept to close, one exchange after the other. What
 * happens within an exchange is in exchange.h.
 *
 * Between requests it is this struct and nothing else: no buffer, no exchange.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "http/request.h"
#include "http/wire.h"
#include "http/worker.h"

enum conn_state {
	CONN_PROXY, /* its PROXY header has not come yet */
	CONN_OPEN,  /* requests */
	CONN_LINGER, /* all is said; reads on for a while, so that the last answer is not lost to a reset */
	CONN_LEFT, /* no client (any more): its exchange fetches for others, or for the store */
	CONN_CLOSED,
};

struct listener;

struct conn {
	struct pollee poll;
	struct list link; /* in worker->conns or worker->idle_conns */
	struct wheel_timer timer;
	struct worker *worker;
	struct exchange *x; /* NULL between requests */
	struct wire wire;
	struct held in;	    /* what has come and has to wait, the head of x at the front */
	struct bytes input; /* the same, or in scratch as long as nothing waits */
	size_t scanned;	    /* of a head that is not complete */
	uint64_t lingered;  /* bytes read and thrown away */
	uint64_t wary_ns;   /* caution.h: until then; 0: its SYN was not flagged */
	uint64_t vouch_ns;  /* when a valid key of its source was last made known (strikes.h) */
	struct peer peer;
	struct prefix source; /* of the accepted socket; family 0: it came through a Unix socket */
	uint8_t state;	      /* enum conn_state */
	bool is_proxied;      /* peer is what a PROXY header said */
	bool has_served;      /* a request has come before */
	bool is_stranger;     /* connects itself, not for others; counted for its source */
	bool is_refresh;      /* there was no client: what is stored is fetched anew */
	bool has_begun;	      /* the first byte of a request, or of the PROXY header, has come */
};

_Static_assert(sizeof(struct conn) <= 352, "an idle connection costs this and its entry in epoll");

/* Take an accepted socket. It is closed here if it cannot be had. */
void conn_open(struct worker *worker, struct listener *listener, int fd,
	       const struct sockaddr_storage *from);

/* What the loop and the wheel call for it. */
void conn_ready(struct worker *worker, struct pollee *pollee, uint32_t events);
void conn_expired(struct wheel_timer *timer, uint64_t now_ns);

/* Read more behind conn->input. Returns how many bytes came; 0: conn->wire says why. */
size_t conn_read(struct conn *conn);

/* In CONN_PROXY: true when the header has come, and requests may. The connection may be closed after that. */
bool conn_read_proxy_header(struct conn *conn);

/* Go on as far as possible; conn may be closed after that. */
void conn_run(struct conn *conn);

/* Move what is still in scratch to memory of the connection's own. False: none is left, conn is broken. */
bool conn_keep(struct conn *conn);

/* The thread drains: end it if it waits for its next request; one that was only just opened may ask once. */
void conn_drain(struct conn *conn);

/* End it: with a reset where the client must not take what it got for all there was. */
void conn_close(struct conn *conn);

/* Close an idle one to make room: who has just come gets 503. */
void conn_evict(struct conn *conn);

/* 503, as far as it goes, without any memory; what the client has sent is thrown away, so that it arrives. */
void conn_say_overloaded(int fd);

void conn_reset(struct conn *conn);

#endif
