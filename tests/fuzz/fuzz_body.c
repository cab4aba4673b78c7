/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chunked coding under libFuzzer: a body gives the same content and result whole and byte
 * by byte, and never more content than it has bytes. Trailers follow where it ends.
 */
#include <stdint.h>
#include <stdlib.h>

#include "message/body.h"

#define MUST(condition)           \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define CONTENT_MAX 300

struct outcome {
	enum message_result result;
	size_t used;
	uint64_t sum; /* over bytes and their places: tells two contents apart */
	size_t len;
};

static void collect(struct outcome *outcome, struct bytes content)
{
	for (size_t i = 0; i < content.len; i++)
		outcome->sum = outcome->sum * 31 + (unsigned char)content.at[i];
	outcome->len += content.len;
}

static struct outcome decode(struct bytes input, size_t step)
{
	struct chunked chunked = chunked_begin(CONTENT_MAX);
	struct outcome outcome = {.result = MESSAGE_MORE};

	while (outcome.result == MESSAGE_MORE && outcome.used < input.len) {
		size_t left = input.len - outcome.used;
		struct bytes piece = {input.at + outcome.used, left < step ? left : step};
		size_t given = piece.len;
		struct bytes content;

		outcome.result = chunked_decode(&chunked, &piece, &content);
		collect(&outcome, content);
		outcome.used += given - piece.len;
	}
	return outcome;
}

static void parse_trailers(struct bytes input)
{
	static struct fields fields;
	size_t scanned = 0;
	size_t len;

	if (trailers_parse(input, &scanned, &len, &fields) != MESSAGE_DONE)
		return;
	MUST(len <= input.len && len <= TRAILERS_MAX);
	for (unsigned i = 0; i < fields.count; i++)
		(void)trailer_is_allowed(&fields.field[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct bytes input = {(const char *)at, len};
	struct outcome whole = decode(input, len);
	struct outcome bytewise = decode(input, 1);

	MUST(whole.result == bytewise.result);
	MUST(whole.sum == bytewise.sum && whole.len == bytewise.len);
	MUST(whole.len <= CONTENT_MAX && whole.len <= len);
	if (whole.result == MESSAGE_DONE) {
		MUST(whole.used == bytewise.used);
		parse_trailers((struct bytes){input.at + whole.used, len - whole.used});
	}
	return 0;
}
