/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of one thread: blocks for bytes that have to wait, and small objects, all
 * charged to one total that every thread shares.
 *
 * Bytes that can be passed on at once never come here: they stand in the thread's
 * scratch buffers. So an idle connection owns no block at all.
 */
#ifndef HTTP_MEMORY_H
#define HTTP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "cache/budget.h"

#define BLOCK_CLASSES 4
/* The largest block: a whole scratch buffer and the head written in front of it. */
#define BLOCK_MAX (176u << 10)
/* Freed blocks a thread keeps for the next request, in bytes. */
#define MEMORY_KEPT_MAX (4u << 20)

struct block {
	struct block *next; /* among the free ones */
	uint32_t room;
	uint8_t class;
	char at[];
};

struct memory;
/* Gives back memory that can be spared. False: there is none. */
typedef bool memory_starved_fn(struct memory *memory);

struct memory {
	struct budget *budget;
	memory_starved_fn *starved; /* asked before anything is refused; may be NULL */
	struct block *free[BLOCK_CLASSES];
	size_t kept; /* bytes in the free lists */
};

/* A block of at least room bytes, room at most BLOCK_MAX; NULL where the total is in use. */
struct block *memory_block(struct memory *memory, size_t room);
void memory_give(struct memory *memory, struct block *block); /* NULL is fine */

/* Zeroed memory for one object; NULL where the total is in use. Given back with its size. */
void *memory_object(struct memory *memory, size_t size);
void memory_give_object(struct memory *memory, void *object, size_t size);

/* Zero an object that is used once more. */
void memory_clear(void *object, size_t size);

/* Give back the free blocks. */
void memory_trim(struct memory *memory);

/* Bytes that wait: at the front of a block, from `from` on. Zeroed: none, and no block. */
struct held {
	struct block *block;
	uint32_t from;
	uint32_t len;
};

static inline struct bytes held_bytes(const struct held *held)
{
	return held->len ? (struct bytes){held->block->at + held->from, held->len}
			 : (struct bytes){0};
}

/* Append. False, and nothing is added, without memory or beyond BLOCK_MAX. */
bool held_add(struct held *held, struct memory *memory, struct bytes more);

/* Room for at least want more bytes behind what is held: *ret_room. NULL as held_add() is false. */
char *held_reserve(struct held *held, struct memory *memory, size_t want, size_t *ret_room);

/* len bytes from the front are done with; the block goes with the last. len is at most held->len. */
void held_drop(struct held *held, struct memory *memory, size_t len);
void held_free(struct held *held, struct memory *memory);

#endif
