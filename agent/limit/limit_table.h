/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everybody's counts: one bounded table in a memfd, shared by all threads, that outlives its process.
 *
 * Fixed in size, position independent, no pointers. Entries lie in sets of LIMIT_TABLE_WAYS, chosen by a
 * keyed hash of the key; a set has one short lock. A new key takes a free entry of its set or one that is
 * at rest (limit_state.h), so nobody's debt is ever forgotten for a newcomer. Where there is neither, it
 * shares the entry of its coarse key with its neighbours, in a part of the table kept for that; where even
 * that is full it has no entry, and is to be refused. Keys are known by 128 bits of the hash; the first
 * LIMIT_LABEL_MAX bytes are kept for people to read.
 *
 * Opening the table says that whoever had it before is dead. Locks carry the opener's epoch, so one left
 * behind is known and taken over at once, without asking whether a thread id is alive or has been given to
 * somebody else. One more process may join the one that has it, for as long as a takeover lasts: both count
 * in the same entries, and what the other leaves locked when it dies is taken over after a second.
 *
 * This is the limiter's only way to its counts: a store shared by hosts would stand behind the same calls.
 */
#ifndef LIMIT_TABLE_H
#define LIMIT_TABLE_H

#include "limit/decision.h"

#include "base/bytes.h"

#define LIMIT_TABLE_WAYS	8
#define LIMIT_TABLE_ENTRIES_MAX (1u << 24)
#define LIMIT_LABEL_MAX		40

struct limit_table;

struct limit_table_size {
	uint64_t
		entries; /* 1 to LIMIT_TABLE_ENTRIES_MAX, rounded up; a sixteenth more are shared ones */
	uint64_t state_bytes; /* largest limit_state_bytes() it is to hold */
};

/* Memory a table of this size takes. */
uint64_t limit_table_bytes(struct limit_table_size size);

/* The largest table of such states in at most bytes of memory; entries 0: not even the smallest fits. */
struct limit_table_size limit_table_within(uint64_t bytes, uint64_t state_bytes);

/*
 * Make an empty table, sealed in its size, with a secret of its own. The fd is the caller's.
 * Returns 0, -EINVAL (size), or -errno of memfd_create() and its kin.
 */
int limit_table_create(struct limit_table_size size, int *ret_fd);

/* Whether fd is a table of this version, made for that size. */
bool limit_table_is_sized(int fd, struct limit_table_size size);

/*
 * Map the table in fd, which stays the caller's, for this process; whoever had it open is dead.
 * Returns 0, -EINVAL if it is no table of this version, -ENOMEM, or -errno.
 */
int limit_table_open(int fd, struct limit_table **ret_table);
/* The same beside the one process that has it open and lives on; if nobody has had it yet, as above. */
int limit_table_join(int fd, struct limit_table **ret_table);
/* The same to look at, while another process uses it: nothing that is done here is seen there. */
int limit_table_view(int fd, struct limit_table **ret_table);
void limit_table_close(struct limit_table *table); /* NULL is fine */

/* Memory of the table, whether it has been touched or not. */
uint64_t limit_table_memory(const struct limit_table *table);

/*
 * The moment of a decision on this table's states, at now_ns of CLOCK_MONOTONIC. Its now_ns is table time,
 * and so are the instants of the views: the same clock until the table has been through a reboot.
 */
struct limit_moment limit_table_moment(const struct limit_table *table, uint64_t now_ns);

/*
 * The bytes of this table were saved at saved_ns (table time) and written back after a reboot, elapsed_ns
 * later by the wall clock, at now_ns (CLOCK_MONOTONIC): table time goes on from there. elapsed_ns is never
 * negative, so nobody waits longer than he would have. Before any other thread uses the table.
 */
void limit_table_continue(struct limit_table *table, uint64_t saved_ns, uint64_t elapsed_ns,
			  uint64_t now_ns);

struct limit_seek {
	struct bytes key; /* scope, identity, window and strategy; never the place in the policy */
	struct bytes
		coarse; /* the same with the /24 or /48 for the identity; empty: no room, no entry */
	const struct limit_spec *spec;
	bool only_old; /* make no entry for it: then state is NULL, too */

	struct limit_state *state; /* prepared and locked; NULL: no room, refuse */
	bool is_shared;		   /* the entry is the coarse key's */
	uint32_t set;		   /* the lock it is under */
	uint64_t print[2];	   /* the table's own */
};

/*
 * Find or make the entries of n different keys (at most LIMIT_ASKS_MAX) and lock them, for as long as it
 * takes to decide: until limit_table_release() of the same seeks.
 */
void limit_table_seize(struct limit_table *table, struct limit_seek *seeks, unsigned n,
		       struct limit_moment moment);
void limit_table_release(struct limit_table *table, const struct limit_seek *seeks, unsigned n);

/*
 * The entry that a request was charged to at its seek, locked again to settle what it holds; NULL if it
 * has been reset since. limit_table_release() of the seek in either case. Only key or coarse (where is_shared), set and spec are read.
 */
void limit_table_return(struct limit_table *table, struct limit_seek *seek,
			struct limit_moment moment);

/* A number for text that nobody without the table can foresee; the same for as long as the table lives. */
uint64_t limit_table_hash(const struct limit_table *table, struct bytes text);

/* Forget the counts of one key, or coarse key. Returns whether it had an entry. */
bool limit_table_forget(struct limit_table *table, struct bytes key);

/* Call visit with every entry in use, under its lock: be brief, keep no pointer. */
typedef void limit_visit_fn(void *context, struct bytes label, const struct limit_state *state);
void limit_table_visit(struct limit_table *table, limit_visit_fn *visit, void *context);

#endif
