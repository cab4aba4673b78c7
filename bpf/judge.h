/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bucket step, and what its outcome means in a tier.
 *
 * The meter stays behind one function, bucket(), so that another one can be weighed against it.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "newcomer.h"
#include "tracked.h"

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

SL_INLINE enum sl_reason within(const struct visit *v)
{
	if (v->account.is_soft)
		return SL_FLAG_SOFT;
	if (v->is_deep)
		return SL_DEEP_TAGS;
	return v->is_opaque ? SL_PORTLESS : SL_CONFORMING;
}

SL_INLINE enum sl_reason bucket(struct visit *v)
{
	const struct sl_tier *tier = &v->policy->tier[v->account.tier];
	enum sl_reason reason;

	if (tier->unlimited)
		return SL_UNLIMITED;

	v->account.now_ns = read_clock(tier->fine_clock);
	if (v->tracked) {
		reason = bucket_tracked(v, tier);
	} else {
		reason = bucket_stranger(&v->pkt, &v->account);
		if (v->account.is_worth_an_entry && has_room(&v->account, v->cfg) &&
		    promote(&v->account))
			v->tracked = bpf_map_lookup_elem(&sources, &v->account.source);
	}
	return reason == CONTINUE ? within(v) : over(v, tier, reason);
}

#endif
