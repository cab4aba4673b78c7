/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One bucket while a packet is judged: where its word stands, what it owed when it
 * was read, what this packet costs. The same steps serve a tracked source, whose
 * word is an instant, and a stranger, whose word is tag and instant (bucket.h);
 * which of the two is a constant where a meter is used.
 *
 * A source's flows spread over CPUs, so a word is contended: swap, never store.
 */
#ifndef METER_H
#define METER_H

#include "maps.h"
#include <sluice/bucket.h>

#define TAKE_TRIES \
	8 /* lost races before the packet is refused: only a source on many CPUs loses so often */
#define GIVE_BACK_TRIES 4 /* then the cost stays charged: against the sender, never for him */

#define READ_ONCE(x)	(*(volatile __typeof__(x) *)&(x))

struct meter {
	__u64 *word;
	__u64 seen;
	__u64 owed_ns;
	__u64 cost_ns; /* 0: this packet is not charged here */
	__u32 tag;     /* of a stranger's word; 0: the word of a tracked source */
	__u32 place;   /* of a stranger's word in its two lines (stranger.h) */
};

/* What a verdict is worked out from, besides the packet. */
struct terms {
	const struct sl_tier *tier;
	__u64 now_ns;
	__u64 longest_burst_ns;
	__u32 *untracked; /* strangers: room for a number (stranger.h) */
};

SL_INLINE __u64 word_made(__u32 tag, __u64 now_ns, __u64 owed_ns)
{
	return tag ? sl_word_of(tag, now_ns, owed_ns) : now_ns + owed_ns;
}

/* What a word owes to those who know it by tag. */
SL_INLINE __u64 word_owed(__u64 word, __u32 tag, __u64 burst_ns, const struct terms *terms)
{
	__u64 owed_ns;

	if (!tag)
		return sl_bucket_owed(word, burst_ns, terms->now_ns);

	owed_ns = sl_word_owed(word, terms->now_ns, terms->longest_burst_ns);
	return owed_ns < burst_ns ? owed_ns : burst_ns;
}

/*
 * Up to where takes are let in: a stranger's debt is rounded up each time, so its last one gets slack. Below its
 * cost, whatever that is: what is owed is cut to the burst, so a packet that fits behind it would fit for ever.
 */
SL_INLINE __u64 limit_room(const struct sl_limit *limit, __u64 cost_ns, __u32 tag)
{
	__u64 slack_ns = limit->slack_ns;

	if (!tag)
		return limit->burst_ns;
	return limit->burst_ns + (slack_ns < cost_ns ? slack_ns : cost_ns - 1);
}

enum take_result { TAKEN, TAKE_OVER, TAKE_CONTENDED };

/* A charge in dispute with another CPU: all that the two functions below need to know. */
struct claim {
	__u64 now_ns;
	__u64 longest_burst_ns;
	__u64 cost_ns;
	__u64 burst_ns;
	__u64 room_ns; /* burst_ns and what rounding may add */
	__u32 tag;
	__u32 zero;
};

SL_INLINE __u64 claim_owed(const struct claim *claim, __u64 seen)
{
	const struct terms terms = {.now_ns = claim->now_ns,
				    .longest_burst_ns = claim->longest_burst_ns};

	return word_owed(seen, claim->tag, claim->burst_ns, &terms);
}

/*
 * Charge after a lost race: judged anew on what the winner left. A stranger's word that went to
 * somebody else meanwhile is lost for good, not a new bucket.
 *
 * Global functions, here and in stranger.h, are verified once and by themselves. Inlined, every
 * outcome of every race multiplies those of the next limit ("BPF program is too large", 6.18).
 */
__attribute__((noinline)) int word_retake(__u64 *word, const struct claim *claim)
{
	if (!word || !claim)
		return TAKE_CONTENDED;

	for (int i = 0; i < TAKE_TRIES; i++) {
		__u64 seen = READ_ONCE(*word);
		__u64 owed_ns = claim_owed(claim, seen);
		__u64 next;

		if (claim->tag && sl_word_tag(seen) != claim->tag)
			return TAKE_CONTENDED;
		if (!sl_bucket_fits(owed_ns, claim->cost_ns, claim->room_ns))
			return TAKE_OVER;
		next = word_made(claim->tag, claim->now_ns, owed_ns + claim->cost_ns);
		if (__sync_val_compare_and_swap(word, seen, next) == seen)
			return TAKEN;
	}
	return TAKE_CONTENDED;
}

/* Undo a take because a later limit refused. */
__attribute__((noinline)) int word_refund(__u64 *word, const struct claim *claim)
{
	if (!word || !claim)
		return 0;

	for (int i = 0; i < GIVE_BACK_TRIES; i++) {
		__u64 seen = READ_ONCE(*word);
		__u64 owed_ns = claim_owed(claim, seen);
		__u64 next;

		if (claim->tag && sl_word_tag(seen) != claim->tag)
			return 0;
		if (owed_ns < claim->cost_ns)
			return 0;
		next = word_made(claim->tag, claim->now_ns, owed_ns - claim->cost_ns);
		if (__sync_val_compare_and_swap(word, seen, next) == seen)
			return 0;
	}
	return 0;
}

/* Off the stack: disputes are rare, and a BPF program has 512 bytes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct claim);
} claims SEC(".maps");

/* The one claim of this CPU, filled; tag is 0 for a tracked source. */
SL_INLINE struct claim *claim_of(const struct sl_limit *limit, __u64 cost_ns, __u32 tag,
				 const struct terms *terms)
{
	__u32 key = 0;
	struct claim *claim = bpf_map_lookup_elem(&claims, &key);

	if (!claim)
		return NULL;
	claim->now_ns = terms->now_ns;
	claim->longest_burst_ns = terms->longest_burst_ns;
	claim->cost_ns = cost_ns;
	claim->burst_ns = limit->burst_ns;
	claim->room_ns = limit_room(limit, cost_ns, tag);
	claim->tag = tag;
	return claim;
}

/*
 * Debts made under a longer burst than the present one are cut to it. Not by every packet: a clock that lags
 * would take such a debt for one from the future and grant the difference.
 */
SL_INLINE void word_clamp(__u64 *full_at_ns, __u64 latest_ns)
{
	__u64 seen = READ_ONCE(*full_at_ns);

	if (seen > latest_ns)
		__sync_val_compare_and_swap(full_at_ns, seen, latest_ns);
}

/*
 * The same for a refused stranger, whose word does not say under which policy it was made: only what is
 * beyond the burst by more than clocks can differ.
 */
__attribute__((noinline)) int stranger_clamp(__u64 *word, const struct claim *claim)
{
	__u64 seen, owed_ns;

	if (!word || !claim)
		return 0;

	seen = READ_ONCE(*word);
	owed_ns = sl_word_owed(seen, claim->now_ns, claim->longest_burst_ns);
	if (sl_word_tag(seen) != claim->tag || owed_ns <= claim->burst_ns + SL_CLOCK_SLACK_NS)
		return 0;
	__sync_val_compare_and_swap(word, seen,
				    sl_word_of(claim->tag, claim->now_ns, claim->burst_ns));
	return 0;
}

#endif
