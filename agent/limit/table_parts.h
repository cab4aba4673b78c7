/* SPDX-License-Identifier: BSD-2-Clause */
/* How a table lies in its memory. For limit_table*.c only. */
#ifndef LIMIT_TABLE_PARTS_H
#define LIMIT_TABLE_PARTS_H

#include "base/siphash.h"
#include "limit/limit_table.h"

#define TABLE_MAGIC \
	0x736c6c696d697433ull /* changes with the structs below, the states', and how keys are hashed */
#define TABLE_LINE    64      /* of a set the first: its lock, and a tag of each entry */
#define TABLE_TAGS    32      /* where in it the tags begin */
#define TABLE_HEAD    4096
#define TABLE_SET_MIN 8 /* sets kept for shared entries, at least */

struct table_head {
	uint64_t magic;
	uint64_t slot_bytes; /* multiple of TABLE_LINE */
	uint32_t sets;	     /* of exact keys; the shared ones follow */
	uint32_t shared_sets;
	uint32_t epoch; /* of the last opener */
	uint32_t zero;
	uint64_t ahead_ns; /* what table time is ahead of CLOCK_MONOTONIC; wraps */
	struct siphash_secret secret[2];
};

struct fingerprint {
	uint64_t word[2];
};

struct table_slot {
	struct fingerprint print;
	uint64_t label_len;
	char label[LIMIT_LABEL_MAX];
	struct limit_state state; /* strategy 0: the slot is free */
};

/* In the word of a lock: it is held by who has joined the opener of that epoch. */
#define TABLE_JOINED 0x80000000u

struct limit_table {
	struct table_head *head; /* the mapping */
	size_t bytes;
	uint32_t epoch; /* without TABLE_JOINED, not 0 once it is open */
	uint32_t word;	/* of the locks it holds */
};

static inline size_t table_set_bytes(const struct table_head *head)
{
	return TABLE_LINE + LIMIT_TABLE_WAYS * head->slot_bytes;
}

static inline size_t table_state_bytes(const struct table_head *head)
{
	return head->slot_bytes - offsetof(struct table_slot, state);
}

static inline char *table_set_at(const struct limit_table *table, uint32_t set)
{
	return (char *)table->head + TABLE_HEAD + set * table_set_bytes(table->head);
}

static inline struct table_slot *table_slot_at(const struct limit_table *table, uint32_t set,
					       unsigned way)
{
	char *at = table_set_at(table, set) + TABLE_LINE + way * table->head->slot_bytes;

	return (struct table_slot *)at;
}

/*
 * Some bits of the fingerprint of each entry of a set, beside its lock: who looks for a key touches no entry but
 * the right one.
 */
static inline uint32_t *table_tag_at(const struct limit_table *table, uint32_t set, unsigned way)
{
	return (uint32_t *)(table_set_at(table, set) + TABLE_TAGS) + way;
}

static inline uint32_t table_tag_of(struct fingerprint print)
{
	return (uint32_t)print.word[1];
}

_Static_assert(TABLE_TAGS + LIMIT_TABLE_WAYS * sizeof(uint32_t) <= TABLE_LINE, "in one line");

/* The upper bits of a product spread a hash over any number of sets. */
static inline uint32_t table_set_of(const struct table_head *head, struct fingerprint print,
				    bool shared)
{
	uint64_t hash = print.word[0] >> 32;

	if (shared)
		return head->sets + (uint32_t)(hash * head->shared_sets >> 32);
	return (uint32_t)(hash * head->sets >> 32);
}

#endif
