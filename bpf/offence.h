/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracked source's own counters, and what its drops lead to: events, strikes, a ban.
 */
#ifndef OFFENCE_H
#define OFFENCE_H

#include "source.h"
#include "visit.h"

SL_INLINE bool is_offence(enum sl_reason reason)
{
	return reason >= SL_OVER_PACKETS && reason <= SL_CONTENDED;
}

/* What a source is banned for: neither races that were lost, nor an allowance that many share. */
SL_INLINE bool is_own_fault(enum sl_reason reason)
{
	return reason >= SL_OVER_PACKETS && reason <= SL_OVER_PORTLESS;
}

/*
 * A drop that is no step towards a ban: the window's base moves with the count. (When 32 bits of drops are full the
 * carry moves the window's start by a millisecond.)
 */
SL_INLINE void window_skip(struct sl_tracked *tracked)
{
	if (READ_ONCE(tracked->drop_window))
		__sync_fetch_and_add(&tracked->drop_window, 1);
}

/* What is being told, put together off the stack: the calls below it are four deep. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct telling);
} tellings SEC(".maps");

SL_INLINE struct telling *telling_of(const struct visit *v, enum sl_reason reason)
{
	__u32 key = 0;
	struct telling *telling = bpf_map_lookup_elem(&tellings, &key);

	if (!telling)
		return NULL;
	telling->now_ns = v->account.now_ns;
	telling->packets = 0;
	telling->until_ns = 0;
	telling->strikes = 0;
	telling->ifindex = v->ifindex;
	telling->reason = reason;
	telling->tier = v->account.tier;
	return telling;
}

/* Rare: a window has just begun, or many drops have passed. */
static __attribute__((noinline)) int offence_told(struct visit *v, __u64 reason, __u64 kind)
{
	struct telling *telling = v ? telling_of(v, reason) : NULL;

	if (!telling || !v->tracked || !v->policy)
		return 0;

	telling->kind = kind;
	tell_offence(&v->account.source, v->tracked, telling, v->policy->event_every_ns);
	return 0;
}

static __attribute__((noinline)) int offence_banned(struct visit *v, __u64 reason, __u64 drops)
{
	struct telling *telling = v ? telling_of(v, reason) : NULL;

	if (!telling || !v->policy)
		return 0;

	telling->packets = drops;
	source_ban(&v->account.source, v->policy, telling);
	return 0;
}

/*
 * After dropped packets in all: is it time to tell, or to ban? One load decides; the window word says
 * when counting began and how many had been dropped by then; 0: it has not begun.
 */
SL_INLINE void note_drop(struct visit *v, enum sl_reason reason, __u64 dropped)
{
	struct sl_tracked *tracked = v->tracked;
	const struct sl_policy *policy = v->policy;
	__u64 window = READ_ONCE(tracked->drop_window);
	__u64 within_ns = policy->ban_after ? policy->ban_within_ns : policy->event_every_ns;
	bool begins = !window || sl_window_is_over(window, v->account.now_ns, within_ns);

	if (begins) {
		window = sl_window_word(v->account.now_ns, dropped - 1);
		tracked->drop_window = window;
	}
	if (begins || !(dropped & (TELL_EVERY_DROPS - 1)))
		offence_told(v, reason, SL_EVENT_LIMITED);

	if (!is_own_fault(reason)) {
		window_skip(tracked);
		return;
	}
	if (policy->ban_after && sl_window_drops(window, dropped) >= policy->ban_after) {
		tracked->drop_window = 0; /* the next window begins after the ban */
		offence_banned(v, reason, sl_window_drops(window, dropped));
	}
}

SL_INLINE void count_source(struct visit *v, enum sl_reason reason, enum sl_verdict verdict)
{
	struct sl_tracked *tracked = v->tracked;

	tracked->last_seen_ns = visit_now(v);

	switch (verdict) {
	case SL_DROP: {
		__u64 dropped = __sync_fetch_and_add(&tracked->dropped.packets, 1) + 1;

		__sync_fetch_and_add(&tracked->dropped.bytes, v->pkt.len);
		if (is_offence(reason))
			note_drop(v, reason, dropped);
		else
			window_skip(tracked);
		break;
	}
	case SL_FLAG:
		count_add_shared(&tracked->flagged, v->pkt.len);
		offence_told(v, reason, SL_EVENT_FLAGGED);
		break;
	default:
		count_add_shared(&tracked->passed, v->pkt.len);
	}
}

#endif
