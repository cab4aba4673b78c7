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

/* Which place of the two lines holds tag, or NO_PLACE. */
__attribute__((noinline)) int stranger_place(const struct sl_line *line,
					     const struct sl_line *other, __u32 tag)
{
	if (!line || !other)
		return NO_PLACE;

#pragma unroll
	for (int i = 0; i < SL_LINE_WORDS; i++)
		if (sl_word_tag(READ_ONCE(line->word[i])) == tag)
			return i;
#pragma unroll
	for (int i = 0; i < SL_LINE_WORDS; i++)
		if (sl_word_tag(READ_ONCE(other->word[i])) == tag)
			return SL_LINE_WORDS + i;
	return NO_PLACE;
}

/*
 * Which place a newcomer takes: the first word that owes nothing, else the one that owes least; none
 * whose bit is set in taken.
 */
__attribute__((noinline)) int stranger_vacancy(const struct sl_line *line,
					       const struct sl_line *other, __u64 now_ns,
					       __u64 longest_burst_ns, __u32 taken)
{
	__u64 least_ns = SL_NEVER;
	int place = 0;

	if (!line || !other)
		return 0;

	for (int i = 0; i < PLACES; i++) {
		const struct sl_line *at = i < SL_LINE_WORDS ? line : other;
		__u64 word = READ_ONCE(at->word[i & (SL_LINE_WORDS - 1)]);
		__u64 owed_ns = 0;

		if (taken >> i & 1)
			continue;
		if (sl_word_tag(word))
			owed_ns = sl_word_owed(word, now_ns, longest_burst_ns);
		if (!owed_ns)
			return i;
		if (owed_ns < least_ns) {
			least_ns = owed_ns;
			place = i;
		}
	}
	return place;
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

SL_INLINE void meter_place(struct meter *meter, struct line_pair pair, __u32 place)
{
	struct sl_line *line = place < SL_LINE_WORDS ? pair.line : pair.other;

	meter->place = place;
	meter->word = &line->word[place & (SL_LINE_WORDS - 1)];
	meter->seen = READ_ONCE(*meter->word);
}

/* Set meter to the word of this stranger and kind, if it has one; else meter->word is NULL. */
SL_INLINE void stranger_find(__u64 hash, enum sl_kind kind, const struct sl_limit *limit,
			     const struct terms *terms, struct meter *meter)
{
	struct line_pair pair = stranger_lines(hash, limit->region);
	__u32 place;

	meter->word = NULL;
	meter->owed_ns = 0;
	meter->place = NO_PLACE;
	meter->tag = sl_tag_of(hash, kind);
	if (!pair.line || !pair.other)
		return;

	place = stranger_place(pair.line, pair.other, meter->tag);
	if (place >= NO_PLACE)
		return;
	meter_place(meter, pair, place);
	if (sl_word_tag(meter->seen) != meter->tag) {
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
	struct line_pair pair = stranger_lines(hash, limit->region);

	if (!pair.line || !pair.other)
		return true;

	meter_place(meter, pair,
		    stranger_vacancy(pair.line, pair.other, terms->now_ns, terms->longest_burst_ns,
				     taken));
	return !sl_word_tag(meter->seen) ||
	       !sl_word_owed(meter->seen, terms->now_ns, terms->longest_burst_ns);
}

#endif
