/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracked sources: found, promoted, counted, told of, banned.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "count.h"
#include "meter.h"
#include <sluice/hash.h>

/* Bits of half the filter and of "sources"; set before loading to the sizes of the maps. */
const volatile __u32 sl_filter_bits = 1 << 20;
const volatile __u32 sl_sources_max = 65536;

#define TELL_EVERY_DROPS \
	1024 /* a power of two: how often a steady offender's event is considered */

SL_INLINE __u64 *filter_word(__u32 half, __u32 bit)
{
	__u32 index = half * (sl_filter_bits / 64) + bit / 64;

	return bpf_map_lookup_elem(&filter, &index);
}

/* False: surely not. Spares the cold lookups that a flood of strangers would consist of. */
SL_INLINE bool filter_has(const struct sl_config *cfg, const struct sl_secret *keys,
			  const struct sl_source *source, enum sl_filtered what)
{
	__u32 bit = sl_filter_bit(keys, source, what, sl_filter_bits);
	__u64 *word = filter_word(READ_ONCE(cfg->filter_read) & 1, bit);

	return word && READ_ONCE(*word) >> (bit & 63) & 1;
}

/* Before the entry: whoever sees the entry's bit missing must not find an entry. */
SL_INLINE void filter_add(const struct sl_config *cfg, const struct sl_secret *keys,
			  const struct sl_source *source, enum sl_filtered what)
{
	__u32 bit = sl_filter_bit(keys, source, what, sl_filter_bits);
	__u32 halves = READ_ONCE(cfg->filter_write);

#pragma unroll
	for (__u32 half = 0; half < 2; half++) {
		__u64 *word = filter_word(half, bit);

		if (word && halves >> half & 1)
			__sync_fetch_and_or(word, 1ull << (bit & 63));
	}
}

/*
 * Give a stranger an entry, with the debt it has. Afterwards it has that, or one that another CPU has just made (then
 * this CPU's last charge is lost, one packet at most), or none: it stays a stranger.
 */
SL_INLINE void source_promote(const struct sl_config *cfg, const struct sl_source *source,
			      const struct sl_tracked *entry)
{
	__u32 key = 0;
	struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);
	long error;

	if (!shared || !keys)
		return;

	filter_add(cfg, keys, source, SL_FILTER_TRACKED);
	error = bpf_map_update_elem(&sources, source, entry, BPF_NOEXIST);
	if (!error)
		__sync_fetch_and_add(&shared->tracked, 1);
	else if (error != -17 /* EEXIST */)
		count_fault(SL_FAULT_PROMOTE_FULL);
}

/* The first packet of a tracked source under another policy. */
static __attribute__((noinline)) int clamp_tracked(struct sl_tracked *tracked,
						   const struct sl_tier *tier, __u64 now_ns)
{
	if (!tracked || !tier)
		return 0;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (tier->limit[kind].cost)
			word_clamp(&tracked->full_at_ns[kind], now_ns + tier->limit[kind].burst_ns);
	return 0;
}

/* What is said of a source; packed for a subprogram, which takes five arguments. */
struct telling {
	__u64 now_ns;
	__u64 packets;
	__u64 until_ns;
	__u32 strikes;
	__u32 ifindex;
	__u8 kind;
	__u8 reason;
	__u8 tier;
};

static __attribute__((noinline)) int tell(const struct sl_source *source,
					  const struct telling *telling)
{
	struct sl_event *event = NULL;

	if (!source || !telling)
		return 0;
	if (may_tell(telling->now_ns))
		event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_fault(SL_FAULT_EVENT_LOST);
		return 0;
	}

	*event = (struct sl_event){
		.at_ns = telling->now_ns,
		.source = *source,
		.packets = telling->packets,
		.until_ns = telling->until_ns,
		.strikes = telling->strikes,
		.ifindex = telling->ifindex,
		.kind = telling->kind,
		.reason = telling->reason,
		.tier = telling->tier,
	};
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* The lowest bit of event_ns: the last event was one of flagging. What follows it may be told at once. */
#define TOLD_OF_FLAG 1ull

/*
 * One event per source and period, by whichever CPU swaps the time of the last one; and one more when
 * flagging turns into dropping, which nobody should learn a period late.
 */
SL_INLINE void tell_offence(const struct sl_source *source, struct sl_tracked *tracked,
			    struct telling *telling, __u64 every_ns)
{
	__u64 before_ns = READ_ONCE(tracked->event_ns);
	__u64 total = READ_ONCE(tracked->dropped.packets) + READ_ONCE(tracked->flagged.packets);
	bool is_flag = telling->kind == SL_EVENT_FLAGGED;
	bool is_worse = before_ns & TOLD_OF_FLAG && !is_flag;
	__u64 told_ns = (telling->now_ns & ~TOLD_OF_FLAG) | (is_flag ? TOLD_OF_FLAG : 0);

	/* Signed: another CPU, whose clock reading was a little later, may have been first. */
	if (before_ns && !is_worse && (__s64)(telling->now_ns - before_ns) < (__s64)every_ns)
		return;
	if (__sync_val_compare_and_swap(&tracked->event_ns, before_ns, told_ns) != before_ns)
		return;

	telling->packets = total - tracked->event_dropped;
	tracked->event_dropped = total;
	tell(source, telling);
}

/*
 * Ban a source for its drops: one strike more, twice as long as the last time. Only here and in the
 * agent do bans begin; one that is in force is left alone.
 */
SL_INLINE int source_ban(const struct sl_source *source, const struct sl_policy *policy,
			 struct telling *telling)
{
	__u32 key = 0;
	struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	const struct sl_config *cfg = bpf_map_lookup_elem(&config, &key);
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);
	struct sl_ban *ban;

	if (!source || !policy || !telling || !shared || !cfg || !keys)
		return 0;

	ban = bpf_map_lookup_elem(&bans, source);
	if (!ban) {
		struct sl_ban first = {
			.since_ns = telling->now_ns,
			.until_ns = telling->now_ns +
				    sl_ban_ns(policy->ban_for_ns, policy->ban_max_ns, 1),
			.strikes = 1,
			.cause = SL_BAN_DROPS,
		};
		long error;

		filter_add(cfg, keys, source, SL_FILTER_BANNED);
		error = bpf_map_update_elem(&bans, source, &first, BPF_NOEXIST);
		if (error) {
			if (error != -17 /* EEXIST: another CPU banned it */)
				count_fault(SL_FAULT_BAN_FULL);
			return 0;
		}
		__sync_fetch_and_add(&shared->bans, 1);
		telling->until_ns = first.until_ns;
		telling->strikes = 1;
	} else {
		__u64 before_ns = READ_ONCE(ban->until_ns);
		__u32 strikes = READ_ONCE(ban->strikes) + 1;

		if (before_ns > telling->now_ns)
			return 0;
		telling->until_ns = telling->now_ns +
				    sl_ban_ns(policy->ban_for_ns, policy->ban_max_ns, strikes);
		if (__sync_val_compare_and_swap(&ban->until_ns, before_ns, telling->until_ns) !=
		    before_ns)
			return 0;
		ban->since_ns = telling->now_ns;
		ban->strikes = strikes;
		ban->cause = SL_BAN_DROPS;
		telling->strikes = strikes;
	}

	telling->kind = SL_EVENT_BANNED;
	tell(source, telling);
	return 0;
}

#endif
