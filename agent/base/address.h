/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4 and IPv6 addresses and prefixes as text, as bytes and as the datapath's
 * sources. Pure: no resolver, no interfaces.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/abi.h>

#include "base/bytes.h"

enum address_family { ADDRESS_IPV4 = 4, ADDRESS_IPV6 = 6 };

/* An address is a prefix of full length. Bytes beyond bits are zero; IPv4 uses byte[0..4). */
struct prefix {
	uint8_t family; /* enum address_family */
	uint8_t bits;	/* 0 to 32 or 128 */
	uint8_t byte[16];
};

/* Longest text of a prefix, terminator included: an IPv6 address, '/', three digits. */
#define PREFIX_TEXT_MAX 64

enum prefix_result {
	PREFIX_OK,
	PREFIX_BAD_ADDRESS, /* neither IPv4 nor IPv6 */
	PREFIX_BAD_LENGTH,  /* what follows '/' is no number, or too long for the family */
	PREFIX_HOST_BITS,   /* bits beyond the length are set; *ret_prefix has them cleared */
};

/*
 * Parse "ADDR" or "ADDR/LEN". Without a length bits is that of a whole address and
 * *ret_whole is true. ret_whole may be NULL. *ret_prefix is set for OK and HOST_BITS.
 */
enum prefix_result prefix_parse(struct bytes text, struct prefix *ret_prefix, bool *ret_whole);

/* Text of prefix into out; "/LEN" is left out where it names one whole address. Returns out. */
const char *prefix_format(const struct prefix *prefix, char out[static PREFIX_TEXT_MAX]);

/* Order by family, then address, then length: covering prefixes come first. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

/* Whether outer covers inner, itself included. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

/* The same address cut to bits; bits above the prefix's own change nothing. */
struct prefix prefix_cut(const struct prefix *prefix, uint8_t bits);

/* How many bits of an address make a source. Policy: source_prefix. */
struct source_bits {
	uint8_t ipv4;
	uint8_t ipv6;
};

/*
 * The source an address belongs to, as the datapath keys it. IPv6 multicast is nobody's source and would
 * read as another family's key: it yields a key that no packet has.
 */
struct sl_source source_of(const struct prefix *address, struct source_bits bits);

/*
 * The prefix a source stands for, for people: its length is that of bits.
 * Returns false for a source that is no address (SL_FAMILY_LINK); *ret_prefix is then left alone.
 */
bool source_prefix(const struct sl_source *source, struct source_bits bits,
		   struct prefix *ret_prefix);

/* Text of a source: prefix_format() of source_prefix(), "link:IFINDEX" or "multicast". Returns out. */
const char *source_format(const struct sl_source *source, struct source_bits bits,
			  char out[static PREFIX_TEXT_MAX]);

#endif
