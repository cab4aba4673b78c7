/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash that names.c looks names up with, and tools/field-slots searches a multiplier for. */
#ifndef MESSAGE_NAMES_HASH_H
#define MESSAGE_NAMES_HASH_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

#define NAME_SLOT_BITS 9

/* Case of ASCII letters; among the other token bytes it makes no two alike that a name may begin with. */
#define NAME_FOLD 0x20202020u

static inline uint32_t name_load4(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return le32toh(word) | NAME_FOLD;
}

/* name.len >= 2. Reads its first and last four bytes (two, below four bytes). */
static inline unsigned name_slot(struct bytes name, uint64_t multiplier)
{
	uint64_t key;
	uint16_t ends[2];

	if (name.len >= 4) {
		key = name_load4(name.at) | (uint64_t)name_load4(name.at + name.len - 4) << 32;
	} else {
		memcpy(&ends[0], name.at, 2);
		memcpy(&ends[1], name.at + name.len - 2, 2);
		key = (le16toh(ends[0]) | (uint64_t)le16toh(ends[1]) << 32) | NAME_FOLD |
		      (uint64_t)NAME_FOLD << 32;
	}
	return (unsigned)(((key ^ name.len) * multiplier) >> (64 - NAME_SLOT_BITS));
}

#endif
