/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache as an exchange meets it.
 *
 *   LOOKUP --hit----------------------------------------> SERVE -> FINISH
 *     |  `--somebody fetches it already--> SERVE (waits)    ^
 *     `--miss, stale--> ADMIT ... AWAIT -> STORE -----------+ 304, or the origin failed
 *                                            `-> RESPOND -> RELAY (what passes is stored)
 *
 * What is served stale, or will be stale soon, is fetched anew by an exchange of its own, which has
 * no client (caching_refresh.c).
 *
 * What may be stored and used is decided in cache/; this is the order of asking, and what an
 * exchange has to remember for it. The stages are declared in exchange.h.
 */
#ifndef HTTP_CACHING_H
#define HTTP_CACHING_H

#include "cache/cache_status.h"
#include "cache/cache_store.h"
#include "cache/fill.h"
#include "http/caching_facts.h"
#include "http/text.h"
#include "http/worker.h"

struct exchange;

/* Of an exchange, zeroed when it begins. */
struct caching {
	struct cache_object *object; /* held: what is sent, or may be if the origin fails */
	struct fill *fill;	     /* ours to feed and to end */
	struct fill_waiter waiter;   /* in another's fill, where waiter.fill is set */
	struct letter letter;	     /* the fill has moved on */
	_Atomic bool is_posted;
	struct held rest; /* content that the fill has no room for yet */
	uint64_t wait_until_ns;
	uint64_t sequence; /* of purges, before the request was sent */
	uint64_t offset;   /* of the stored body: bytes sent */
	uint64_t end;	   /* and where to stop */
	struct cache_status status;
	enum cache_verdict verdict;
	struct caching_facts asked; /* what was looked up with; rules are NULL where nothing was */
	uint32_t age_s;
	uint8_t looks;	  /* how often it looked again since what it waited for was not for it */
	bool takes_part;  /* the answer may come from the cache, and go there */
	bool revalidates; /* the upstream is asked whether object is still true */
	bool has_claim;	  /* on object: others use it while this exchange fetches it anew */
	bool is_alone;	  /* waits for nobody's fetch (any more) */
	bool is_owner;	  /* of what it reads through waiter: this is its own answer */
	bool is_left;	  /* nobody reads this answer; others, or the store, want what is fetched */
	bool is_chunked;  /* a body of unknown length, on its way */
};

/* The store of a policy; NULL where it caches nothing. Returns 0 or -errno. */
int caching_store_new(const struct http_policy *http, struct budget *total,
		      struct cache_store **ret_store);

/* Give back memory of what was purged, a little at a time. */
void caching_sweep(struct worker *worker);

/* No upstream can answer. True: something stored is sent instead, and the stage is set. */
bool caching_failed(struct exchange *x);

/* A thread's fetches without a client at a time; what is stale beyond that waits for its turn. */
#define REFRESHES_MAX 64

/* They are given up: the thread drains. */
void caching_end_refreshes(struct worker *worker);

/* Fields for the upstream in place of the client's own conditions; empty: those stay. */
struct bytes caching_conditions(struct exchange *x, struct text out);

/* Value of the Cache-Status field; empty where nothing is cached at all. */
struct bytes caching_status(const struct exchange *x, char out[static CACHE_STATUS_MAX]);

/* Its client has gone. True: the exchange goes on fetching, for others or for the store. */
bool caching_outlives(struct exchange *x);

/* The exchange is over. */
void caching_end(struct exchange *x);

/* ---- Between the files of it ---- */

/* object is what is sent: with its age, and what is to be said of it. */
void caching_take_hit(struct exchange *x, struct cache_object *object, uint64_t now_ns);

/* What the request said, as far as its answer is judged by it, in x->cache.asked. */
void caching_keep_facts(struct exchange *x, const struct caching_facts *facts);

/* x has a fill to feed: it is told when there is room in it again. */
void caching_own_fill(struct exchange *x);

/*
 * The origin failed: what is stored is sent although it is stale, where that is allowed. True: the
 * stage is set.
 */
bool caching_stand_in(struct exchange *x, enum origin_failure failure);

/*
 * Begin to fetch object anew, for a request like x's but without its conditions. False: it cannot
 * be done now, or somebody does already.
 */
bool caching_refresh(struct exchange *x, const struct cache_query *query,
		     struct cache_object *object);

/* Let go of the stored response. */
void caching_drop_object(struct exchange *x);

/* worker->resp answers a request that may have changed something: forget what it made untrue. */
void caching_invalidate(struct exchange *x);

/* ---- Heads ---- */

bool caching_keeps_conn(const struct exchange *x);
bool caching_is_unmodified(struct exchange *x, const struct validators *stored, unsigned status);
void caching_write_length(struct text *out, uint64_t len);
void caching_write_not_modified(struct exchange *x, struct bytes head, struct text *out);
/* Age, Cache-Status, Connection, and the empty line. */
void caching_write_own(struct exchange *x, struct text *out);

static inline bool caching_has_no_content(unsigned status)
{
	return status == 204 || status == 304;
}

#endif
