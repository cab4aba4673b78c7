/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#define BLOCK_SIZE 16384 /* a policy of a dozen routes fits one */
#define ALIGNMENT  alignof(max_align_t)

struct block {
	struct block *next;
	size_t used;
	size_t room;
	alignas(ALIGNMENT) char at[];
};

struct arena {
	struct block *newest;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->newest) {
		struct block *block = arena->newest;

		arena->newest = block->next;
		free(block);
	}
	free(arena);
}

static struct block *add_block(struct arena *arena, size_t least)
{
	size_t room = least > BLOCK_SIZE ? least : BLOCK_SIZE;
	struct block *block = calloc(1, sizeof(*block) + room);

	if (!block)
		return NULL;
	block->room = room;
	block->next = arena->newest;
	arena->newest = block;
	return block;
}

void *arena_take(struct arena *arena, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct block *block = arena->newest;
	void *at;

	if (rounded < size)
		return NULL;
	if (!block || block->room - block->used < rounded)
		block = add_block(arena, rounded);
	if (!block)
		return NULL;
	at = block->at + block->used;
	block->used += rounded;
	return at;
}

char *arena_text(struct arena *arena, struct bytes text)
{
	char *copy = arena_take(arena, text.len + 1);

	if (copy && text.len)
		memcpy(copy, text.at, text.len);
	return copy;
}

void *arena_list_add(struct arena *arena, struct arena_list *list, size_t item_size)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 4;
		void *at = arena_take(arena, room * item_size);

		if (!at)
			return NULL;
		if (list->count)
			memcpy(at, list->at, list->count * item_size);
		list->at = at;
		list->room = room;
	}
	return (char *)list->at + list->count++ * item_size;
}
