/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/offenders.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/duration.h"

#define LOCKS	   64
#define WAYS	   8
#define SETS	   (OFFENDERS_MAX / WAYS)
#define VOUCH_WAYS 8
#define VOUCH_SETS (VOUCHED_MAX / VOUCH_WAYS)

/* The first instants of the newest groups of strikes; a group is pattern.count / OFFENDERS_EXACT, rounded up. */
struct entry {
	struct prefix source; /* family 0: free */
	uint8_t kind;
	uint32_t group;	   /* strikes of a group; another policy's: counting begins anew */
	uint32_t in_group; /* strikes of the newest one */
	uint32_t groups;   /* begun, at most OFFENDERS_EXACT: the oldest makes room */
	uint32_t newest;   /* index into began_ns */
	uint64_t last_ns;
	uint64_t told_ns; /* of a pattern; 0: never */
	uint64_t began_ns[OFFENDERS_EXACT];
};

struct set {
	struct entry way[WAYS];
};

struct offenders {
	struct siphash_secret secret;
	pthread_mutex_t lock
		[LOCKS]; /* apart from the sets: memory that nobody has struck in is not touched */
	struct set set[SETS];
	/* tag:32 | second:32, without a lock: a mark that is lost to a race comes again with the next request. */
	_Atomic uint64_t vouched[VOUCH_SETS][VOUCH_WAYS];
};

_Static_assert(sizeof(struct offenders) <= OFFENDERS_BYTES, "the size that is told is kept");

int offenders_new(const struct siphash_secret *secret, struct offenders **ret_offenders)
{
	struct offenders *offenders = calloc(1, sizeof(*offenders));

	if (!offenders)
		return -ENOMEM;
	offenders->secret = *secret;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(&offenders->lock[i], NULL);
	*ret_offenders = offenders;
	return 0;
}

void offenders_free(struct offenders *offenders)
{
	if (!offenders)
		return;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&offenders->lock[i]);
	free(offenders);
}

static uint64_t hash_of(const struct offenders *offenders, const struct prefix *source)
{
	return siphash(&offenders->secret, (struct bytes){(const char *)source, sizeof(*source)});
}

/* ---- Vouched for ---- */

static uint32_t second_of(uint64_t now_ns)
{
	return (uint32_t)(now_ns / NS_PER_SEC) + 1; /* 0 is an empty word */
}

void offenders_vouch(struct offenders *offenders, const struct prefix *source, uint64_t now_ns)
{
	const uint64_t hash = hash_of(offenders, source);
	_Atomic uint64_t *set = offenders->vouched[hash % VOUCH_SETS], *oldest = set;
	const uint64_t word = hash >> 32 << 32 | second_of(now_ns);

	for (unsigned i = 0; i < VOUCH_WAYS; i++) {
		uint64_t at = atomic_load_explicit(&set[i], memory_order_relaxed);

		if (at == word)
			return;
		if ((at ^ word) >> 32 == 0) {
			atomic_store_explicit(&set[i], word, memory_order_relaxed);
			return;
		}
		if ((uint32_t)at < (uint32_t)atomic_load_explicit(oldest, memory_order_relaxed))
			oldest = &set[i];
	}
	atomic_store_explicit(oldest, word, memory_order_relaxed);
}

/* Seconds are rounded in favour of the source. */
static bool is_vouched(const struct offenders *offenders, uint64_t hash, uint64_t within_ns,
		       uint64_t now_ns)
{
	const _Atomic uint64_t *set = offenders->vouched[hash % VOUCH_SETS];

	for (unsigned i = 0; i < VOUCH_WAYS; i++) {
		uint64_t at = atomic_load_explicit(&set[i], memory_order_relaxed);

		if (at && (at ^ hash) >> 32 == 0)
			return second_of(now_ns) - (uint32_t)at <= within_ns / NS_PER_SEC + 1;
	}
	return false;
}

/* ---- Strikes ---- */

/* The entry of the source and kind, or the one that has been quiet for longest, made its. */
static struct entry *entry_for(struct set *set, const struct offence *offence)
{
	struct entry *quiet = &set->way[0];

	for (unsigned i = 0; i < WAYS; i++) {
		struct entry *entry = &set->way[i];

		if (entry->kind == offence->kind &&
		    !prefix_compare(&entry->source, &offence->source))
			return entry;
		if (entry->last_ns < quiet->last_ns)
			quiet = entry;
	}
	*quiet = (struct entry){.source = offence->source, .kind = (uint8_t)offence->kind};
	return quiet;
}

static uint32_t group_of(const struct http_strikes *pattern)
{
	return (uint32_t)(((uint64_t)pattern->count + OFFENDERS_EXACT - 1) / OFFENDERS_EXACT);
}

static void begin_anew(struct entry *entry, const struct http_strikes *pattern)
{
	entry->group = group_of(pattern);
	entry->in_group = entry->groups = 0;
}

static void record(struct entry *entry, uint64_t now_ns)
{
	entry->last_ns = now_ns;
	if (entry->groups && entry->in_group < entry->group) {
		entry->in_group++;
		return;
	}
	entry->newest = entry->groups ? (entry->newest + 1) % OFFENDERS_EXACT : 0;
	entry->began_ns[entry->newest] = now_ns;
	entry->in_group = 1;
	if (entry->groups < OFFENDERS_EXACT)
		entry->groups++;
}

/*
 * Whether the newest groups that hold at least count strikes began within the time. A group's instant is that of its
 * first strike, so what is counted is never more than what is true.
 */
static bool is_pattern(const struct entry *entry, const struct http_strikes *pattern,
		       uint64_t now_ns)
{
	uint32_t missing = pattern->count > entry->in_group ? pattern->count - entry->in_group : 0;
	uint32_t back = (uint32_t)(((uint64_t)missing + entry->group - 1) / entry->group);

	if (back >= entry->groups)
		return false;
	return now_ns - entry->began_ns[(entry->newest + OFFENDERS_EXACT - back) %
					OFFENDERS_EXACT] <=
	       pattern->within_ns;
}

/* Under the lock of its set. True: a pattern, to be told. */
static bool strike(struct entry *entry, const struct http_strikes *pattern, uint64_t now_ns)
{
	if (entry->group != group_of(pattern))
		begin_anew(entry, pattern);
	record(entry, now_ns);
	if (!is_pattern(entry, pattern, now_ns))
		return false;
	begin_anew(entry, pattern);
	if (entry->told_ns && now_ns - entry->told_ns < OFFENDERS_QUIET_NS)
		return false;
	entry->told_ns = now_ns;
	return true;
}

enum offence_result offenders_add(struct offenders *offenders, const struct offence *offence,
				  uint64_t now_ns)
{
	const uint64_t hash = hash_of(offenders, &offence->source);
	pthread_mutex_t *lock = &offenders->lock[hash % SETS % LOCKS];
	struct entry *entry;
	bool found;

	pthread_mutex_lock(lock);
	entry = entry_for(&offenders->set[hash % SETS], offence);
	/* Another thread's clock reading may be a little younger. */
	found = strike(entry, &offence->pattern, now_ns > entry->last_ns ? now_ns : entry->last_ns);
	pthread_mutex_unlock(lock);

	if (!found)
		return OFFENCE_COUNTED;
	return is_vouched(offenders, hash, offence->pattern.within_ns, now_ns) ? OFFENCE_VOUCHED
									       : OFFENCE_PATTERN;
}
