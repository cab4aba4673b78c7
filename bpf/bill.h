/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All limits of one packet of a stranger: read and checked one after the other in the order of enum sl_kind, then taken in
 * the same order. Who is over one limit needs none behind it. Nothing is written before everything fits.
 */
#ifndef BILL_H
#define BILL_H

#include "count.h"
#include "stranger.h"
#include "visit.h"

struct bill {
	/* Without cost: not charged, or behind the limit that refused. */
	struct meter meter[SL_KIND_COUNT];
	struct terms terms;
	__u64 hash; /* of the source */
};

SL_INLINE struct claim *bill_claim(const struct bill *bill, enum sl_kind kind)
{
	const struct meter *meter = &bill->meter[kind];

	return claim_of(&bill->terms.tier->limit[kind], meter->cost_ns, meter->tag, &bill->terms);
}

/*
 * Returns the kind of the limit that refuses the packet, or SL_KIND_COUNT: all are read and none does. *ret_soft: above
 * a soft mark.
 */
SL_INLINE enum sl_kind bill_check(struct bill *bill, const struct packet *pkt, __u8 *ret_soft)
{
	__u8 soft = 0;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		bill->meter[kind] = (struct meter){};
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &bill->terms.tier->limit[kind];
		struct meter *meter = &bill->meter[kind];

		if (!is_charged(limit, kind, pkt))
			continue;
		meter->cost_ns = sl_limit_cost_ns(limit, kind, pkt->len);
		stranger_find(bill->hash, kind, limit, &bill->terms, meter);
		if (!sl_bucket_fits(meter->owed_ns, meter->cost_ns,
				    limit_room(limit, meter->cost_ns, meter->tag)))
			return kind;
		if (meter->owed_ns + meter->cost_ns > limit->flag_above_ns)
			soft = 1;
	}
	*ret_soft = soft;
	return SL_KIND_COUNT;
}

/* Charge one bucket for the packet, which fits what was seen of it. The first try of word_retake(), without a call. */
SL_INLINE enum take_result bill_take_one(struct bill *bill, enum sl_kind kind)
{
	struct meter *meter = &bill->meter[kind];
	__u64 next = sl_word_of(meter->tag, bill->terms.now_ns, meter->owed_ns + meter->cost_ns);

	if (!meter->word)
		return TAKE_CONTENDED;
	if (__sync_val_compare_and_swap(meter->word, meter->seen, next) == meter->seen)
		return TAKEN;
	return word_retake(meter->word, bill_claim(bill, kind));
}

/* Undo what was taken before the limit that refused. */
SL_INLINE void bill_give_back(struct bill *bill, enum sl_kind refused_by)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (kind < refused_by && bill->meter[kind].cost_ns)
			word_refund(bill->meter[kind].word, bill_claim(bill, kind));
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

#endif
