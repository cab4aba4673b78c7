/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The strangers table: where the debt of a source without an entry of its own is kept.
 *
 * Two candidate lines per source, eight words a line. A word whose instant is past is a
 * full bucket, which is what an unknown source has anyway: such words are reused first,
 * and losing them loses nothing.
 */
#ifndef STRANGER_H
#define STRANGER_H

#include "meter.h"
#include <sluice/hash.h>

/* Lines of one region, a power of two; set before loading to the size of the map. */
const volatile __u32 sl_region_lines = 65536;

SL_INLINE __u64 stranger_hash(const struct sl_source *source)
{
	__u32 key = 0;
	const struct sl_secret *keys = bpf_map_lookup_elem(&secret, &key);

	return keys ? sl_source_hash(keys, source) : 0;
}

#define PLACES	 (2 * SL_LINE_WORDS) /* a stranger's word is in one of so many places */
#define NO_PLACE PLACES

/*
 * The loops below end in one of sixteen ways, each of which the verifier would follow through the rest of the program. What
 * comes back from memory that it does not track is one way again. Functions of their own would do, too, but a call costs
 * 7 ns where returns are guarded against speculation.
 */
SL_INLINE __u32 place_blurred(__u32 place, __u32 *untracked)
{
	*(volatile __u32 *)untracked = place;
	return READ_ONCE(*untracked);
}

struct line_pair {
	struct sl_line *line;
	struct sl_line *other;
};

SL_INLINE struct line_pair stranger_lines(__u64 hash, __u32 region)
{
	__u32 first = sl_line_index(hash, 0, region, sl_region_lines);
	__u32 second = sl_line_index(hash, 1, region, sl_region_lines);

	return (struct line_pair){
		bpf_map_lookup_elem(&strangers, &first),
		bpf_map_lookup_elem(&strangers, &second),
	};
}

/* Which place of the two lines holds tag; NO_PLACE or more: none. */
SL_INLINE __u32 stranger_place(__u64 hash, __u32 region, __u32 tag)
{
	struct line_pair pair = stranger_lines(hash, region);

	if (!pair.line || !pair.other)
		return NO_PLACE;

#pragma unroll
	for (int i = 0; i < SL_LINE_WORDS; i++)
		if (sl_word_tag(READ_ONCE(pair.line->word[i])) == tag)
			return i;
#pragma unroll
	for (int i = 0; i < SL_LINE_WORDS; i++)
		if (sl_word_tag(READ_ONCE(pair.other->word[i])) == tag)
			return SL_LINE_WORDS + i;
	return NO_PLACE;
}

/*
 * Which place a newcomer takes: the first word that owes nothing, else the one that owes least; none
 * whose bit is set in taken. Without a branch for the least, which nobody could predict.
 */
SL_INLINE __u32 stranger_vacancy(__u64 hash, __u32 region, const struct terms *terms, __u32 taken)
{
	struct line_pair pair = stranger_lines(hash, region);
	__u64 horizon = (terms->longest_burst_ns + SL_CLOCK_SLACK_NS) >> SL_UNIT_SHIFT;
	__u64 now = terms->now_ns >> SL_UNIT_SHIFT;
	__u64 least = 1ull << 62; /* of all words so far: units owed, then place */

	if (!pair.line || !pair.other)
		return 0;

#pragma unroll
	for (int i = 0; i < PLACES; i++) {
		const struct sl_line *at = i < SL_LINE_WORDS ? pair.line : pair.other;
		__u64 word = READ_ONCE(at->word[i & (SL_LINE_WORDS - 1)]);
		__u64 owed = (word - now) & SL_INSTANT_MASK;
		__s64 less;

		if (taken >> i & 1)
			continue;
		if (!sl_word_tag(word) || !owed || owed > horizon)
			return i;
		less = (__s64)((owed << 4 | i) - least);
		least += less & less >> 63;
	}
	return least & (PLACES - 1);
}

/* The word of a place, and what it holds; NULL if there is none. */
SL_INLINE void meter_place(struct meter *meter, __u64 hash, __u32 region, __u32 place)
{
	__u32 index = sl_line_index(hash, place / SL_LINE_WORDS & 1, region, sl_region_lines);
	struct sl_line *line = bpf_map_lookup_elem(&strangers, &index);

	meter->place = place;
	meter->word = NULL;
	if (!line)
		return;
	meter->word = &line->word[place & (SL_LINE_WORDS - 1)];
	meter->seen = READ_ONCE(*meter->word);
}

/* Set meter to the word of this stranger and kind, if it has one; else meter->word is NULL. */
SL_INLINE void stranger_find(__u64 hash, enum sl_kind kind, const struct sl_limit *limit,
			     const struct terms *terms, struct meter *meter)
{
	__u32 region = limit->region;
	__u32 place;

	meter->word = NULL;
	meter->owed_ns = 0;
	meter->place = NO_PLACE;
	meter->tag = sl_tag_of(hash, kind);

	place = place_blurred(stranger_place(hash, region, meter->tag), terms->untracked);
	if (place >= NO_PLACE)
		return;
	meter_place(meter, hash, region, place);
	if (!meter->word || sl_word_tag(meter->seen) != meter->tag) {
		meter->word = NULL; /* another took it since it was found: a place is chosen anew */
		return;
	}
	meter->owed_ns = word_owed(meter->seen, meter->tag, limit->burst_ns, terms);
}

/*
 * Set meter to the word a newcomer would take; taken has the bits of the places that this packet's other
 * limits use. Writes nothing. Returns false if somebody still in debt would be forgotten for it.
 */
SL_INLINE bool stranger_settle(__u64 hash, const struct sl_limit *limit, const struct terms *terms,
			       __u32 taken, struct meter *meter)
{
	__u32 place = stranger_vacancy(hash, limit->region, terms, taken);

	meter_place(meter, hash, limit->region, place_blurred(place, terms->untracked));
	return !meter->word || !sl_word_tag(meter->seen) ||
	       !sl_word_owed(meter->seen, terms->now_ns, terms->longest_burst_ns);
}

/* The most this stranger owes for kind in any of the regions whose bit is set, in nanoseconds. Not on the hot path. */
__attribute__((noinline)) __u64 stranger_debt(__u64 hash, __u32 kind, __u32 regions, __u64 now_ns,
					      __u64 longest_burst_ns)
{
	__u32 tag = sl_tag_of(hash, kind);
	__u64 most_ns = 0;

	for (__u32 region = 0; region < SL_REGIONS; region++) {
		struct meter meter;
		__u32 place;
		__u64 owed_ns;

		if (!(regions >> region & 1))
			continue;
		place = stranger_place(hash, region, tag);
		if (place >= NO_PLACE)
			continue;
		meter_place(&meter, hash, region, place);
		if (!meter.word)
			continue;
		owed_ns = sl_word_owed(meter.seen, now_ns, longest_burst_ns);
		if (sl_word_tag(meter.seen) == tag && owed_ns > most_ns)
			most_ns = owed_ns;
	}
	return most_ns;
}

#endif
