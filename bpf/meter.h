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

SL_INLINE bool meter_fits(const struct meter *meter, const struct sl_limit *limit)
{
	return sl_bucket_fits(meter->owed_ns, meter->cost_ns, limit->burst_ns);
}

enum take_result { TAKEN, TAKE_OVER, TAKE_CONTENDED };

/* A charge in dispute with another CPU: all that the two functions below need to know. */
struct claim {
	struct terms terms;
	__u64 cost_ns;
	__u64 burst_ns;
	__u32 tag;
	__u32 zero;
};

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
		__u64 owed_ns = word_owed(seen, claim->tag, claim->burst_ns, &claim->terms);
		__u64 next;

		if (claim->tag && sl_word_tag(seen) != claim->tag)
			return TAKE_CONTENDED;
		if (!sl_bucket_fits(owed_ns, claim->cost_ns, claim->burst_ns))
			return TAKE_OVER;
		next = word_made(claim->tag, claim->terms.now_ns, owed_ns + claim->cost_ns);
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
		__u64 owed_ns = word_owed(seen, claim->tag, claim->burst_ns, &claim->terms);
		__u64 next;

		if (claim->tag && sl_word_tag(seen) != claim->tag)
			return 0;
		if (owed_ns < claim->cost_ns)
			return 0;
		next = word_made(claim->tag, claim->terms.now_ns, owed_ns - claim->cost_ns);
		if (__sync_val_compare_and_swap(word, seen, next) == seen)
			return 0;
	}
	return 0;
}

/*
 * A debt made under a longer burst than the present one is cut to it, or nobody but the clock would ever
 * shorten it: who is refused writes nothing else.
 */
__attribute__((noinline)) int word_clamp(__u64 *word, const struct claim *claim)
{
	__u64 seen, next;

	if (!word || !claim)
		return 0;

	seen = READ_ONCE(*word);
	if (claim->tag && sl_word_tag(seen) != claim->tag)
		return 0;
	next = word_made(claim->tag, claim->terms.now_ns, claim->burst_ns);
	if (word_owed(seen, claim->tag, claim->burst_ns, &claim->terms) == claim->burst_ns)
		__sync_val_compare_and_swap(word, seen, next); /* lost: the winner has clamped it */
	return 0;
}

SL_INLINE struct claim meter_claim(const struct meter *meter, const struct sl_limit *limit,
				   const struct terms *terms)
{
	return (struct claim){
		.terms = *terms,
		.cost_ns = meter->cost_ns,
		.burst_ns = limit->burst_ns,
		.tag = meter->tag,
	};
}

/* Charge the packet, which fits what was seen. */
SL_INLINE enum take_result meter_take(const struct meter *meter, const struct sl_limit *limit,
				      const struct terms *terms)
{
	__u64 next = word_made(meter->tag, terms->now_ns, meter->owed_ns + meter->cost_ns);
	struct claim claim;

	if (!meter->word)
		return TAKE_CONTENDED;
	if (__sync_val_compare_and_swap(meter->word, meter->seen, next) == meter->seen)
		return TAKEN;

	claim = meter_claim(meter, limit, terms);
	return word_retake(meter->word, &claim);
}

/* After a refusal. A bucket that owes its whole burst may owe more than that. */
SL_INLINE void meter_clamp(const struct meter *meter, const struct sl_limit *limit,
			   const struct terms *terms)
{
	struct claim claim;

	if (meter->owed_ns < limit->burst_ns)
		return;
	claim = meter_claim(meter, limit, terms);
	word_clamp(meter->word, &claim);
}

SL_INLINE void meter_give_back(const struct meter *meter, const struct sl_limit *limit,
			       const struct terms *terms)
{
	struct claim claim = meter_claim(meter, limit, terms);

	word_refund(meter->word, &claim);
}

#endif
