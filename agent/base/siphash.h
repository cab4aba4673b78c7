/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SipHash-1-3 (Aumasson and Bernstein; one round a block, three at the end) of any
 * bytes. For tables that strangers fill: who does not know the secret cannot choose
 * where his entries land. Pure.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stdint.h>

#include "base/bytes.h"

/* From getrandom(); one for the life of the table. */
struct siphash_secret {
	uint64_t word[2];
};

/* The hash of text, which may be empty, under secret. */
uint64_t siphash(const struct siphash_secret *secret, struct bytes text);

/* Its variant of 128 bits, for tables that know their entries by the hash alone: the low word, then the high one. */
void siphash_128(const struct siphash_secret *secret, struct bytes text, uint64_t ret_words[2]);

#endif
