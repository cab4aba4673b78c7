/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of a fill, shared by fill_join.c, fill.c (the owner's side) and fill_wait.c (the waiters'). */
#ifndef CACHE_FILL_PARTS_H
#define CACHE_FILL_PARTS_H

#include "cache/fill.h"
#include "cache/store_parts.h"

struct fill {
	pthread_mutex_t lock;
	struct cache_store *store;
	_Atomic uint32_t refs; /* the owner's, the registry's, and one for each waiter */

	/* Under the shard's lock. */
	struct fill *next;
	bool is_registered;

	/* Set when it begins. */
	uint64_t hash;
	uint64_t sequence;
	uint64_t began_ns;
	struct cache_key key; /* points behind this struct */

	/* Under the lock. */
	enum fill_state state;
	enum fill_failure failure;
	struct fill_waiter *waiters;
	uint32_t waiter_count;
	bool is_past; /* nobody new may join: part of the body is gone, or will be; owner writes */
	bool is_stalled; /* the owner waits for room */
	fill_drained_fn *drained;
	void *drained_context;

	struct object_parts parts; /* set once, when the state becomes OPEN */
	struct tag_list tags;
	enum store_verdict verdict; /* whether it is still to be stored; owner writes */

	/* The owner's. */
	char *bytes; /* selector and head */
	size_t bytes_len;
};

/* Nobody can join from now on, nor wait for its key until then; 0: another may begin. */
void fill_unregister(struct fill *fill, uint64_t refuse_until_ns);

/* Give back one hold; the last frees it. */
void fill_unref(struct fill *fill);

/* Make waiter take part. Under the fill's lock. */
void fill_add_waiter(struct fill *fill, struct fill_waiter *waiter);

/* Under the fill's lock. */
void fill_wake_all(struct fill *fill);

/* Whether any waiter has still to read what is in memory. Under the fill's lock. */
bool fill_has_slower_reader(const struct fill *fill);

/* Whether a request may take part. Under the fill's lock. */
enum fill_fit {
	FILL_FITS,
	FILL_OVERTAKEN,	    /* it was purged since it began */
	FILL_OTHER_VARIANT, /* its answer is for other values of the Vary fields */
	FILL_CLOSED,	    /* the cap, the deadline, or the state of things */
};
enum fill_fit fill_fits(const struct fill *fill, const struct fill_request *req);

/* Whether what it fetches was purged since it began, as far as its tags are known. */
bool fill_is_overtaken(const struct fill *fill);

#endif
