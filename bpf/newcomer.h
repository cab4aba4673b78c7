/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strangers: their bucket, and how one who is worth it gets an entry of its own.
 *
 * Two global functions, verified once and by themselves: inlined, their outcomes multiply those of every later step ("BPF
 * program is too large", 6.18). Memory they are given loses its pointers, so they look up the rest.
 */
#ifndef NEWCOMER_H
#define NEWCOMER_H

#include "bill.h"
#include "source.h"

SL_INLINE const struct sl_policy *account_policy(const struct account *account)
{
	__u32 slot = account->slot;

	return bpf_map_lookup_elem(&policies, &slot);
}

SL_INLINE const struct sl_config *shared_config(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&config, &key);
}

/* Places used in the two lines of region by this packet's limits. */
SL_INLINE __u32 bill_places(const struct bill *bill, __u32 region)
{
	__u32 taken = 0;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		if (bill->meter[kind].cost_ns && bill->terms.tier->limit[kind].region == region)
			taken |= 1u << (bill->meter[kind].place & 31);
	return taken;
}

/*
 * Places for the words that a stranger lacks: after all it has are known, so that no two limits choose the same, and
 * only for a packet that fits them all, since only that writes.
 */
SL_INLINE void bill_settle(struct bill *bill)
{
	const struct sl_limit *limit = bill->terms.tier->limit;

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		struct meter *meter = &bill->meter[kind];

		if (!meter->cost_ns || meter->word)
			continue;
		if (!stranger_settle(bill->hash, &limit[kind], &bill->terms,
				     bill_places(bill, limit[kind].region), meter))
			count_fault(SL_FAULT_EVICTED);
	}
}

/* The refusing word may still be that of a longer burst, of an earlier policy. */
SL_INLINE void bill_clamp(const struct bill *bill, enum sl_kind refused_by,
			  const struct sl_tier *debtor)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct meter *meter = &bill->meter[kind];
		struct claim *claim;

		if (kind != refused_by || meter->owed_ns < bill->terms.tier->limit[kind].burst_ns)
			continue;
		claim = bill_claim(bill, kind);
		if (!claim)
			return;
		claim->burst_ns = debtor->limit[kind].burst_ns;
		stranger_clamp(meter->word, claim);
	}
}

/*
 * A stranger gets an entry when a prefix names it, when it was refused, or when it has spent half
 * of a burst: then it is here to stay.
 */
SL_INLINE bool is_worth_an_entry(const struct account *account, const struct bill *bill,
				 bool refused)
{
	if (refused || account->named)
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

/* What an entry would take along of the limits that were asked. */
SL_INLINE void account_note(struct account *account, const struct bill *bill, bool refused)
{
#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct meter *meter = &bill->meter[kind];

		account->owed_ns[kind] = SL_NEVER;
		if (meter->cost_ns)
			account->owed_ns[kind] = meter->owed_ns + (refused ? 0 : meter->cost_ns);
	}
}

/* Judge and charge a packet of a stranger. CONTINUE: charged. What else came of it is written to account. */
__attribute__((noinline)) int bucket_stranger(const struct packet *pkt, struct account *account)
{
	const struct sl_config *cfg = shared_config();
	const struct sl_policy *policy;
	enum sl_reason reason;
	enum sl_kind refused_by;
	struct bill bill;

	if (!pkt || !account || !cfg)
		return SL_UNREADY;
	policy = account_policy(account);
	if (!policy)
		return SL_UNREADY;

	bill.terms = (struct terms){&policy->tier[account->tier], account->now_ns,
				    READ_ONCE(cfg->longest_burst_ns), &account->untracked};
	bill.hash = stranger_hash(&account->source);
	refused_by = bill_check(&bill, pkt, &account->is_soft);
	if (refused_by == SL_KIND_COUNT) {
		bill_settle(&bill);
		reason = bill_take(&bill);
	} else {
		reason = SL_OVER_PACKETS + refused_by;
		bill_clamp(&bill, refused_by, debtor_tier(policy, account));
	}

	account->is_worth_an_entry = is_worth_an_entry(account, &bill, reason != CONTINUE);
	if (account->is_worth_an_entry)
		account_note(account, &bill, reason != CONTINUE);
	return reason;
}

/* ---- An entry ------------------------------------------------------------------------ */

SL_INLINE bool has_room(const struct account *account, const struct sl_config *cfg)
{
	__u32 key = 0;
	const struct sl_state *shared = bpf_map_lookup_elem(&state, &key);
	__u64 room = account->named ? sl_sources_max : READ_ONCE(cfg->sources_open);

	return shared && READ_ONCE(shared->tracked) < room;
}

/*
 * Regions where a stranger may owe for a kind what its account does not say: that of a limit which was not asked; all
 * of them if the source is split, since the limits of another tier within it may lie in any.
 */
SL_INLINE __u32 regions_unread(const struct account *account, const struct sl_limit *limit,
			       enum sl_kind kind)
{
	if (is_split(account))
		return (1u << SL_REGIONS) - 1;
	return limit->cost && account->owed_ns[kind] == SL_NEVER ? 1u << (limit->region & 31) : 0;
}

/* What a stranger owes for kind, cut to the longest burst under which it can have come to owe it. */
SL_INLINE __u64 whole_debt(const struct account *account, const struct sl_policy *policy,
			   enum sl_kind kind, __u64 longest_burst_ns)
{
	const struct sl_limit *limit = &policy->tier[account->tier].limit[kind];
	__u64 most_ns = debtor_tier(policy, account)->limit[kind].burst_ns;
	__u32 regions = regions_unread(account, limit, kind);
	__u64 owed_ns = account->owed_ns[kind] == SL_NEVER ? 0 : account->owed_ns[kind];
	__u64 other_ns;

	if (!regions)
		return owed_ns;
	other_ns = stranger_debt(stranger_hash(&account->source), kind, regions, account->now_ns,
				 longest_burst_ns);
	if (other_ns > most_ns)
		other_ns = most_ns;
	return other_ns > owed_ns ? other_ns : owed_ns;
}

/* Where a new entry is put together: it is a quarter of a BPF program's stack. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sl_tracked);
} newcomer SEC(".maps");

/*
 * Give a stranger an entry. Its debts come along; the words in the strangers table fall due by themselves. Returns whether
 * it may have one now, which the caller looks up; not, if the budget is spent.
 */
__attribute__((noinline)) int promote(const struct account *account)
{
	__u32 key = 0;
	struct sl_tracked *entry = bpf_map_lookup_elem(&newcomer, &key);
	const struct sl_config *cfg = shared_config();
	const struct sl_policy *policy;
	struct sl_source own; /* 6.1 takes no other function's memory as a map's key */

	if (!account || !cfg || !entry)
		return 0;
	policy = account_policy(account);
	if (!policy)
		return 0;
	if (!may_promote(account->now_ns)) {
		count_fault(SL_FAULT_PROMOTE_BUDGET);
		return 0;
	}

#pragma unroll
	for (enum sl_kind kind = 0; kind < SL_KIND_COUNT; kind++)
		entry->full_at_ns[kind] =
			account->now_ns +
			whole_debt(account, policy, kind, READ_ONCE(cfg->longest_burst_ns));
	entry->rule = account->rule_word;
	entry->first_seen_ns = account->now_ns;
	own = account->source;
	source_promote(cfg, &own, entry);
	return 1;
}

#endif
