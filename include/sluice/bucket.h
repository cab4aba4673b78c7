/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Token bucket, held as one instant instead of a count of tokens (GCRA, the
 * virtual scheduling of ITU-T I.371 annex A).
 *
 * full_at_ns is when the bucket would be full again; the past means full. A take
 * moves it cost_ns later and is refused where that would owe more than burst_ns.
 * There is no refill, hence nothing to round, and no state but one word.
 *
 * No maps, no clock, no helpers: the datapath, the agent and the tests compile
 * this same text.
 */
#ifndef SL_BUCKET_H
#define SL_BUCKET_H

#include <stdbool.h>

#include <sluice/abi.h>

#define SL_INLINE static inline __attribute__((always_inline))

/*
 * Time owed at now_ns, at most burst_ns: a debt made under a longer burst must
 * not keep anybody waiting for longer than the present one.
 */
SL_INLINE __u64 sl_bucket_owed(__u64 full_at_ns, __u64 burst_ns, __u64 now_ns)
{
	__u64 owed_ns = full_at_ns > now_ns ? full_at_ns - now_ns : 0;

	return owed_ns < burst_ns ? owed_ns : burst_ns;
}

/* Whether cost_ns more still fits. cost_ns and burst_ns are below 2^62. */
SL_INLINE bool sl_bucket_fits(__u64 owed_ns, __u64 cost_ns, __u64 burst_ns)
{
	return owed_ns + cost_ns <= burst_ns;
}

/*
 * Take cost_ns at now_ns. Returns true and sets *ret_full_at_ns, or false and
 * leaves it alone. A clock that steps back only makes the bucket seem emptier.
 */
SL_INLINE bool sl_bucket_take(__u64 full_at_ns, __u64 cost_ns, __u64 burst_ns, __u64 now_ns,
			      __u64 *ret_full_at_ns)
{
	__u64 owed_ns = sl_bucket_owed(full_at_ns, burst_ns, now_ns);

	if (!sl_bucket_fits(owed_ns, cost_ns, burst_ns))
		return false;

	*ret_full_at_ns = now_ns + owed_ns + cost_ns;
	return true;
}

/*
 * What one packet of len bytes costs under a limit, in nanoseconds: bytes are
 * multiplied in fixed point and rounded up once, against the sender.
 */
SL_INLINE __u64 sl_limit_cost_ns(const struct sl_limit *limit, enum sl_kind kind, __u32 len)
{
	if (kind != SL_BYTES)
		return limit->cost;
	if (len > SL_LEN_MAX)
		len = SL_LEN_MAX;
	return (limit->cost * len + (1ull << SL_BYTE_SHIFT) - 1) >> SL_BYTE_SHIFT;
}

/* Region of the strangers table for debts of which one packet costs cost_ns. */
SL_INLINE __u32 sl_region_of(__u64 cost_ns)
{
	if (cost_ns <= 1000000ull)
		return 0;
	if (cost_ns <= 32000000ull)
		return 1;
	return cost_ns <= 1000000000ull ? 2 : 3;
}

/* ---- Strangers' words: tag:22 | full_at:42 ---------------------------------- */

/*
 * An instant in 42 bits of 64 ns: it wraps after 78 hours, so an instant is only
 * what it says it is within `horizon`, the longest burst ever in force plus
 * SL_CLOCK_SLACK_NS; further ahead is the past. Nothing owed is longer than an hour, and past
 * words are cleared at least that often.
 */
#define SL_UNIT_SHIFT	6
#define SL_INSTANT_BITS 42
#define SL_INSTANT_MASK ((1ull << SL_INSTANT_BITS) - 1)
#define SL_TAG_MASK	((1u << 22) - 1)
#define SL_CLOCK_SLACK_NS \
	1000000000ull /* how much older another CPU's clock reading may be: NMIs, steal */

SL_INLINE __u32 sl_word_tag(__u64 word)
{
	return word >> SL_INSTANT_BITS;
}

/* Nanoseconds ahead of now_ns at which the word's bucket is full; 0 if that is past. */
SL_INLINE __u64 sl_word_owed(__u64 word, __u64 now_ns, __u64 longest_burst_ns)
{
	__u64 ahead = (word - (now_ns >> SL_UNIT_SHIFT)) & SL_INSTANT_MASK;
	__u64 owed_ns = ahead << SL_UNIT_SHIFT;

	return owed_ns <= longest_burst_ns + SL_CLOCK_SLACK_NS ? owed_ns : 0;
}

/* The word for a bucket that owes owed_ns at now_ns, rounded up against the sender. tag is not 0. */
SL_INLINE __u64 sl_word_of(__u32 tag, __u64 now_ns, __u64 owed_ns)
{
	__u64 units = (owed_ns + (1ull << SL_UNIT_SHIFT) - 1) >> SL_UNIT_SHIFT;

	return (__u64)tag << SL_INSTANT_BITS |
	       (((now_ns >> SL_UNIT_SHIFT) + units) & SL_INSTANT_MASK);
}

/* ---- Automatic bans: drops counted from the first one of a window -------------- */

/* start:32 (units of 2^20 ns, wraps after 52 days) | dropped packets at its start:32 (wraps) */
#define SL_WINDOW_SHIFT 20

SL_INLINE __u64 sl_window_word(__u64 now_ns, __u64 dropped)
{
	return (now_ns >> SL_WINDOW_SHIFT) << 32 | (__u32)dropped;
}

/* Whether the window that word began is over after within_ns. */
SL_INLINE bool sl_window_is_over(__u64 word, __u64 now_ns, __u64 within_ns)
{
	__u32 passed = (__u32)(now_ns >> SL_WINDOW_SHIFT) - (__u32)(word >> 32);

	return passed > within_ns >> SL_WINDOW_SHIFT;
}

/* Drops within the window when the source's count stands at dropped. */
SL_INLINE __u32 sl_window_drops(__u64 word, __u64 dropped)
{
	return (__u32)dropped - (__u32)word;
}

/* Length of the ban that is strike number strikes (from 1): first_ns doubled each time, up to max_ns. */
SL_INLINE __u64 sl_ban_ns(__u64 first_ns, __u64 max_ns, __u32 strikes)
{
	__u32 doublings = strikes ? strikes - 1 : 0;

	if (doublings > 40 || first_ns > max_ns >> doublings)
		return max_ns;
	return first_ns << doublings;
}

#endif
