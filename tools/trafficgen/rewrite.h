/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a copy of the template needs to be a frame of its own: the next source and the checksums that
 * follow from it. Compiled by the generator's BPF program and by its user side.
 *
 * Every field that changes is written afresh, never adjusted: test runs with live frames hand the same
 * pages out again without restoring them.
 */
#ifndef TRAFFICGEN_REWRITE_H
#define TRAFFICGEN_REWRITE_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>

#define TG_NO_CHECKSUM 0 /* offset 0 is never that of a checksum */

struct tg_settings {
	__u32 ifindex; /* where the frames leave */
	__u32 family;  /* 4 or 6 */
	__u32 base;    /* first source: IPv4 address, or bits 32 to 63 of an IPv6 one; host order */
	__u32 mask;    /* bits of base that change */
	__u32 sources; /* how many, one after the other; 0: as many as mask has, in a scattered order */
	__u32 ip_sum; /* IPv4: one's complement sum of the header without source and checksum */
	__u32 transport_sum; /* the same for TCP or UDP, the pseudo header's other fields included */
	__u32 checksum_offset; /* of TCP's or UDP's, from the frame's start; TG_NO_CHECKSUM: none */
};

/* Odd, so that multiplying is a permutation of any power of two: 2^32 divided by the golden ratio. */
#define TG_SCATTER 2654435769u

#define TG_INLINE  static inline __attribute__((always_inline))

TG_INLINE __u32 tg_big_endian(__u32 word)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(word) : word;
}

/* Never 0, which to UDP means "none"; all ones is the same number. */
TG_INLINE __u16 tg_checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? 0xffff : (__u16)~sum;
}

TG_INLINE __u32 tg_sum_of(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

/* The changing word of the source of frame number at, in network order. */
TG_INLINE __u32 tg_source(const volatile struct tg_settings *settings, __u32 at)
{
	if (settings->sources)
		return tg_big_endian(settings->base + at % settings->sources);
	return tg_big_endian((settings->base & ~settings->mask) |
			     ((at * TG_SCATTER) & settings->mask));
}

/* Make the frame at start number at. Returns 0, or -1 where it ends before what is to be written. */
TG_INLINE int tg_rewrite(const volatile struct tg_settings *settings, void *start, void *end,
			 __u32 at)
{
	__u32 word_be = tg_source(settings, at);
	struct iphdr *ip = start + ETH_HLEN;
	struct ipv6hdr *ip6 = start + ETH_HLEN;
	__u16 *checksum = start + settings->checksum_offset;

	if (settings->family == 4) {
		if ((void *)(ip + 1) > end)
			return -1;
		ip->saddr = word_be;
		ip->check = tg_checksum(settings->ip_sum + tg_sum_of(word_be));
	} else {
		if ((void *)(ip6 + 1) > end)
			return -1;
		/* The second word, so that each is a source by itself where a /64 is one. */
		ip6->saddr.in6_u.u6_addr32[1] = word_be;
	}

	if (settings->checksum_offset == TG_NO_CHECKSUM)
		return 0;
	if ((void *)(checksum + 1) > end)
		return -1;
	*checksum = tg_checksum(settings->transport_sum + tg_sum_of(word_be));
	return 0;
}

#endif
