/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/siphash.h"

#include <endian.h>

struct state {
	uint64_t v[4];
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void mix(struct state *s)
{
	s->v[0] += s->v[1];
	s->v[2] += s->v[3];
	s->v[1] = rotate(s->v[1], 13) ^ s->v[0];
	s->v[3] = rotate(s->v[3], 16) ^ s->v[2];
	s->v[0] = rotate(s->v[0], 32);
	s->v[2] += s->v[1];
	s->v[0] += s->v[3];
	s->v[1] = rotate(s->v[1], 17) ^ s->v[2];
	s->v[3] = rotate(s->v[3], 21) ^ s->v[0];
	s->v[2] = rotate(s->v[2], 32);
}

static inline void take_word(struct state *s, uint64_t word)
{
	s->v[3] ^= word;
	mix(s);
	s->v[0] ^= word;
}

static inline struct state begin(const struct siphash_secret *secret)
{
	return (struct state){{
		secret->word[0] ^ 0x736f6d6570736575ull,
		secret->word[1] ^ 0x646f72616e646f6dull,
		secret->word[0] ^ 0x6c7967656e657261ull,
		secret->word[1] ^ 0x7465646279746573ull,
	}};
}

static inline void take_text(struct state *s, struct bytes text)
{
	uint64_t last = 0;
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		uint64_t word;

		memcpy(&word, text.at + i, sizeof(word));
		take_word(s, le64toh(word));
	}
	if (i < text.len)
		memcpy(&last, text.at + i, text.len - i);
	/* The last word ends in the length's low byte. */
	take_word(s, le64toh(last) | (uint64_t)text.len << 56);
}

static inline uint64_t finish(struct state *s)
{
	for (int round = 0; round < 3; round++)
		mix(s);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t siphash(const struct siphash_secret *secret, struct bytes text)
{
	struct state s = begin(secret);

	take_text(&s, text);
	s.v[2] ^= 0xff;
	return finish(&s);
}

void siphash_128(const struct siphash_secret *secret, struct bytes text, uint64_t ret_words[2])
{
	struct state s = begin(secret);

	s.v[1] ^= 0xee;
	take_text(&s, text);
	s.v[2] ^= 0xee;
	ret_words[0] = finish(&s);
	s.v[1] ^= 0xdd;
	ret_words[1] = finish(&s);
}
