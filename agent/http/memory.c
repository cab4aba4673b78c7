/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/memory.h"

#include <stdlib.h>

static const uint32_t class_room[BLOCK_CLASSES] = {1u << 10, 4u << 10, 20u << 10, BLOCK_MAX};

static unsigned class_of(size_t room)
{
	unsigned class = 0;

	while (class < BLOCK_CLASSES && class_room[class] < room)
		class ++;
	return class;
}

static size_t cost_of(unsigned class)
{
	return budget_cost(sizeof(struct block) + class_room[class]);
}

static bool take(struct memory *memory, size_t bytes)
{
	/* One round may free less than a block, or another thread may be faster; each leaves less to free. */
	while (!budget_take(memory->budget, bytes))
		if (!memory->starved || !memory->starved(memory))
			return false;
	return true;
}

struct block *memory_block(struct memory *memory, size_t room)
{
	unsigned class = class_of(room);
	struct block *block;

	if (class == BLOCK_CLASSES)
		return NULL;
	block = memory->free[class];
	if (block) {
		memory->free[class] = block->next;
		memory->kept -= cost_of(class);
		return block;
	}
	if (!take(memory, cost_of(class)))
		return NULL;
	block = malloc(sizeof(*block) + class_room[class]);
	if (!block) {
		budget_give(memory->budget, cost_of(class));
		return NULL;
	}
	block->room = class_room[class];
	block->class = (uint8_t) class;
	return block;
}

static void release(struct memory *memory, struct block *block)
{
	budget_give(memory->budget, cost_of(block->class));
	free(block);
}

void memory_give(struct memory *memory, struct block *block)
{
	size_t cost;

	if (!block)
		return;
	cost = cost_of(block->class);
	/* Near the end of the total nobody keeps anything for later. */
	if (memory->kept + cost > MEMORY_KEPT_MAX ||
	    atomic_load_explicit(&memory->budget->used, memory_order_relaxed) >
		    memory->budget->max / 8 * 7) {
		release(memory, block);
		return;
	}
	block->next = memory->free[block->class];
	memory->free[block->class] = block;
	memory->kept += cost;
}

void memory_trim(struct memory *memory)
{
	for (unsigned class = 0; class < BLOCK_CLASSES; class ++) {
		while (memory->free[class]) {
			struct block *block = memory->free[class];

			memory->free[class] = block->next;
			release(memory, block);
		}
	}
	memory->kept = 0;
}

void *memory_object(struct memory *memory, size_t size)
{
	void *object;

	if (!take(memory, budget_cost(size)))
		return NULL;
	object = calloc(1, size);
	if (!object)
		budget_give(memory->budget, budget_cost(size));
	return object;
}

/* Not inline: where it knows the size the compiler takes `rep stos`, slower to begin than the C library to end. */
void memory_clear(void *object, size_t size)
{
	memset(object, 0, size);
}

void memory_give_object(struct memory *memory, void *object, size_t size)
{
	if (!object)
		return;
	budget_give(memory->budget, budget_cost(size));
	free(object);
}

/* Bytes move to the front of a block that has room for all, their own or a larger one. */
static bool make_room(struct held *held, struct memory *memory, size_t want)
{
	struct block *block;

	if (held->block && held->len + want <= held->block->room) {
		memmove(held->block->at, held->block->at + held->from, held->len);
		held->from = 0;
		return true;
	}
	block = memory_block(memory, held->len + want);
	if (!block)
		return false;
	if (held->len)
		memcpy(block->at, held->block->at + held->from, held->len);
	memory_give(memory, held->block);
	*held = (struct held){block, 0, held->len};
	return true;
}

char *held_reserve(struct held *held, struct memory *memory, size_t want, size_t *ret_room)
{
	size_t used = (size_t)held->from + held->len;

	if ((!held->block || used + want > held->block->room) && !make_room(held, memory, want))
		return NULL;
	used = (size_t)held->from + held->len;
	*ret_room = held->block->room - used;
	return held->block->at + used;
}

bool held_add(struct held *held, struct memory *memory, struct bytes more)
{
	size_t room;
	char *at;

	if (!more.len)
		return true;
	at = held_reserve(held, memory, more.len, &room);
	if (!at)
		return false;
	memcpy(at, more.at, more.len);
	held->len += (uint32_t)more.len;
	return true;
}

void held_drop(struct held *held, struct memory *memory, size_t len)
{
	held->from += (uint32_t)len;
	held->len -= (uint32_t)len;
	if (!held->len)
		held_free(held, memory);
}

void held_free(struct held *held, struct memory *memory)
{
	memory_give(memory, held->block);
	*held = (struct held){0};
}
