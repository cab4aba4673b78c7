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

/* Which place a newcomer takes: the first word that owes nothing, else the one that owes least. */
__attribute__((noinline)) int stranger_vacancy(const struct sl_line *line,
					       const struct sl_line *other, __u64 now_ns,
					       __u64 longest_burst_ns)
{
	__u64 least_ns = SL_NEVER;
	int place = 0;

	if (!line || !other)
		return 0;

	for (int i = 0; i < PLACES; i++) {
		const struct sl_line *at = i < SL_LINE_WORDS ? line : other;
		__u64 word = READ_ONCE(at->word[i & (SL_LINE_WORDS - 1)]);
		__u64 owed_ns = 0;

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

/*
 * Set meter to the word of this stranger and kind, or to the one a newcomer would take; writes
 * nothing. Returns false if somebody still in debt would be forgotten for it.
 */
SL_INLINE bool stranger_find(__u64 hash, enum sl_kind kind, const struct sl_limit *limit,
			     const struct terms *terms, struct meter *meter)
{
	__u32 first = sl_line_index(hash, 0, limit->region, sl_region_lines);
	__u32 second = sl_line_index(hash, 1, limit->region, sl_region_lines);
	struct sl_line *line = bpf_map_lookup_elem(&strangers, &first);
	struct sl_line *other = bpf_map_lookup_elem(&strangers, &second);
	__u32 place;
	bool is_known;

	meter->word = NULL;
	meter->tag = sl_tag_of(hash, kind);
	if (!line || !other)
		return true;

	place = stranger_place(line, other, meter->tag);
	is_known = place < NO_PLACE;
	if (!is_known)
		place = stranger_vacancy(line, other, terms->now_ns, terms->longest_burst_ns);

	if (place >= SL_LINE_WORDS)
		line = other;
	meter->word = &line->word[place & (SL_LINE_WORDS - 1)];
	meter->seen = READ_ONCE(*meter->word);
	if (!is_known) {
		meter->owed_ns = 0;
		return !sl_word_tag(meter->seen) ||
		       !sl_word_owed(meter->seen, terms->now_ns, terms->longest_burst_ns);
	}
	/* Taken by another since it was found: that race ends in refusal when it is taken. */
	meter->owed_ns = word_owed(meter->seen, meter->tag, limit->burst_ns, terms);
	return true;
}

#endif
