/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters and budgets. What is per CPU is added to plainly: a packet is never interrupted by
 * another on its CPU. What sources share is added to atomically.
 */
#ifndef COUNT_H
#define COUNT_H

#include "maps.h"
#include <sluice/bucket.h>

SL_INLINE void count_add(struct sl_count *count, __u32 len)
{
	count->packets++;
	count->bytes += len;
}

SL_INLINE void count_add_shared(struct sl_count *count, __u32 len)
{
	__sync_fetch_and_add(&count->packets, 1);
	__sync_fetch_and_add(&count->bytes, len);
}

SL_INLINE void count_reason(enum sl_reason reason, __u32 len)
{
	__u32 key = reason;
	struct sl_count *count = bpf_map_lookup_elem(&counters, &key);

	if (count)
		count_add(count, len);
}

SL_INLINE void count_fault(enum sl_fault fault)
{
	__u32 key = fault;
	__u64 *count = bpf_map_lookup_elem(&faults, &key);

	if (count)
		(*count)++;
}

SL_INLINE void count_tier(__u8 tier, enum sl_verdict verdict, __u32 len)
{
	__u32 key = tier;
	struct sl_tally *tally = bpf_map_lookup_elem(&tiers, &key);

	if (tally)
		count_add(&tally->by_verdict[verdict], len);
}

/* The first packet a prefix rule matches makes its counter. */
static __attribute__((noinline)) int count_rule(__u32 id, enum sl_verdict verdict, __u32 len)
{
	const struct sl_tally none = {};
	struct sl_tally *tally = bpf_map_lookup_elem(&rules, &id);

	if (!tally) {
		/* -EEXIST: another CPU was faster; both count in what it made. */
		bpf_map_update_elem(&rules, &id, &none, BPF_NOEXIST);
		tally = bpf_map_lookup_elem(&rules, &id);
	}
	if (!tally || verdict >= SL_VERDICT_COUNT) {
		count_fault(SL_FAULT_RULE_UNCOUNTED);
		return 0;
	}
	count_add(&tally->by_verdict[verdict], len);
	return 0;
}

/* What one CPU may do: a bucket each, so that a flood of reasons to do it stays bounded. */
#define PROMOTE_COST_NS \
	50000ull /* 20,000 a second: 0.5 % of a CPU at a quarter of a microsecond each */
#define PROMOTE_BURST_NS 100000000ull  /* 2,000 at once */
#define EVENT_COST_NS	 5000000ull    /* 200 a second */
#define EVENT_BURST_NS	 2500000000ull /* 500 at once */

SL_INLINE bool may_promote(__u64 now_ns)
{
	__u32 key = 0;
	struct sl_budgets *budget = bpf_map_lookup_elem(&budgets, &key);

	return budget && sl_bucket_take(budget->promote_full_at_ns, PROMOTE_COST_NS,
					PROMOTE_BURST_NS, now_ns, &budget->promote_full_at_ns);
}

SL_INLINE bool may_tell(__u64 now_ns)
{
	__u32 key = 0;
	struct sl_budgets *budget = bpf_map_lookup_elem(&budgets, &key);

	return budget && sl_bucket_take(budget->event_full_at_ns, EVENT_COST_NS, EVENT_BURST_NS,
					now_ns, &budget->event_full_at_ns);
}

#endif
