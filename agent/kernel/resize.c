/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other table sizes than those an earlier agent had: a map cannot grow, so a new one is made and filled.
 *
 * Programs that are attached use the old maps until they are replaced. The copy is made twice: before, so that the
 * new program never sees an empty table, and behind (datapath_finish_adoption()), when the old ones have come to rest.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/datapath_private.h"

void resize_set_aside(struct datapath *datapath, const struct policy_tables *tables)
{
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		uint32_t entries = maps_entries(i, tables);

		if (datapath->fd[i] < 0 || !entries || maps_max_entries(datapath->fd[i]) == entries)
			continue;
		datapath->old_fd[i] = datapath->fd[i];
		datapath->fd[i] = -1;
	}
}

static int sizes_of(const struct datapath *datapath, int fd, uint32_t *ret_key, uint32_t *ret_value)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (error)
		return error;
	*ret_key = info.key_size;
	*ret_value = info.value_size;
	if (info.type == BPF_MAP_TYPE_PERCPU_HASH)
		*ret_value = (info.value_size + 7) / 8 * 8 * (uint32_t)datapath->cpus;
	return 0;
}

/* The later instant and the higher count of two copies of one source's entry. */
static struct sl_tracked merge(const struct sl_tracked *a, const struct sl_tracked *b)
{
	struct sl_tracked both = a->last_seen_ns > b->last_seen_ns ? *a : *b;

	for (int kind = 0; kind < SL_KIND_COUNT; kind++)
		both.full_at_ns[kind] = a->full_at_ns[kind] > b->full_at_ns[kind]
						? a->full_at_ns[kind]
						: b->full_at_ns[kind];
	return both;
}

static int merge_source(int fd, const void *key, const struct sl_tracked *old)
{
	struct sl_tracked there, both;

	if (bpf_map_lookup_elem(fd, key, &there))
		return 0;
	both = merge(&there, old);
	if (!memcmp(both.full_at_ns, there.full_at_ns, sizeof(both.full_at_ns)))
		return 0;
	return bpf_map_update_elem(fd, key, &both, BPF_EXIST);
}

/* The new program may have banned again meanwhile: the later end holds. */
static int merge_ban(int fd, const void *key, const struct sl_ban *old)
{
	struct sl_ban there;

	if (bpf_map_lookup_elem(fd, key, &there) || there.until_ns >= old->until_ns)
		return 0;
	return bpf_map_update_elem(fd, key, old, BPF_EXIST);
}

/* Add what the new map lacks. A source that both have keeps the greater debt, a ban the later end. Returns 0 or -errno. */
static int copy_entry(struct datapath *datapath, enum datapath_map map, const void *key,
		      const void *value)
{
	bool is_merged = map == DATAPATH_MAP_sources || map == DATAPATH_MAP_bans;
	int fd = datapath->fd[map], error;

	if (map == DATAPATH_MAP_sources)
		filter_add(datapath, key, SL_FILTER_TRACKED);
	if (map == DATAPATH_MAP_bans)
		filter_add(datapath, key, SL_FILTER_BANNED);
	error = bpf_map_update_elem(fd, key, value, is_merged ? BPF_NOEXIST : BPF_ANY);
	if (error != -EEXIST || !is_merged)
		return error;
	return map == DATAPATH_MAP_sources ? merge_source(fd, key, value)
					   : merge_ban(fd, key, value);
}

static int copy_map(struct datapath *datapath, enum datapath_map map)
{
	auto_walk struct map_walk walk = {};
	uint32_t key_size, value_size;
	int error = sizes_of(datapath, datapath->old_fd[map], &key_size, &value_size);

	if (!error)
		error = map_walk_begin(&walk, datapath->old_fd[map], key_size, value_size);
	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		for (uint32_t i = 0; !error && i < walk.count; i++)
			error = copy_entry(datapath, map, map_walk_key(&walk, i),
					   map_walk_value(&walk, i));
	} while (!error && walk.count);
	return error;
}

static bool is_copied(enum datapath_map map)
{
	/* The filter is made from the sources; a stranger's place depends on the size of the table. */
	return map != DATAPATH_MAP_filter && map != DATAPATH_MAP_strangers;
}

static void keep_old(struct datapath *datapath, enum datapath_map map)
{
	close(datapath->fd[map]);
	datapath->fd[map] = take_fd(datapath->old_fd[map]);
}

/* The new sizes do not hold what there is. The filter belongs to the sources. */
static int keep_old_size(struct datapath *datapath, enum datapath_map map)
{
	log_warning(
		"table %s: what it holds does not fit the size of the policy; it keeps its size",
		datapath_map_name(map));
	maps_unview(datapath);
	keep_old(datapath, map);
	if (map == DATAPATH_MAP_sources && datapath->old_fd[DATAPATH_MAP_filter] >= 0)
		keep_old(datapath, DATAPATH_MAP_filter);
	return maps_view(datapath); /* and read the sizes again */
}

static int count_entries(const struct datapath *datapath, enum datapath_map map,
			 uint32_t value_size, uint64_t *ret_count)
{
	auto_walk struct map_walk walk = {};
	uint64_t count = 0;
	int error = map_walk_begin(&walk, datapath->fd[map], sizeof(struct sl_source), value_size);

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		count += walk.count;
	} while (walk.count);
	*ret_count = count;
	return 0;
}

/*
 * Programs go on counting: the difference is added. One that adds an entry now may be counted twice, never missed: a
 * count of bans that is too low would become 0, and the last ban would not be looked up.
 */
static void count_map(const struct datapath *datapath, enum datapath_map map, uint32_t value_size,
		      __u64 *counter)
{
	uint64_t before = __atomic_load_n(counter, __ATOMIC_ACQUIRE), count;

	if (datapath->old_fd[map] < 0 || count_entries(datapath, map, value_size, &count))
		return; /* not to be counted now: the old count is the better guess */
	__atomic_fetch_add(counter, count - before, __ATOMIC_RELAXED);
}

static void count_anew(const struct datapath *datapath)
{
	count_map(datapath, DATAPATH_MAP_sources, sizeof(struct sl_tracked),
		  &datapath->state->tracked);
	count_map(datapath, DATAPATH_MAP_bans, sizeof(struct sl_ban), &datapath->state->bans);
}

int resize_copy(struct datapath *datapath)
{
	if (datapath->old_fd[DATAPATH_MAP_strangers] >= 0)
		log_warning(
			"table strangers: its size has changed; strangers begin with full buckets");

	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		int error = datapath->old_fd[i] >= 0 && is_copied(i) ? copy_map(datapath, i) : 0;

		if (error == -E2BIG || error == -ENOSPC)
			error = keep_old_size(datapath, i);
		if (error)
			return error;
	}
	count_anew(datapath);
	if (datapath->old_fd[DATAPATH_MAP_sources] >= 0)
		__atomic_store_n(&datapath->config->sources_open, datapath->tables.sources / 4 * 3,
				 __ATOMIC_RELAXED);
	return 0;
}

/*
 * Copies what the old programs wrote between resize_copy() and their replacement: sources and bans that are new, and the
 * greater debt of sources both have. What such a source was counted in that time, some milliseconds at a start,
 * is lost, and so are counts by rule; verdicts are not.
 */
void datapath_finish_adoption(struct datapath *datapath)
{
	if (datapath->old_fd[DATAPATH_MAP_sources] >= 0)
		(void)copy_map(datapath, DATAPATH_MAP_sources); /* full: they are strangers then */
	if (datapath->old_fd[DATAPATH_MAP_bans] >= 0)
		(void)copy_map(datapath, DATAPATH_MAP_bans); /* full: the ban would not have fit */
	count_anew(datapath);				     /* of tables that were resized */
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		if (datapath->old_fd[i] >= 0)
			close(datapath->old_fd[i]);
		datapath->old_fd[i] = -1;
	}
}
