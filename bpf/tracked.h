/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bucket of a tracked source: its limits are all checked by loads, then taken, both in the order of enum sl_kind.
 * Nothing is kept between the two but the words themselves: they are in one line, and stack is what is short.
 */
#ifndef TRACKED_H
#define TRACKED_H

#include "visit.h"

SL_INLINE __u64 tracked_cost(const struct visit *v, const struct sl_limit *limit, enum sl_kind kind)
{
	return sl_limit_cost_ns(limit, kind, v->pkt.len);
}

/* Returns the kind of the limit that refuses the packet, or SL_KIND_COUNT; notes a soft mark. */
SL_INLINE enum sl_kind tracked_check(struct visit *v, const struct sl_tier *tier)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &tier->limit[kind];
		__u64 cost_ns, owed_ns;

		if (!is_charged(limit, kind, &v->pkt))
			continue;
		cost_ns = tracked_cost(v, limit, kind);
		owed_ns = sl_bucket_owed(READ_ONCE(v->tracked->full_at_ns[kind]), limit->burst_ns,
					 v->account.now_ns);
		if (!sl_bucket_fits(owed_ns, cost_ns, limit->burst_ns))
			return kind;
		if (owed_ns + cost_ns > limit->flag_above_ns)
			v->account.is_soft = true;
	}
	return SL_KIND_COUNT;
}

SL_INLINE struct claim *tracked_claim(const struct visit *v, const struct sl_limit *limit,
				      enum sl_kind kind)
{
	const struct terms terms = {.now_ns = v->account.now_ns};

	return claim_of(limit, tracked_cost(v, limit, kind), 0, &terms);
}

/* Charge one bucket. The first try of word_retake(), without a call. */
SL_INLINE enum take_result tracked_take_one(struct visit *v, const struct sl_limit *limit,
					    enum sl_kind kind)
{
	__u64 *word = &v->tracked->full_at_ns[kind];
	__u64 cost_ns = tracked_cost(v, limit, kind);
	__u64 seen = READ_ONCE(*word), next;

	if (sl_bucket_take(seen, cost_ns, limit->burst_ns, v->account.now_ns, &next) &&
	    __sync_val_compare_and_swap(word, seen, next) == seen)
		return TAKEN;
	return word_retake(word, tracked_claim(v, limit, kind));
}

/* Undo what was taken before the limit that refused. */
SL_INLINE void tracked_give_back(struct visit *v, const struct sl_tier *tier,
				 enum sl_kind refused_by)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (kind < refused_by && is_charged(&tier->limit[kind], kind, &v->pkt))
			word_refund(&v->tracked->full_at_ns[kind],
				    tracked_claim(v, &tier->limit[kind], kind));
}

/* Judge and charge a packet of a tracked source. CONTINUE: charged. */
SL_INLINE enum sl_reason bucket_tracked(struct visit *v, const struct sl_tier *tier)
{
	enum sl_kind refused_by = tracked_check(v, tier);

	if (refused_by != SL_KIND_COUNT)
		return SL_OVER_PACKETS + refused_by;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		enum take_result result;

		if (!is_charged(&tier->limit[kind], kind, &v->pkt))
			continue;
		result = tracked_take_one(v, &tier->limit[kind], kind);
		if (result == TAKEN)
			continue;

		tracked_give_back(v, tier, kind);
		return result == TAKE_OVER ? SL_OVER_PACKETS + kind : SL_CONTENDED;
	}
	return CONTINUE;
}

#endif
