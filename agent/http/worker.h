/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread: epoll set, time, memory, scratch buffers, and letters from other threads.
 *
 * Descriptors are watched once, edge-triggered for everything, and never changed again:
 * whoever owns one remembers what is ready. Structures that may still be named by an
 * event of the current round are freed after it (worker_bury()).
 */
#ifndef HTTP_WORKER_H
#define HTTP_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "http/counters.h"
#include "http/list.h"
#include "http/memory.h"
#include "http/plan.h"
#include "http/request.h"
#include "http/wheel.h"

struct worker;
struct http;
struct exchange;

/* Something epoll may report, or that asked for another turn. The first member of its owner. */
struct pollee;
typedef void pollee_ready_fn(struct worker *worker, struct pollee *pollee, uint32_t events);
struct pollee {
	pollee_ready_fn *ready;
	struct pollee *next; /* of those that want another turn, or are buried */
	bool wants_turn;
	bool is_buried;
};

/* What another thread wants of this one. Delivered in order, each once. */
struct letter;
typedef void letter_read_fn(struct worker *worker, struct letter *letter);
struct letter {
	letter_read_fn *read;
	struct letter *next;
};

#define SCRATCH_IN (64u << 10) /* one read */
#define SCRATCH_HEAD \
	(104u << 10) /* a head written afresh: encoding may make a path three times as long */
#define SCRATCH_TAIL (12u << 10) /* trailers */

#define RETRY_COST   10 /* requests that earn one retry */
#define RETRIES_MAX  10 /* that a quiet time saves up */
/* Where there is want of memory or descriptors, so many are closed at a time: */
#define IDLE_EVICTED_AT_ONCE 16

struct worker {
	struct http *http;
	unsigned number;
	pthread_t thread;
	int epoll_fd;
	int wake_fd;
	bool is_draining;
	bool is_stopping;
	uint64_t drain_deadline_ns;

	uint64_t now_ns;    /* read once a round */
	int64_t now_unix_s; /* of the last change of a second, like the date */
	uint64_t second_ends_ns;
	uint64_t unix_offset_ns; /* what wall clock time is ahead of now_ns */
	char date[DATE_TEXT_LEN];

	struct wheel wheel;
	struct memory memory;
	struct plan_share *plan;
	struct list conns;	/* in an exchange, or in the middle of a head */
	struct list idle_conns; /* before a request; the one that waits longest first */
	struct list listeners;
	struct list origins; /* idle ones too */
	struct pool *pools;  /* by server->number */
	uint32_t pool_count;
	struct exchange *free_exchanges;
	unsigned free_exchange_count;

	struct pollee *turns;
	struct pollee **last_turn;
	struct pollee *graves;

	pthread_mutex_t mail_lock;
	struct letter *mail;
	struct letter **last_mail;
	bool is_woken;

	struct access_log *log;
	struct checks *checks; /* of upstreams; the first thread's */
	struct http_counters counters;
	uint64_t id_seed; /* of request ids */
	uint64_t id_count;
	unsigned retry_credit; /* tenths of a retry */
	unsigned
		retry_loan; /* of the credit it began with: requests earn nothing until that is paid */

	struct request request;		   /* scratch: valid until the next one is read */
	const struct exchange *request_of; /* whose it is; NULL: nobody's any more */
	struct response_head resp;	   /* likewise */
	struct connection resp_connection;
	char *client_in;	  /* SCRATCH_IN */
	char *origin_in;	  /* SCRATCH_IN */
	char *head_out;		  /* SCRATCH_HEAD */
	char *tail_out;		  /* SCRATCH_TAIL */
	struct buffer key;	  /* of the cache, for the request in hand */
	unsigned refreshes;	  /* under way: exchanges without a client */
	struct buffer limit_text; /* about limits, for the request in hand */
	uint64_t sweep_at; /* how far purged responses have been looked for; the first thread's */
};

/* Returns 0 or -errno. Nothing runs yet. */
int worker_new(struct http *http, unsigned number, struct worker **ret_worker);
void worker_free(struct worker *worker);

/* The thread's main function. */
void *worker_main(void *worker);

/* Deliver a letter; from any thread. */
void worker_post(struct worker *worker, struct letter *letter);

/* A letter on its way to this thread is not to be delivered; this thread only. */
void worker_take_back(struct worker *worker, struct letter *letter);

/* Read all letters that have come; this thread only. */
void worker_read_mail(struct worker *worker);

/* Watch fd for all events. Returns 0 or -errno. */
int worker_watch(struct worker *worker, int fd, struct pollee *pollee);

/* Call ready(pollee, 0) again in the next round: it has used up its share of this one. */
void worker_turn(struct worker *worker, struct pollee *pollee);

/* Free object, whose first member is a struct pollee, at the end of the round. */
void worker_bury(struct worker *worker, struct pollee *object, size_t size);

/* Take a plan in the place of the one before, from now on. */
void worker_take_plan(struct worker *worker, struct plan *plan);

/* Close a few of the idle connections, those that wait longest. False: there are none. */
bool worker_close_idle(struct worker *worker);

#endif
