/* SPDX-License-Identifier: BSD-2-Clause */
#include "load_keys.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 11; /* 53 bits: what a double holds */
}

static void *must(void *memory)
{
	if (!memory) {
		perror("http-load");
		exit(1);
	}
	return memory;
}

/* Sums of 1/n, to be searched for a random part of the last one. */
static double *zipf_sums(uint32_t count)
{
	double *sums = must(malloc(count * sizeof(*sums))), sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sums[i] = sum += 1.0 / (i + 1);
	return sums;
}

static uint32_t find_sum(const double *sums, uint32_t count, double wanted)
{
	uint32_t low = 0, high = count - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sums[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void keys_draw(struct keys *keys, enum key_order order, uint32_t count, uint32_t first)
{
	double *sums = order == KEYS_ZIPF ? zipf_sums(count) : NULL;
	uint64_t random = 1;

	*keys = (struct keys){.order = order, .next = first};
	if (order == KEYS_IN_TURN)
		return;
	keys->next = 0;
	keys->drawn = must(malloc(KEYS_DRAWN * sizeof(*keys->drawn)));
	for (uint32_t i = 0; i < KEYS_DRAWN; i++) {
		uint64_t drawn = next_random(&random);

		keys->drawn[i] =
			sums ? find_sum(sums, count, (double)drawn / (1ull << 53) * sums[count - 1])
			     : (uint32_t)(drawn % count);
	}
	free(sums);
}
