/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upkeep. Each call does a bounded piece of each pass, so that the agent's other work waits for milliseconds.
 *
 * Nothing is added up when a source leaves: the datapath counts every packet under its tier as well.
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "base/log.h"
#include "kernel/datapath_private.h"

#define IDLE_NS	      60000000000ull
#define STEPS_MAX     16 /* of MAP_WALK_BATCH entries: a default table of sources in one call */
#define REBUILD_SHARE 4	 /* the filter is made anew when a quarter of the table's size has left */

struct telling {
	struct datapath *datapath;
	uint64_t now_ns;
	datapath_told_fn *told;
	void *context;
};

static void tell(const struct telling *to, const struct sl_event *event)
{
	if (to->told)
		to->told(to->context, event);
}

/* ---- Sources --------------------------------------------------------------------- */

static bool may_leave(const struct sl_tracked *tracked, uint64_t now_ns)
{
	for (int kind = 0; kind < SL_KIND_COUNT; kind++)
		if (tracked->full_at_ns[kind] > now_ns)
			return false;
	return now_ns >= tracked->last_seen_ns && now_ns - tracked->last_seen_ns >= IDLE_NS;
}

/* With what the last event of the datapath did not stand for yet, so that the counts of all events add up. */
static void tell_stopped(const struct telling *to, const struct sl_source *source,
			 const struct sl_tracked *tracked)
{
	uint64_t offences = tracked->dropped.packets + tracked->flagged.packets;
	struct sl_event event = {
		.at_ns = to->now_ns,
		.source = *source,
		.packets = offences - tracked->event_dropped,
		.kind = SL_EVENT_STOPPED,
		.reason = SL_CONFORMING,
		.tier = (uint8_t)tracked->rule,
	};

	tell(to, &event);
}

/*
 * Take the entry out. A packet that was charged to it between our reading and its removal brings it back, debt and
 * counts; one that still holds the removed entry now goes uncharged, and that is all.
 */
static void let_leave(const struct telling *to, const struct sl_source *source)
{
	struct datapath *datapath = to->datapath;
	int fd = datapath->fd[DATAPATH_MAP_sources];
	struct sl_tracked last;

	if (bpf_map_lookup_and_delete_elem(fd, source, &last))
		return;
	if (!may_leave(&last, to->now_ns)) {
		filter_add(datapath, source, SL_FILTER_TRACKED);
		if (!bpf_map_update_elem(fd, source, &last, BPF_NOEXIST))
			return;
		/* Tracked anew by the datapath meanwhile, and counted by it. */
	}
	__atomic_fetch_sub(&datapath->state->tracked, 1, __ATOMIC_RELAXED);
	datapath->sweep.left++;
	if (limited_drop(datapath->limited, source))
		tell_stopped(to, source, &last);
}

static void sweep_source(const struct telling *to, const struct sl_source *source,
			 const struct sl_tracked *tracked)
{
	if (tracked->event_ns && limited_watch(to->datapath->limited, source, tracked, to->now_ns))
		tell_stopped(to, source, tracked);
	if (may_leave(tracked, to->now_ns))
		let_leave(to, source);
}

/* One step of a pass. Returns false when the pass is over (or failed; the next call begins anew). */
static bool step_sources(const struct telling *to)
{
	struct map_walk *walk = &to->datapath->sweep.sources;

	if (map_walk_step(walk) || !walk->count)
		return false;
	for (uint32_t i = 0; i < walk->count; i++)
		sweep_source(to, map_walk_key(walk, i), map_walk_value(walk, i));
	return true;
}

static void sweep_sources(const struct telling *to)
{
	struct datapath *datapath = to->datapath;
	struct sweeping *sweep = &datapath->sweep;

	if (!sweep->is_walking_sources &&
	    map_walk_begin(&sweep->sources, datapath->fd[DATAPATH_MAP_sources],
			   sizeof(struct sl_source), sizeof(struct sl_tracked)))
		return; /* no memory now; later, then */
	sweep->is_walking_sources = true;
	for (int i = 0; i < STEPS_MAX && sweep->is_walking_sources; i++)
		sweep->is_walking_sources = step_sources(to);
	if (!sweep->is_walking_sources)
		map_walk_end(&sweep->sources);
}

static void shrink_filter(struct datapath *datapath)
{
	int error;

	if (datapath->sweep.left <= datapath->tables.sources / REBUILD_SHARE)
		return;
	error = filter_rebuild(datapath);
	if (error)
		log_warning("filter of tracked sources: %s; the old one stays", strerror(-error));
	datapath->sweep.left = 0;
}

/* ---- Bans ------------------------------------------------------------------------- */

static void tell_ban_ended(const struct telling *to, const struct sl_source *source,
			   const struct sl_ban *ban)
{
	struct sl_event event = {
		.at_ns = to->now_ns,
		.source = *source,
		.until_ns = ban->until_ns,
		.strikes = ban->strikes,
		.kind = SL_EVENT_BAN_ENDED,
		.reason = SL_BANNED,
	};

	tell(to, &event);
}

static bool has_lapsed(const struct datapath *datapath, const struct sl_ban *ban, uint64_t now_ns)
{
	return now_ns > ban->until_ns && now_ns - ban->until_ns >= datapath->ban_max_ns;
}

static void forget_ban(const struct telling *to, const struct sl_source *source)
{
	struct datapath *datapath = to->datapath;
	int fd = datapath->fd[DATAPATH_MAP_bans];
	struct prefix prefix;
	struct sl_ban last;

	if (bpf_map_lookup_and_delete_elem(fd, source, &last))
		return;
	/* Banned again between our reading and the removal: back it goes, unless the datapath was first. */
	if (!has_lapsed(datapath, &last, to->now_ns) &&
	    !bpf_map_update_elem(fd, source, &last, BPF_NOEXIST))
		return;
	__atomic_fetch_sub(&datapath->state->bans, 1, __ATOMIC_RELAXED);
	if (source_prefix(source, datapath->bits, &prefix))
		prefix_tree_remove(&datapath->reasons, &prefix);
}

static void sweep_ban(const struct telling *to, const struct sl_source *source,
		      const struct sl_ban *ban)
{
	const struct sweeping *sweep = &to->datapath->sweep;

	if (ban->until_ns > sweep->bans_told_ns && ban->until_ns <= sweep->bans_cutoff_ns)
		tell_ban_ended(to, source, ban);
	if (has_lapsed(to->datapath, ban, to->now_ns))
		forget_ban(to, source);
}

static bool step_bans(const struct telling *to)
{
	struct map_walk *walk = &to->datapath->sweep.bans;

	if (map_walk_step(walk) || !walk->count)
		return false;
	for (uint32_t i = 0; i < walk->count; i++)
		sweep_ban(to, map_walk_key(walk, i), map_walk_value(walk, i));
	return true;
}

/*
 * A pass tells of the ends between the cutoff of the last one and its own, whenever it comes by: each end is told
 * once. The first pass of an agent tells nothing.
 */
static void sweep_bans(const struct telling *to)
{
	struct datapath *datapath = to->datapath;
	struct sweeping *sweep = &datapath->sweep;

	if (!sweep->is_walking_bans) {
		if (map_walk_begin(&sweep->bans, datapath->fd[DATAPATH_MAP_bans],
				   sizeof(struct sl_source), sizeof(struct sl_ban)))
			return;
		sweep->bans_told_ns = sweep->bans_cutoff_ns ? sweep->bans_cutoff_ns : to->now_ns;
		sweep->bans_cutoff_ns = to->now_ns;
	}
	sweep->is_walking_bans = true;
	for (int i = 0; i < STEPS_MAX && sweep->is_walking_bans; i++)
		sweep->is_walking_bans = step_bans(to);
	if (!sweep->is_walking_bans)
		map_walk_end(&sweep->bans);
}

void datapath_sweep(struct datapath *datapath, uint64_t now_ns, datapath_told_fn *told,
		    void *context)
{
	struct telling to = {datapath, now_ns, told, context};

	/* By the first sweep of an agent every program it could replace has been. */
	datapath_finish_adoption(datapath);
	sweep_sources(&to);
	shrink_filter(datapath);
	sweep_bans(&to);
	bans_forget_prefixes(datapath, now_ns);
	allows_forget(datapath, now_ns);
	strangers_clear(datapath, now_ns);
}
