/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/turnstile.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define LOCKS	64
#define BUCKETS 16384 /* a few clients a bucket even with 100,000 of them */

struct turnstile_entry {
	struct turnstile_entry *next;
	struct quota_key key;
	unsigned bucket;
	uint32_t max; /* as the last who entered had it */
	uint32_t in;
	uint32_t waiting;
	struct turnstile_guest *first;
	struct turnstile_guest **last;
};

struct turnstile {
	struct siphash_secret secret;
	_Atomic uint32_t waiting;
	pthread_mutex_t lock[LOCKS];
	struct turnstile_entry *bucket[BUCKETS];
};

int turnstile_new(const struct siphash_secret *secret, struct turnstile **ret_turnstile)
{
	struct turnstile *turnstile = calloc(1, sizeof(*turnstile));

	if (!turnstile)
		return -ENOMEM;
	turnstile->secret = *secret;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(&turnstile->lock[i], NULL);
	*ret_turnstile = turnstile;
	return 0;
}

void turnstile_free(struct turnstile *turnstile)
{
	if (!turnstile)
		return;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&turnstile->lock[i]);
	free(turnstile);
}

static pthread_mutex_t *lock_of(struct turnstile *turnstile, unsigned bucket)
{
	return &turnstile->lock[bucket % LOCKS];
}

/* ---- Entries, under their bucket's lock ---- */

static struct turnstile_entry *find_or_make(struct turnstile *turnstile, unsigned bucket,
					    const struct quota_key *key)
{
	struct turnstile_entry *entry = turnstile->bucket[bucket];

	while (entry && memcmp(&entry->key, key, sizeof(*key)))
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->key = *key;
	entry->bucket = bucket;
	entry->last = &entry->first;
	entry->next = turnstile->bucket[bucket];
	turnstile->bucket[bucket] = entry;
	return entry;
}

static void drop_if_empty(struct turnstile *turnstile, struct turnstile_entry *entry)
{
	struct turnstile_entry **link = &turnstile->bucket[entry->bucket];

	if (entry->in || entry->waiting)
		return;
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	free(entry);
}

static bool has_room(const struct turnstile_entry *entry)
{
	return !entry->max || entry->in < entry->max;
}

static bool may_wait(struct turnstile *turnstile, const struct turnstile_entry *entry)
{
	if (entry->waiting >= TURNSTILE_WAITING_CLIENT_MAX)
		return false;
	if (atomic_fetch_add(&turnstile->waiting, 1) < TURNSTILE_WAITING_MAX)
		return true;
	atomic_fetch_sub(&turnstile->waiting, 1);
	return false;
}

/* Before what *link points to; the caller has asked may_wait(). */
static void link_guest(struct turnstile_entry *entry, struct turnstile_guest *guest,
		       struct turnstile_guest **link)
{
	guest->next = *link;
	guest->link = link;
	if (guest->next)
		guest->next->link = &guest->next;
	else
		entry->last = &guest->next;
	*link = guest;
	entry->waiting++;
}

static void unlink_guest(struct turnstile *turnstile, struct turnstile_guest *guest)
{
	struct turnstile_entry *entry = guest->entry;

	*guest->link = guest->next;
	if (guest->next)
		guest->next->link = guest->link;
	else
		entry->last = guest->link;
	guest->link = NULL;
	entry->waiting--;
	atomic_fetch_sub(&turnstile->waiting, 1);
}

static void wake_first(const struct turnstile_entry *entry)
{
	if (entry->first && has_room(entry))
		entry->first->woken(entry->first);
}

/* ---- Guests ---- */

static enum turnstile_result enter(struct turnstile *turnstile, struct turnstile_guest *guest,
				   struct turnstile_entry *entry,
				   const struct turnstile_rules *rules)
{
	entry->max = rules->max;
	/* Nobody overtakes those who wait already. */
	if (!entry->first && has_room(entry)) {
		entry->in++;
		guest->entry = entry;
		return TURNSTILE_IN;
	}
	if (rules->may_wait && may_wait(turnstile, entry)) {
		link_guest(entry, guest, entry->last);
		guest->entry = entry;
		return TURNSTILE_WAIT;
	}
	return TURNSTILE_FULL;
}

enum turnstile_result turnstile_enter(struct turnstile *turnstile, struct turnstile_guest *guest,
				      const struct turnstile_rules *rules)
{
	const unsigned bucket =
		(unsigned)siphash(&turnstile->secret, quota_key_bytes(&rules->key)) % BUCKETS;
	enum turnstile_result result = TURNSTILE_FULL;
	struct turnstile_entry *entry;

	guest->link = NULL;
	pthread_mutex_lock(lock_of(turnstile, bucket));
	entry = find_or_make(turnstile, bucket, &rules->key);
	if (entry) {
		result = enter(turnstile, guest, entry, rules);
		drop_if_empty(turnstile, entry);
	}
	pthread_mutex_unlock(lock_of(turnstile, bucket));
	return result;
}

enum turnstile_result turnstile_retry(struct turnstile *turnstile, struct turnstile_guest *guest)
{
	struct turnstile_entry *entry = guest->entry;
	enum turnstile_result result = TURNSTILE_WAIT;

	pthread_mutex_lock(lock_of(turnstile, entry->bucket));
	if (entry->first == guest && has_room(entry)) {
		unlink_guest(turnstile, guest);
		entry->in++;
		result = TURNSTILE_IN;
	}
	pthread_mutex_unlock(lock_of(turnstile, entry->bucket));
	return result;
}

bool turnstile_step_back(struct turnstile *turnstile, struct turnstile_guest *guest)
{
	struct turnstile_entry *entry = guest->entry;
	bool waits;

	pthread_mutex_lock(lock_of(turnstile, entry->bucket));
	waits = may_wait(turnstile, entry);
	if (waits) {
		link_guest(entry, guest, &entry->first);
		entry->in--;
	}
	pthread_mutex_unlock(lock_of(turnstile, entry->bucket));
	return waits;
}

void turnstile_next(struct turnstile *turnstile, struct turnstile_guest *guest)
{
	const struct turnstile_entry *entry = guest->entry;

	pthread_mutex_lock(lock_of(turnstile, entry->bucket));
	wake_first(entry);
	pthread_mutex_unlock(lock_of(turnstile, entry->bucket));
}

void turnstile_leave(struct turnstile *turnstile, struct turnstile_guest *guest)
{
	struct turnstile_entry *entry = guest->entry;
	pthread_mutex_t *lock;

	if (!entry)
		return;
	lock = lock_of(turnstile, entry->bucket);
	pthread_mutex_lock(lock);
	if (guest->link)
		unlink_guest(turnstile, guest);
	else
		entry->in--;
	guest->entry = NULL;
	wake_first(entry);
	drop_if_empty(turnstile, entry);
	pthread_mutex_unlock(lock);
}
