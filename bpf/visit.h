/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One packet on its way through the steps of sluice.bpf.c, and the clock it is judged by.
 */
#ifndef VISIT_H
#define VISIT_H

#include "maps.h"
#include "meter.h"
#include "packet.h"

/* Tests take the clock from the map "state". Constant at load time, so it costs nothing otherwise. */
const volatile bool sl_test_clock = false;

#define CONTINUE SL_REASON_COUNT /* not a reason: the next step decides */

/* Whose bucket is asked. Without pointers, so that global functions can be given it. */
struct account {
	struct sl_source source;
	__u64 now_ns;	 /* 0: the clock has not been read */
	__u64 rule_word; /* what an entry keeps of the rule; 0 if that was cached in one */
	/* Out: what a stranger who is worth an entry owes; SL_NEVER: that limit was not asked. */
	__u64 owed_ns[SL_KIND_COUNT];
	__u32 slot;   /* of the policy */
	__u8 tier;    /* number, SL_TIER_ALLOW or _DENY, once the visit has a rule */
	__u8 named;   /* the rule just looked up is an explicit prefix; not known of a cached one */
	__u8 is_soft; /* out: passes, above a soft mark */
	__u8 is_worth_an_entry; /* out: of a stranger */
	__u32 untracked;	/* by the verifier: stranger.h */
	__u32 zero;
};

/* One packet on its way through the steps. */
struct visit {
	struct packet pkt;
	struct account account;
	const struct sl_config *cfg;
	const struct sl_policy *policy;
	struct sl_tracked *tracked; /* NULL: a stranger */
	__u32 ifindex;
	__u32 rule_id;
	__u8 has_rule;
	__u8 is_opaque; /* charged without a port, under reasons of its own */
	__u8 is_deep;	/* likewise, for a stack of tags */
};

SL_INLINE bool is_charged(const struct sl_limit *limit, enum sl_kind kind, const struct packet *pkt)
{
	return limit->cost && (kind != SL_CONNECTIONS || pkt->opens_connection);
}

/* Longer prefixes of the policy lie inside this source: its packets are judged under several tiers. */
SL_INLINE bool is_split(const struct account *account)
{
	return (account->rule_word & 0xff) == SL_TIER_UNCACHED;
}

/* Under whose bursts a source came to owe what it does: its tier's, or any's. */
SL_INLINE const struct sl_tier *debtor_tier(const struct sl_policy *policy,
					    const struct account *account)
{
	return &policy->tier[account->rule_word & 0xff];
}

/* The coarse clock of this CPU's present tick. */
struct tick {
	__u64 jiffies;
	__u64 coarse_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tick);
} ticks SEC(".maps");

/*
 * The coarse clock moves only with the tick, and jiffies are one load: it is read once a tick. It lags by a tick, by two
 * on a CPU that looks between the kernel's two updates. The time is stored first, so that whoever
 * interrupts us here sees an old pair or a new one.
 */
SL_INLINE __u64 read_coarse_clock(void)
{
	__u32 key = 0;
	__u64 jiffies = bpf_jiffies64();
	struct tick *tick = bpf_map_lookup_elem(&ticks, &key);

	if (!tick)
		return bpf_ktime_get_coarse_ns();
	if (tick->jiffies != jiffies) {
		tick->coarse_ns = bpf_ktime_get_coarse_ns();
		tick->jiffies = jiffies;
	}
	return tick->coarse_ns;
}

SL_INLINE __u64 read_test_clock(void)
{
	__u32 key = 0;
	struct sl_state *shared = bpf_map_lookup_elem(&state, &key);

	return shared ? READ_ONCE(shared->test_now_ns) : 1;
}

/* Both clocks count from the same instant; a tier's bursts say whether the coarse one will do. */
SL_INLINE __u64 read_clock(bool fine)
{
	if (sl_test_clock)
		return read_test_clock();
	return fine ? bpf_ktime_get_ns() : read_coarse_clock();
}

/* Off the hot path: the helper itself, whose one outcome is cheaper for the verifier than three. */
SL_INLINE __u64 visit_now(struct visit *v)
{
	if (!v->account.now_ns)
		v->account.now_ns = sl_test_clock ? read_test_clock() : bpf_ktime_get_coarse_ns();
	return v->account.now_ns;
}

#endif
