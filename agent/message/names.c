/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/names.h"

#include "message/names_hash.h"
#include "message/names_slots.h"

#define NAME_LEN_MAX 32 /* of those in the table; rounded up to whole words */

struct known {
	char text[NAME_LEN_MAX]; /* padded with zeros */
	uint8_t len;
	uint8_t flags;
};

static const struct known known[FIELD_NAME_COUNT] = {
#define X(name, text, flags) [FIELD_##name] = {text, sizeof(text) - 1, flags},
	FIELD_NAMES(X)
#undef X
};

#define X(name, text, flags) \
	_Static_assert(sizeof(text) <= NAME_LEN_MAX && sizeof(text) > 2, "fits, and has a slot");
FIELD_NAMES(X)
#undef X

/*
 * Whether a token equals a known name. Setting bit 5 makes capitals small; the other bytes
 * it changes (0x00 to 0x1f and a few above 'Z') are no token bytes or in no known name.
 */
static inline bool folds_to(const char *token, const char *text, size_t len)
{
	uint32_t differs = 0;
	size_t i = 0;

	for (; i + 4 <= len; i += 4) {
		uint32_t word;

		memcpy(&word, text + i, sizeof(word));
		differs |= name_load4(token + i) ^ le32toh(word);
	}
	for (; i < len; i++)
		differs |= (uint32_t)((unsigned char)token[i] | 0x20u) ^ (unsigned char)text[i];
	return !differs;
}

enum field_name field_name_find(struct bytes name)
{
	unsigned found;

	if (name.len < 2 || name.len >= NAME_LEN_MAX)
		return FIELD_OTHER;

	found = name_slots[name_slot(name, NAME_MULTIPLIER)];
	if (known[found].len != name.len || !folds_to(name.at, known[found].text, name.len))
		return FIELD_OTHER;
	return (enum field_name)found;
}

struct bytes field_name_text(enum field_name name)
{
	return (struct bytes){known[name].text, known[name].len};
}

static bool begins_with(struct bytes text, struct bytes beginning)
{
	return text.len >= beginning.len &&
	       bytes_equal_nocase((struct bytes){text.at, beginning.len}, beginning);
}

unsigned field_flags(enum field_name name, struct bytes text)
{
	if (name != FIELD_OTHER)
		return known[name].flags;
	if (begins_with(text, BYTES("x-forwarded-")))
		return FIELD_FGT;
	if (begins_with(text, BYTES("content-")))
		return FIELD_G;
	return 0;
}
