/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a BPF map from end to end, some thousand entries a system call, over as many calls as one likes.
 *
 * What is in the map all the time is met; in a trie or under changes an entry may be met twice.
 */
#ifndef KERNEL_MAP_WALK_H
#define KERNEL_MAP_WALK_H

#include <stdbool.h>
#include <stdint.h>

#define MAP_WALK_BATCH 4096 /* entries; no bucket of a hash map comes near */

struct map_walk {
	int fd; /* the caller's */
	uint32_t key_size;
	uint32_t value_size; /* per-CPU: of all CPUs together */
	uint32_t count;	     /* entries of the last step */
	unsigned char *keys;
	unsigned char *values;
	unsigned char
		token[2]
		     [32]; /* where the next step begins: a hash bucket's number or a trie's key */
	bool has_begun;
	bool has_ended;
};

/* Returns 0 (release with map_walk_end()) or -ENOMEM. */
int map_walk_begin(struct map_walk *walk, int fd, uint32_t key_size, uint32_t value_size);

/* The next entries: walk->count of them, 0 at the end. Returns 0 or -errno of the map. */
int map_walk_step(struct map_walk *walk);

/* All zero is fine. */
void map_walk_end(struct map_walk *walk);
#define auto_walk __attribute__((cleanup(map_walk_end)))

static inline const void *map_walk_key(const struct map_walk *walk, uint32_t i)
{
	return walk->keys + (uint64_t)i * walk->key_size;
}

static inline const void *map_walk_value(const struct map_walk *walk, uint32_t i)
{
	return walk->values + (uint64_t)i * walk->value_size;
}

#endif
