/* SPDX-License-Identifier: BSD-2-Clause */
#include "limit/table_parts.h"

#include <assert.h>
#include <sched.h>

#include "base/clock.h"
#include "base/duration.h"

/* After that a lock's owner in the process beside this one is dead: nobody is off the CPU for so long. */
#define JOINED_PATIENCE_NS NS_PER_SEC
#define SPINS		   200 /* looks at a lock before giving way: it is held for less than a microsecond */

static uint32_t *lock_of(struct limit_table *table, uint32_t set)
{
	return (uint32_t *)table_set_at(table, set);
}

/* Held by the process beside this one: see limit_table_join(). */
static bool is_beside(const struct limit_table *table, uint32_t owner)
{
	return (owner & ~TABLE_JOINED) == table->epoch;
}

/* since_ns: when waiting began; 0: just now. */
static bool try_lock(struct limit_table *table, uint32_t *lock, uint64_t since_ns)
{
	uint32_t owner = __atomic_load_n(lock, __ATOMIC_RELAXED);

	if (owner == table->word)
		return false;
	if (is_beside(table, owner) &&
	    (!since_ns || clock_now_ns() - since_ns < JOINED_PATIENCE_NS))
		return false;
	/* Another epoch's owner is dead. States can be taken over at any instruction: their words are
	 * stored such that what was counted stays counted. */
	return __atomic_compare_exchange_n(lock, &owner, table->word, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* Sets are locked in the order of their numbers, so that nobody waits for one who waits for him. */
static void lock_set(struct limit_table *table, uint32_t set)
{
	uint32_t *lock = lock_of(table, set);
	uint64_t since_ns = 0;

	for (unsigned tries = 1; !try_lock(table, lock, since_ns); tries++) {
		if (tries % SPINS)
			continue;
		sched_yield(); /* its owner has lost the CPU */
		since_ns = since_ns ? since_ns : clock_now_ns();
	}
}

static void unlock_set(struct limit_table *table, uint32_t set)
{
	__atomic_store_n(lock_of(table, set), 0, __ATOMIC_RELEASE);
}

static struct fingerprint print_of(const struct limit_table *table, struct bytes key)
{
	struct fingerprint print;

	siphash_128(&table->head->secret[0], key, print.word);
	return print;
}

static uint32_t set_of(const struct limit_table *table, struct fingerprint print, bool shared)
{
	return table_set_of(table->head, print, shared);
}

static bool is_used_by(const struct table_slot *slot, struct fingerprint print)
{
	/* In this order: strategies lie in other cache lines than the fingerprints. */
	return slot->print.word[0] == print.word[0] && slot->print.word[1] == print.word[1] &&
	       slot->state.strategy;
}

static struct table_slot *find(const struct limit_table *table, uint32_t set,
			       struct fingerprint print)
{
	const uint32_t tag = table_tag_of(print);

	for (unsigned way = 0; way < LIMIT_TABLE_WAYS; way++) {
		struct table_slot *slot = table_slot_at(table, set, way);

		if (*table_tag_at(table, set, way) == tag && is_used_by(slot, print))
			return slot;
	}
	return NULL;
}

#define NO_WAY LIMIT_TABLE_WAYS

/* A free slot of the set, else the one that has been at rest for longest, else NO_WAY. */
static unsigned find_room(const struct limit_table *table, uint32_t set, struct limit_moment moment)
{
	uint64_t best_at_ns = UINT64_MAX;
	unsigned best = NO_WAY;

	for (unsigned way = 0; way < LIMIT_TABLE_WAYS; way++) {
		struct table_slot *slot = table_slot_at(table, set, way);

		if (!slot->state.strategy)
			return way;
		if (!limit_state_rests(&slot->state, moment) ||
		    slot->state.rest_at_ns >= best_at_ns)
			continue;
		best = way;
		best_at_ns = slot->state.rest_at_ns;
	}
	return best;
}

static struct bytes key_of(const struct limit_seek *seek)
{
	return seek->is_shared ? seek->coarse : seek->key;
}

/* The slot is nobody's until limit_state_prepare() gives it a strategy. */
static struct table_slot *begin_slot(const struct limit_table *table, const struct limit_seek *seek,
				     unsigned way)
{
	struct table_slot *slot = table_slot_at(table, seek->set, way);
	const struct fingerprint print = {{seek->print[0], seek->print[1]}};
	const struct bytes key = key_of(seek);

	__atomic_store_n(&slot->state.strategy, 0, __ATOMIC_RELEASE);
	*table_tag_at(table, seek->set, way) = table_tag_of(print);
	slot->print = print;
	slot->label_len = key.len < LIMIT_LABEL_MAX ? key.len : LIMIT_LABEL_MAX;
	memcpy(slot->label, key.at, slot->label_len);
	return slot;
}

/* The set is locked. Returns false if it has no room for the seek. */
static bool settle_in(struct limit_table *table, struct limit_seek *seek,
		      struct limit_moment moment)
{
	size_t room = table_state_bytes(table->head);
	struct fingerprint print = {{seek->print[0], seek->print[1]}};
	struct table_slot *slot = find(table, seek->set, print);

	if (limit_state_bytes(seek->spec) > room)
		return false;
	if (!slot) {
		unsigned way = seek->only_old ? NO_WAY : find_room(table, seek->set, moment);

		if (way == NO_WAY)
			return false;
		slot = begin_slot(table, seek, way);
	}
	limit_state_prepare(&slot->state, room, seek->spec, moment);
	/* Not at rest for the rest of this request: its other keys must not take the slot. */
	if (slot->state.rest_at_ns <= moment.now_ns)
		slot->state.rest_at_ns = moment.now_ns + 1;
	seek->state = &slot->state;
	return true;
}

static void choose_set(const struct limit_table *table, struct limit_seek *seek, bool shared)
{
	struct fingerprint print;

	seek->is_shared = shared;
	seek->state = NULL;
	print = print_of(table, key_of(seek));
	memcpy(seek->print, print.word, sizeof(seek->print));
	seek->set = set_of(table, print, shared);
}

/* Numbers of the sets of all seeks, ascending, each once. n is small. */
static unsigned sets_of(const struct limit_seek *seeks, unsigned n, uint32_t *sets)
{
	unsigned len = 1;

	sets[0] = n ? seeks[0].set : 0;
	if (n < 2) /* as nearly always */
		return n;
	for (unsigned i = 1; i < n; i++) {
		unsigned at = 0;

		while (at < len && sets[at] < seeks[i].set)
			at++;
		if (at < len && sets[at] == seeks[i].set)
			continue;
		memmove(&sets[at + 1], &sets[at], (len - at) * sizeof(*sets));
		sets[at] = seeks[i].set;
		len++;
	}
	return len;
}

static void lock_all(struct limit_table *table, const struct limit_seek *seeks, unsigned n)
{
	uint32_t sets[LIMIT_ASKS_MAX];
	unsigned len = sets_of(seeks, n, sets);

	for (unsigned i = 0; i < len; i++)
		lock_set(table, sets[i]);
}

void limit_table_release(struct limit_table *table, const struct limit_seek *seeks, unsigned n)
{
	uint32_t sets[LIMIT_ASKS_MAX];
	unsigned len = sets_of(seeks, n, sets);

	for (unsigned i = 0; i < len; i++)
		unlock_set(table, sets[i]);
}

/* Returns whether every seek has what it can have; one that has not must look among the shared ones. */
static bool settle_all(struct limit_table *table, struct limit_seek *seeks, unsigned n,
		       struct limit_moment moment)
{
	for (unsigned i = 0; i < n; i++)
		if (!settle_in(table, &seeks[i], moment) && !seeks[i].is_shared &&
		    seeks[i].coarse.len) {
			limit_table_release(table, seeks, n);
			choose_set(table, &seeks[i], true);
			return false;
		}
	return true;
}

void limit_table_seize(struct limit_table *table, struct limit_seek *seeks, unsigned n,
		       struct limit_moment moment)
{
	assert(n <= LIMIT_ASKS_MAX);
	for (unsigned i = 0; i < n; i++)
		choose_set(table, &seeks[i], false);
	/* Ends after n rounds at most: each sends one more seek to the shared sets. */
	do
		lock_all(table, seeks, n);
	while (!settle_all(table, seeks, n, moment));
}

void limit_table_return(struct limit_table *table, struct limit_seek *seek,
			struct limit_moment moment)
{
	struct table_slot *slot;

	lock_set(table, seek->set);
	slot = find(table, seek->set, print_of(table, key_of(seek)));
	seek->state = NULL;
	if (slot && slot->state.strategy == seek->spec->strategy)
		seek->state = &slot->state;
}

uint64_t limit_table_hash(const struct limit_table *table, struct bytes text)
{
	return siphash(&table->head->secret[1], text);
}

static bool forget_in(struct limit_table *table, uint32_t set, struct fingerprint print)
{
	struct table_slot *slot;

	lock_set(table, set);
	slot = find(table, set, print);
	if (slot)
		__atomic_store_n(&slot->state.strategy, 0, __ATOMIC_RELEASE);
	unlock_set(table, set);
	return slot;
}

bool limit_table_forget(struct limit_table *table, struct bytes key)
{
	struct fingerprint print = print_of(table, key);

	return forget_in(table, set_of(table, print, false), print) ||
	       forget_in(table, set_of(table, print, true), print);
}

static void visit_set(struct limit_table *table, uint32_t set, limit_visit_fn *visit, void *context)
{
	for (unsigned way = 0; way < LIMIT_TABLE_WAYS; way++) {
		const struct table_slot *slot = table_slot_at(table, set, way);

		if (slot->state.strategy)
			visit(context, (struct bytes){slot->label, slot->label_len}, &slot->state);
	}
}

void limit_table_visit(struct limit_table *table, limit_visit_fn *visit, void *context)
{
	uint32_t sets = table->head->sets + table->head->shared_sets;

	for (uint32_t set = 0; set < sets; set++) {
		lock_set(table, set);
		visit_set(table, set, visit, context);
		unlock_set(table, set);
	}
}
