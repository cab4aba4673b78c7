/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/journal.h"

#include <errno.h>
#include <stdlib.h>

struct journal {
	uint64_t next;
	uint64_t count[SL_EVENT_COUNT];
	struct journal_entry ring[JOURNAL_MAX];
};

int journal_new(struct journal **ret_journal)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (!journal)
		return -ENOMEM;
	journal->next = 1;
	*ret_journal = journal;
	return 0;
}

void journal_free(struct journal *journal)
{
	free(journal);
}

void journal_add(struct journal *journal, const struct sl_event *event)
{
	struct journal_entry *entry = &journal->ring[journal->next % JOURNAL_MAX];

	entry->id = journal->next++;
	entry->event = *event;
	if (event->kind < SL_EVENT_COUNT)
		journal->count[event->kind]++;
}

uint64_t journal_next(const struct journal *journal)
{
	return journal->next;
}

uint64_t journal_first(const struct journal *journal)
{
	return journal->next > JOURNAL_MAX ? journal->next - JOURNAL_MAX : 1;
}

const struct journal_entry *journal_at(const struct journal *journal, uint64_t id)
{
	if (id < journal_first(journal) || id >= journal->next)
		return NULL;
	return &journal->ring[id % JOURNAL_MAX];
}

uint64_t journal_count(const struct journal *journal, enum sl_event_kind kind)
{
	return journal->count[kind];
}
