/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many requests of one client are in flight on one route, and who of them waits to be let in: first come, first
 * served, on whatever thread they wait.
 *
 * Thread-safe. Strangers fill it, so it is hashed with a secret; it has an entry for each client that has a
 * request in or waiting, so never more than there are requests.
 */
#ifndef QUOTA_TURNSTILE_H
#define QUOTA_TURNSTILE_H

#include <stdatomic.h>

#include "base/siphash.h"
#include "quota/quota_key.h"

#define TURNSTILE_WAITING_MAX	     4096 /* in all */
#define TURNSTILE_WAITING_CLIENT_MAX 64	  /* of one client on one route */

struct turnstile;
struct turnstile_guest;
struct turnstile_entry;

/* His turn may have come: turnstile_retry(). Under a lock, on any thread: hand it on. */
typedef void turnstile_woken_fn(struct turnstile_guest *guest);

struct turnstile_guest {
	turnstile_woken_fn *woken; /* set before entering */
	/* The rest is the turnstile's. */
	struct turnstile_entry *entry; /* NULL: neither in nor waiting */
	struct turnstile_guest *next;
	struct turnstile_guest **link; /* NULL: not waiting */
};

/* Returns 0; -ENOMEM. */
int turnstile_new(const struct siphash_secret *secret, struct turnstile **ret_turnstile);
void turnstile_free(struct turnstile *turnstile); /* NULL is fine. Nobody is in it any more. */

struct turnstile_rules {
	struct quota_key key;
	uint32_t max; /* requests in at once; 0: any number */
	bool may_wait;
};

enum turnstile_result {
	TURNSTILE_IN,	/* until turnstile_leave() or turnstile_step_back() */
	TURNSTILE_WAIT, /* guest->woken() will be called, until turnstile_leave() */
	TURNSTILE_FULL, /* neither: as many are in, or wait, as may; or there is no memory */
};
enum turnstile_result turnstile_enter(struct turnstile *turnstile, struct turnstile_guest *guest,
				      const struct turnstile_rules *rules);

/* A guest that waits: in, if nobody is before him and there is room. Never TURNSTILE_FULL. */
enum turnstile_result turnstile_retry(struct turnstile *turnstile, struct turnstile_guest *guest);

/* A guest that is in waits again, before all others. False: too many wait; he is still in. */
bool turnstile_step_back(struct turnstile *turnstile, struct turnstile_guest *guest);

/* A guest that is in has got through: the next one may try. */
void turnstile_next(struct turnstile *turnstile, struct turnstile_guest *guest);

/* He is gone, from within or from the queue; the next one may try. Neither is fine, too. */
void turnstile_leave(struct turnstile *turnstile, struct turnstile_guest *guest);

#endif
