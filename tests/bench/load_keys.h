/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked for next, and by whom: numbers drawn beforehand, so that drawing costs the load generator nothing
 * while it measures. The same ones in every run.
 */
#ifndef BENCH_LOAD_KEYS_H
#define BENCH_LOAD_KEYS_H

#include <stdint.h>

enum key_order {
	KEYS_UNIFORM,
	KEYS_ZIPF,    /* the n-th key is asked for in proportion to 1/n */
	KEYS_IN_TURN, /* each once, from the first on */
};

struct keys {
	enum key_order order;
	uint32_t next;
	uint32_t *drawn; /* KEYS_DRAWN of them; NULL where keys come in turn */
};

#define KEYS_DRAWN (1u << 20)

/* Numbers from 0 to count - 1; in turn from first on, without end. Ends the program without memory. */
void keys_draw(struct keys *keys, enum key_order order, uint32_t count, uint32_t first);

static inline uint32_t keys_next(struct keys *keys)
{
	if (keys->order == KEYS_IN_TURN)
		return keys->next++;
	return keys->drawn[keys->next++ % KEYS_DRAWN];
}

#endif
