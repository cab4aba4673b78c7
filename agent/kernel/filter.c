/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter in front of "sources" and "bans", a bit for each: bits are only ever added, so after many sources have left
 * it lets strangers through to the cold lookups it should spare them. Then it is made anew in its other half, while
 * packets pass.
 *
 * Why no tracked or banned source is missed. A packet reads half `read` and, before it adds an entry, sets the entry's
 * bit in every half of `write`. The agent's own additions come from the thread that rebuilds.
 *  1. Idle half zeroed. Nobody reads it, nobody writes it: a grace period has passed since it was in `write`.
 *  2. write = both, grace period: packets that knew only the old half are done, and their entries are in the map.
 *  3. Walk "sources" and "bans", set every bit in the idle half. An entry added before the walk is met, since entries never
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

static void set_bit(const struct datapath *datapath, uint32_t half, const struct sl_source *source,
		    enum sl_filtered what)
{
	uint32_t bit = sl_filter_bit(datapath->secret, source, what, datapath->filter_bits);

	__atomic_fetch_or(word_of(datapath, half, bit), 1ull << (bit & 63), __ATOMIC_RELAXED);
}

void filter_add(struct datapath *datapath, const struct sl_source *source, enum sl_filtered what)
{
	uint32_t halves = __atomic_load_n(&datapath->config->filter_write, __ATOMIC_ACQUIRE);

	for (uint32_t half = 0; half < 2; half++)
		if (halves >> half & 1)
			set_bit(datapath, half, source, what);
}

static void write_to(struct datapath *datapath, uint32_t halves)
{
	__atomic_store_n(&datapath->config->filter_write, halves, __ATOMIC_SEQ_CST);
	datapath_wait_for_packets(datapath);
}

/* Set the bit of everything that has an entry, in one half, or (half NULL) in all that are written. */
static int mark_all(struct datapath *datapath, enum sl_filtered what, const uint32_t *half)
{
	static const struct {
		enum datapath_map map;
		uint32_t value_size;
	} filtered[] = {
		[SL_FILTER_TRACKED] = {DATAPATH_MAP_sources, sizeof(struct sl_tracked)},
		[SL_FILTER_BANNED] = {DATAPATH_MAP_bans, sizeof(struct sl_ban)},
	};
	auto_walk struct map_walk walk = {};
	int error = map_walk_begin(&walk, datapath->fd[filtered[what].map],
				   sizeof(struct sl_source), filtered[what].value_size);

	while (!error) {
		error = map_walk_step(&walk);
		if (error || !walk.count)
			return error;
		for (uint32_t i = 0; i < walk.count; i++)
			if (half)
				set_bit(datapath, *half, map_walk_key(&walk, i), what);
			else
				filter_add(datapath, map_walk_key(&walk, i), what);
	}
	return error;
}

int filter_add_bans(struct datapath *datapath)
{
	return mark_all(datapath, SL_FILTER_BANNED, NULL);
}

void filter_begin(struct datapath *datapath)
{
	uint32_t read = datapath->config->filter_read & 1;

	write_to(datapath, 1u << read);
	memset(word_of(datapath, !read, 0), 0, datapath->filter_bits / 8);
	write_to(datapath, 3);
}

int filter_mark(struct datapath *datapath)
{
	uint32_t idle = !(datapath->config->filter_read & 1);
	int error = mark_all(datapath, SL_FILTER_TRACKED, &idle);

	return error ? error : mark_all(datapath, SL_FILTER_BANNED, &idle);
}

void filter_switch(struct datapath *datapath)
{
	struct sl_config *config = datapath->config;
	uint32_t idle = !(config->filter_read & 1);

	__atomic_store_n(&config->filter_read, idle, __ATOMIC_SEQ_CST);
	datapath_wait_for_packets(datapath);
	__atomic_store_n(&config->filter_write, 1u << idle, __ATOMIC_SEQ_CST);
}

int filter_rebuild(struct datapath *datapath)
{
	int error;

	filter_begin(datapath);
	error = filter_mark(datapath);
	if (error) {
		write_to(datapath, 1u << (datapath->config->filter_read & 1));
		return error;
	}
	filter_switch(datapath);
	return 0;
}
