/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A response on its way from the origin, shared by all who asked for it meanwhile.
 *
 *              fill_join() ------> others join: FILL_JOINED
 *                  |
 *   WAITING --fill_publish()--> OPEN --fill_append()...--fill_finish()--> DONE
 *      |                          |
 *      `--fill_release()          `--fill_fail() (also from WAITING)
 *               v                          v
 *           RELEASED                     FAILED
 *
 * One thread owns a fill, the one that fetches; every other takes part through a waiter of its
 * own. Whoever joined judges for itself, once the head is there, whether the response is for it
 * (vary_matches(), freshness_judge()), and leaves if not. Only responses that may be shared are
 * published: for others the owner calls fill_release(), and relays what it gets by itself.
 *
 * While it may be stored a fill takes all the origin sends, whatever its readers do. Past the
 * object limit, or when the cache's memory is in use, it is not stored, nobody new joins, and it
 * holds a window only: fill_append() then takes bytes no faster than its slowest reader.
 *
 * Thread-safe as described. wake() is called under the fill's lock by whichever thread moved
 * it on, at most once until the waiter looks: it may set a flag and write to an eventfd, and must
 * call nothing of this module. No wake() comes after fill_leave() has returned.
 */
#ifndef CACHE_FILL_H
#define CACHE_FILL_H

#include "cache/content.h"
#include "cache/cache_store.h"

struct fill;

struct fill_waiter {
	void (*wake)(struct fill_waiter *waiter); /* set before joining */
	/* The rest is the fill's. */
	struct fill *fill;
	struct fill_waiter *next;
	struct fill_waiter **at;
	struct content_reader reader;
	uint64_t sequence; /* of purges, when it joined */
	bool is_woken;
	bool is_late; /* it joined after a purge of what turned out to come */
};

enum fill_join {
	FILL_LEADS,  /* nobody fetches this: *ret_fill is the caller's to fetch */
	FILL_JOINED, /* waiter takes part in another's fetch; without one: somebody fetches it */
	FILL_ALONE,  /* not to be shared (too many wait, too long, known uncacheable): *ret_fill is
			   the caller's to fetch, and may still be stored */
	FILL_LOOK_AGAIN, /* stored meanwhile: call cache_find() again */
	FILL_NO_MEMORY,	 /* relay without the cache */
};

struct fill_request {
	struct cache_query query;
	struct cache_object *seen; /* what cache_find() found and could not be used; may be NULL */
	uint64_t now_ns;
	uint64_t join_within_ns; /* a fetch without an answer for longer is not joined */
	bool is_alone;		 /* do not join: its variants are known to differ, say */
};

/*
 * Join the fetch of a key, or begin one. waiter takes part in either case, unless NULL (a
 * refresh in the background). LEADS, ALONE: the fill ends with finish, fail or release, and the
 * purges that matter to it are those from now on. A fetch that a purge has overtaken is not
 * joined, nor is one whose answer turned out to be for other values of the Vary fields: the next
 * who asks leads another, which all after it join.
 */
enum fill_join fill_join(struct cache_store *store, const struct fill_request *req,
			 struct fill_waiter *waiter, struct fill **ret_fill);

/* What a response is, but for its body. */
struct fill_answer {
	struct object_parts parts; /* key, body, content and sequence are not read */
	struct tag_list tags;
	bool may_store; /* storable_response() said so; else shared with those who wait, once */
};

/*
 * Owner: show the head to all who wait. Bytes are copied. answer->parts.selector says which
 * requests it is for. Returns 0; -ENOSPC or -ENOMEM where it cannot be held in memory: release it.
 */
int fill_publish(struct fill *fill, const struct fill_answer *answer);

/*
 * Owner: add to the body. Returns how many bytes were taken. Fewer than more.len: the window is
 * full; drained() is called (as wake() is) when it is worth trying again. -ENOSPC: nobody holds
 * anything of it and there is still no memory; fail it.
 */
typedef void fill_drained_fn(void *context);
void fill_on_drained(struct fill *fill, fill_drained_fn *drained, void *context);
ssize_t fill_append(struct fill *fill, struct bytes more);

/* Owner: whether anybody reads, or it may still be stored. If not, the fetch may be broken off. */
bool fill_is_wanted(struct fill *fill);

/*
 * Owner: the response is complete. Stores it if it may be stored and returns STORE_YES or why
 * not (NO_STORE where may_store was false). Readers finish at their own pace. The fill is no
 * longer the owner's.
 */
enum store_verdict fill_finish(struct fill *fill);

/*
 * Owner: there is no answer, or no whole one. Readers that got bytes are to be closed, others may
 * try again, or use what is stale as far as why lets them.
 */
enum fill_failure {
	FILL_GIVEN_UP,	   /* for reasons of the owner's */
	FILL_NO_ANSWER,	   /* the origin could not be reached, closed, or took too long */
	FILL_ERROR_STATUS, /* it answered with an error, for which something stale stands in */
};
void fill_fail(struct fill *fill, enum fill_failure why);

/*
 * Owner: before publishing, it is not to be shared. All who wait go their own way; with remember
 * nobody waits for this key for the next cache_config.refused_for_ns.
 */
void fill_release(struct fill *fill, bool remember, uint64_t now_ns);

enum fill_state { FILL_WAITING, FILL_OPEN, FILL_DONE, FILL_FAILED, FILL_RELEASED };

struct fill_view {
	enum fill_state state;
	const struct object_parts *parts; /* NULL before the head; valid until fill_leave() */
	uint64_t body_len;		  /* so far */
	bool is_past;			  /* it is streamed past: this reader holds the others up */
	bool is_late; /* not for this waiter: a purge that came before it covers the answer */
	enum fill_failure failure; /* where the state is FAILED */
};

/* Waiter: how things stand. From now on the next change wakes it again. */
struct fill_view fill_look(struct fill_waiter *waiter);
/* Waiter, after the head: what can be read now, at most count slices; 0: wait, or see the state. */
int fill_slices(struct fill_waiter *waiter, struct iovec *iov, int count);
void fill_advance(struct fill_waiter *waiter, uint64_t bytes);
/* Waiter: whether it has read all of a finished body. */
bool fill_is_read(const struct fill_waiter *waiter, const struct fill_view *view);
/* Waiter: take part no longer. Once is enough; before fill_join() it does nothing. */
void fill_leave(struct fill_waiter *waiter);

#endif
