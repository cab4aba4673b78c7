/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where a source lies in the strangers table and in the filter: SipHash-1-3
 * (Aumasson, Bernstein) of its sixteen bytes under a secret of this host.
 *
 * Who could predict the hash could aim forged sources at one line, push a
 * neighbour's debt out, and find his own again by its absence. Multiplicative
 * hashes are three times cheaper and give their key away by such answers.
 *
 * The message always has sixteen bytes, so the closing length block is left out.
 * The datapath, the agent and the tests compile this same text.
 */
#ifndef SL_HASH_H
#define SL_HASH_H

#include <sluice/bucket.h>

SL_INLINE __u64 sl_rotate_left(__u64 word, int bits)
{
	return word << bits | word >> (64 - bits);
}

SL_INLINE void sl_sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = sl_rotate_left(v[1], 13) ^ v[0];
	v[3] = sl_rotate_left(v[3], 16) ^ v[2];
	v[0] = sl_rotate_left(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = sl_rotate_left(v[1], 17) ^ v[2];
	v[3] = sl_rotate_left(v[3], 21) ^ v[0];
	v[2] = sl_rotate_left(v[2], 32);
}

SL_INLINE void sl_sip_absorb(__u64 v[4], __u64 block)
{
	v[3] ^= block;
	sl_sip_round(v);
	v[0] ^= block;
}

SL_INLINE __u64 sl_source_hash(const struct sl_secret *secret, const struct sl_source *source)
{
	const __u64 *block = (const __u64 *)source->byte; /* aligned(8) */
	__u64 v[4] = {
		secret->key[0] ^ 0x736f6d6570736575ull,
		secret->key[1] ^ 0x646f72616e646f6dull,
		secret->key[0] ^ 0x6c7967656e657261ull,
		secret->key[1] ^ 0x7465646279746573ull,
	};

	sl_sip_absorb(v, block[0]);
	sl_sip_absorb(v, block[1]);
	v[2] ^= 0xff;
	sl_sip_round(v);
	sl_sip_round(v);
	sl_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/*
 * The 64 bits of a hash are spent once: two lines of a region (21 bits each, so
 * up to 2^21 lines a region) and the tag. lines is a power of two.
 */
#define SL_LINE_BITS 21

SL_INLINE __u32 sl_line_index(__u64 hash, int choice, __u32 region, __u32 lines)
{
	__u32 line = (__u32)(hash >> (choice * SL_LINE_BITS)) & (lines - 1);

	return region * lines + line;
}

/* What a stranger's word for one kind of limit is known by; never 0, which is an empty word. */
SL_INLINE __u32 sl_tag_of(__u64 hash, enum sl_kind kind)
{
	__u32 tag = ((__u32)(hash >> SL_INSTANT_BITS) + kind * 0x155555u) & SL_TAG_MASK;

	return tag ? tag : 1;
}

/* What the filter says of a source: each is a bit of its own. */
enum sl_filtered {
	SL_FILTER_TRACKED, /* perhaps in "sources" */
	SL_FILTER_BANNED,  /* perhaps in "bans" */
};

/*
 * Index of a source's bit in half a filter of bits bits (a power of two). A multiplication is enough here:
 * who could aim at bits already set would only make us look a stranger up in vain, and tracked sources, which
 * have no other use for a hash, save three quarters of SipHash's price.
 */
SL_INLINE __u32 sl_filter_bit(const struct sl_secret *secret, const struct sl_source *source,
			      enum sl_filtered what, __u32 bits)
{
	const __u64 *block = (const __u64 *)source->byte; /* aligned(8) */
	__u64 mixed = (block[0] ^ secret->key[0]) * 0x9e3779b97f4a7c15ull ^ block[1];
	__u64 factor = what == SL_FILTER_BANNED ? 0xa24baed4963ee407ull : 0xd6e8feb86659fd93ull;

	mixed = (mixed ^ secret->key[1]) * factor;
	return (mixed >> 32) * bits >> 32; /* the upper bits are the mixed ones */
}

#endif
