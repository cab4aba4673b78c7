/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter in front of "sources": bits are only ever added, so after many sources have left it lets strangers through
 * to the cold lookup it should spare them. Then it is made anew in its other half, while packets pass.
 *
 * Why no tracked source is missed. A packet reads half `read` and, before it adds an entry, sets the entry's bit in every
 * half of `write`.
 *  1. Idle half zeroed. Nobody reads it, nobody writes it: a grace period has passed since it was in `write`.
 *  2. write = both, grace period: packets that knew only the old half are done, and their entries are in the map.
 *  3. Walk "sources", set every bit in the idle half. An entry added before the walk is met, since entries never
 *     move; one added during or after it was added by a packet that set both halves.
 *     So from here on the idle half has the bit of every entry.
 *  4. read = idle half, grace period: until it is over packets read either half, and newcomers are in both.
 *  5. write = new half only; the old one is idle, and step 1's grace period is that of the next rebuild's beginning.
 * An agent killed in between leaves `write` with more halves than needed, and the next one begins anew.
 */
#include <errno.h>

#include "kernel/datapath_private.h"

static uint64_t *word_of(const struct datapath *datapath, uint32_t half, uint32_t bit)
{
	return &datapath->filter[(size_t)half * (datapath->filter_bits / 64) + bit / 64];
}

static void set_bit(const struct datapath *datapath, uint32_t half, const struct sl_source *source)
{
	uint32_t bit = sl_filter_bit(datapath->secret, source, datapath->filter_bits);

	__atomic_fetch_or(word_of(datapath, half, bit), 1ull << (bit & 63), __ATOMIC_RELAXED);
}

void filter_add(struct datapath *datapath, const struct sl_source *source)
{
	uint32_t halves = __atomic_load_n(&datapath->config->filter_write, __ATOMIC_ACQUIRE);

	for (uint32_t half = 0; half < 2; half++)
		if (halves >> half & 1)
			set_bit(datapath, half, source);
}

static void write_to(struct datapath *datapath, uint32_t halves)
{
	__atomic_store_n(&datapath->config->filter_write, halves, __ATOMIC_SEQ_CST);
	datapath_wait_for_packets(datapath);
}

struct marking {
	const struct datapath *datapath;
	uint32_t half;
};

static bool mark(void *context, const struct sl_source *source, const struct sl_tracked *tracked)
{
	const struct marking *marking = context;

	set_bit(marking->datapath, marking->half, source);
	return true;
}

int filter_rebuild(struct datapath *datapath)
{
	struct sl_config *config = datapath->config;
	uint32_t read = config->filter_read & 1, idle = !read;
	struct marking marking = {datapath, idle};
	int error;

	write_to(datapath, 1u << read);
	memset(word_of(datapath, idle, 0), 0, datapath->filter_bits / 8);
	write_to(datapath, 3);

	error = datapath_each_source(datapath, mark, &marking);
	if (error) {
		write_to(datapath, 1u << read);
		return error;
	}
	__atomic_store_n(&config->filter_read, idle, __ATOMIC_SEQ_CST);
	datapath_wait_for_packets(datapath);
	__atomic_store_n(&config->filter_write, 1u << idle, __ATOMIC_SEQ_CST);
	return 0;
}
