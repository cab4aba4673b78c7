/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the datapath told lately: a ring of the last JOURNAL_MAX events, numbered from 1 since the agent began.
 * An event that leaves the ring unread is lost to a follower, who can tell by the number. 0.7 MB.
 */
#ifndef CONTROL_JOURNAL_H
#define CONTROL_JOURNAL_H

#include <stdint.h>

#include <sluice/abi.h>

#define JOURNAL_MAX 10000

struct journal_entry {
	uint64_t id;
	struct sl_event event;
};

struct journal;

/* Returns 0 or -ENOMEM. Freed with journal_free(); NULL is fine there. */
int journal_new(struct journal **ret_journal);
void journal_free(struct journal *journal);

/* Take a copy of event under the next number; in a full ring the oldest gives way. */
void journal_add(struct journal *journal, const struct sl_event *event);

/* Number the next event will have; numbers below it and from journal_first() on are in the ring. */
uint64_t journal_next(const struct journal *journal);
uint64_t journal_first(const struct journal *journal);

/* The entry numbered id, until the next journal_add(); NULL if it is not in the ring. */
const struct journal_entry *journal_at(const struct journal *journal, uint64_t id);

/* How many events of a kind were added. */
uint64_t journal_count(const struct journal *journal, enum sl_event_kind kind);

#endif
