/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print agent/message/names_slots.h: a multiplier under which no two field names
 * share a slot, and the slots. After a change of FIELD_NAMES:
 *
 *   cc -Iagent -o /tmp/field-slots tools/field-slots/field-slots.c && /tmp/field-slots > agent/message/names_slots.h
 */
#include <stdio.h>
#include <string.h>

#include "message/names.h"
#include "message/names_hash.h"

#define TRIES 100000000u

static const struct bytes name[FIELD_NAME_COUNT] = {
#define X(id, text, flags) [FIELD_##id] = {text, sizeof(text) - 1},
	FIELD_NAMES(X)
#undef X
};

static const char *const spelled[FIELD_NAME_COUNT] = {
#define X(id, text, flags) [FIELD_##id] = #id,
	FIELD_NAMES(X)
#undef X
};

static int fits(uint64_t multiplier, unsigned char slot[1 << NAME_SLOT_BITS])
{
	memset(slot, 0, 1 << NAME_SLOT_BITS);
	for (unsigned i = 1; i < FIELD_NAME_COUNT; i++) {
		unsigned at = name_slot(name[i], multiplier);

		if (slot[at])
			return 0;
		slot[at] = (unsigned char)i;
	}
	return 1;
}

static void print(uint64_t multiplier, const unsigned char *slot)
{
	printf("/* SPDX-License-Identifier: BSD-2-Clause */\n"
	       "/* Written by tools/field-slots; do not edit. */\n"
	       "#define NAME_MULTIPLIER 0x%016llxull\n\n"
	       "static const uint8_t name_slots[1 << NAME_SLOT_BITS] = {\n",
	       (unsigned long long)multiplier);
	for (unsigned i = 0; i < 1 << NAME_SLOT_BITS; i++)
		if (slot[i])
			printf("\t[%u] = FIELD_%s,\n", i, spelled[slot[i]]);
	printf("};\n");
}

int main(void)
{
	unsigned char slot[1 << NAME_SLOT_BITS];
	uint64_t multiplier = 0x9e3779b97f4a7c15ull;

	for (unsigned i = 0; i < TRIES; i++) {
		if (fits(multiplier | 1, slot)) {
			print(multiplier | 1, slot);
			return 0;
		}
		/* xorshift64: any sequence does that visits many multipliers. */
		multiplier ^= multiplier << 13;
		multiplier ^= multiplier >> 7;
		multiplier ^= multiplier << 17;
	}
	fprintf(stderr, "field-slots: no multiplier found; raise NAME_SLOT_BITS\n");
	return 1;
}
