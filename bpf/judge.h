/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bucket step: the limits of a packet are all checked by loads, then taken in the order of
 * enum sl_kind; and a stranger worth it gets an entry of its own.
 *
 * The meter stays behind one function, bucket(), so that another one can be weighed against it.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "source.h"
#include "stranger.h"
#include "visit.h"

struct bill {
	struct meter meter[SL_KIND_COUNT];
	struct terms terms;
	struct claim claim; /* of the limit in dispute */
};

/* Charge one bucket for the packet, which fits what was seen of it. The first try of word_retake(), without a call. */
SL_INLINE enum take_result bill_take_one(struct bill *bill, enum sl_kind kind)
{
	struct meter *meter = &bill->meter[kind];
	__u64 now_ns = bill->terms.now_ns;
	__u64 next = word_made(meter->tag, now_ns, meter->owed_ns + meter->cost_ns);

	if (!meter->word)
		return TAKE_CONTENDED;
	if (__sync_val_compare_and_swap(meter->word, meter->seen, next) == meter->seen)
		return TAKEN;

	meter_claim(meter, &bill->terms.tier->limit[kind], &bill->terms, &bill->claim);
	return word_retake(meter->word, &bill->claim);
}

SL_INLINE bool is_charged(const struct sl_limit *limit, enum sl_kind kind, const struct packet *pkt)
{
	return limit->cost && (kind != SL_CONNECTIONS || pkt->opens_connection);
}

SL_INLINE void bill_read_tracked(struct sl_tracked *tracked, struct bill *bill)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &bill->terms.tier->limit[kind];
		struct meter *meter = &bill->meter[kind];

		if (!meter->cost_ns)
			continue;
		meter->tag = 0;
		meter->word = &tracked->full_at_ns[kind];
		meter->seen = READ_ONCE(*meter->word);
		meter->owed_ns = word_owed(meter->seen, 0, limit->burst_ns, &bill->terms);
	}
}

/* Places used in the two lines of region by this packet's limits. */
SL_INLINE __u32 bill_places(const struct bill *bill, __u32 region)
{
	__u32 taken = 0;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (bill->meter[kind].cost_ns && bill->terms.tier->limit[kind].region == region)
			taken |= 1u << bill->meter[kind].place;
	return taken;
}

/* First the words it has, then places for those it lacks: no two limits may choose the same. */
SL_INLINE void bill_read_stranger(const struct sl_source *source, struct bill *bill)
{
	__u64 hash = stranger_hash(source);
	const struct sl_limit *limit = bill->terms.tier->limit;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (bill->meter[kind].cost_ns)
			stranger_find(hash, kind, &limit[kind], &bill->terms, &bill->meter[kind]);

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		struct meter *meter = &bill->meter[kind];

		if (!meter->cost_ns || meter->word)
			continue;
		if (!stranger_settle(hash, &limit[kind], &bill->terms,
				     bill_places(bill, limit[kind].region), meter))
			count_fault(SL_FAULT_EVICTED);
	}
}

/* Read every bucket this packet is charged to. */
SL_INLINE void bill_read(struct visit *v, struct bill *bill)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &bill->terms.tier->limit[kind];

		bill->meter[kind].cost_ns = is_charged(limit, kind, &v->pkt)
						    ? sl_limit_cost_ns(limit, kind, v->pkt.len)
						    : 0;
	}

	if (v->tracked)
		bill_read_tracked(v->tracked, bill);
	else
		bill_read_stranger(&v->source, bill);
}

/* The kind whose limit the packet is over, or SL_KIND_COUNT; *ret_soft: above a soft mark. */
SL_INLINE enum sl_kind bill_check(const struct bill *bill, bool *ret_soft)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &bill->terms.tier->limit[kind];
		const struct meter *meter = &bill->meter[kind];

		if (!meter->cost_ns)
			continue;
		if (!meter_fits(meter, limit))
			return kind;
		if (meter->owed_ns + meter->cost_ns > limit->flag_above_ns)
			*ret_soft = true;
	}
	return SL_KIND_COUNT;
}

/* Undo what was taken before the limit that refused. */
SL_INLINE void bill_give_back(struct bill *bill, enum sl_kind refused_by)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		if (kind >= refused_by || !bill->meter[kind].cost_ns)
			continue;
		meter_claim(&bill->meter[kind], &bill->terms.tier->limit[kind], &bill->terms,
			    &bill->claim);
		word_refund(bill->meter[kind].word, &bill->claim);
	}
}

/* Charge every bucket, or none that can be given back. CONTINUE: charged. */
SL_INLINE enum sl_reason bill_take(struct bill *bill)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		enum take_result result;

		if (!bill->meter[kind].cost_ns)
			continue;
		result = bill_take_one(bill, kind);
		if (result == TAKEN)
			continue;

		bill_give_back(bill, kind);
		return result == TAKE_OVER ? SL_OVER_PACKETS + kind : SL_CONTENDED;
	}
	return CONTINUE;
}

SL_INLINE void clamp_stranger(struct bill *bill, enum sl_kind refused_by)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &bill->terms.tier->limit[kind];

		if (kind != refused_by || bill->meter[kind].owed_ns < limit->burst_ns)
			continue;
		meter_claim(&bill->meter[kind], limit, &bill->terms, &bill->claim);
		stranger_clamp(bill->meter[kind].word, &bill->claim);
	}
}

/* What a refusal means in this tier. */
SL_INLINE enum sl_reason over(const struct visit *v, const struct sl_tier *tier,
			      enum sl_reason reason)
{
	if (tier->over == SL_OVER_FLAG)
		return SL_FLAG_OVER;
	if (tier->over == SL_OVER_COUNT)
		return SL_DRY_RUN;
	if (reason == SL_CONTENDED)
		return reason;
	if (v->is_deep)
		return SL_OVER_DEEP_TAGS;
	return v->is_opaque ? SL_OVER_PORTLESS : reason;
}

SL_INLINE enum sl_reason within(const struct visit *v, bool soft)
{
	if (soft)
		return SL_FLAG_SOFT;
	if (v->is_deep)
		return SL_DEEP_TAGS;
	return v->is_opaque ? SL_PORTLESS : SL_CONFORMING;
}

/*
 * A stranger gets an entry when a prefix names it, when it was refused, or when it has spent half
 * of a burst: then it is here to stay.
 */
SL_INLINE bool is_worth_an_entry(const struct visit *v, const struct bill *bill, bool refused)
{
	if (refused || v->named)
		return true;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct meter *meter = &bill->meter[kind];

		if (meter->cost_ns &&
		    meter->owed_ns + meter->cost_ns > bill->terms.tier->limit[kind].burst_ns / 2)
			return true;
	}
	return false;
}

SL_INLINE bool has_room(const struct visit *v)
{
	__u32 key = 0;
	const struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	__u64 room = v->named ? sl_sources_max : READ_ONCE(v->cfg->sources_open);

	return shared && READ_ONCE(shared->tracked) < room;
}

/* What a stranger owes on a limit that this packet is not charged to. */
SL_INLINE __u64 other_debt(const struct sl_source *source, enum sl_kind kind,
			   const struct terms *terms)
{
	const struct sl_limit *limit = &terms->tier->limit[kind];
	struct meter meter = {};

	if (limit->cost)
		stranger_find(stranger_hash(source), kind, limit, terms, &meter);
	return meter.owed_ns;
}

/* Where a new entry is put together: it is a quarter of a BPF program's stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_tracked);
} newcomer SEC(".maps");

/* Its debts come along; the words in the strangers table fall due by themselves. */
static __attribute__((noinline)) int promote(struct visit *v, const struct bill *bill, bool refused)
{
	__u32 key = 0;
	struct sl_tracked *entry = bpf_map_lookup_elem(&newcomer, &key);

	if (!v || !bill || !v->cfg || !entry)
		return 0;
	if (!may_promote(v->now_ns)) {
		count_fault(SL_FAULT_PROMOTE_BUDGET);
		return 0;
	}

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct meter *meter = &bill->meter[kind];
		__u64 charged_ns = refused ? 0 : meter->cost_ns;

		entry->full_at_ns[kind] =
			meter->cost_ns ? v->now_ns + meter->owed_ns + charged_ns : 0;
	}
	/* Only connections are ever left out: a packet without SYN is not charged to them. */
	if (!bill->meter[SL_CONNECTIONS].cost_ns)
		entry->full_at_ns[SL_CONNECTIONS] =
			v->now_ns + other_debt(&v->source, SL_CONNECTIONS, &bill->terms);
	entry->rule = v->rule_word;
	entry->first_seen_ns = v->now_ns;
	v->tracked = source_promote(v->cfg, &v->source, entry);
	return 0;
}

SL_INLINE enum sl_reason bucket(struct visit *v)
{
	struct bill bill = {};
	enum sl_reason reason;
	const struct sl_tier *tier;
	enum sl_kind refused_by;
	bool soft = false;

	tier = &v->policy->tier[v->tier];
	if (tier->unlimited)
		return SL_UNLIMITED;

	v->now_ns = read_clock(tier->fine_clock);
	bill.terms = (struct terms){tier, v->now_ns, READ_ONCE(v->cfg->longest_burst_ns)};

	bill_read(v, &bill);
	refused_by = bill_check(&bill, &soft);
	if (refused_by == SL_KIND_COUNT) {
		reason = bill_take(&bill);
	} else {
		reason = SL_OVER_PACKETS + refused_by;
		if (!v->tracked)
			clamp_stranger(&bill, refused_by);
	}

	if (!v->tracked && is_worth_an_entry(v, &bill, reason != CONTINUE) && has_room(v))
		promote(v, &bill, reason != CONTINUE);

	return reason == CONTINUE ? within(v, soft) : over(v, tier, reason);
}

#endif
