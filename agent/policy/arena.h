/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is given back all at once: for things made together that live as long as one another.
 * What it holds is bounded by what is read into it.
 */
#ifndef POLICY_ARENA_H
#define POLICY_ARENA_H

#include <stddef.h>

#include "base/bytes.h"

struct arena;

struct arena *arena_new(void);	      /* NULL: no memory */
void arena_free(struct arena *arena); /* NULL is fine */

/* Zeroed, aligned for anything; NULL if there is no memory. Lives until arena_free(). */
void *arena_take(struct arena *arena, size_t size);

/* A copy of text with a terminator; NULL likewise. */
char *arena_text(struct arena *arena, struct bytes text);

/* A growing array in an arena; zeroed at first. What it outgrows stays in the arena: at most as much again. */
struct arena_list {
	void *at;
	size_t count;
	size_t room;
};

/* A new zeroed item of the list, which holds items of one size; NULL if there is no memory. */
void *arena_list_add(struct arena *arena, struct arena_list *list, size_t item_size);

#endif
