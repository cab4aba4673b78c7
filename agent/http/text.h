/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a head together in memory given beforehand. What does not fit sets is_cut and is
 * left out, and so is everything after it: whoever writes checks once, at the end.
 */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digits.h"

struct text {
	char *at; /* the next byte goes here */
	char *end;
	bool is_cut;
};

static inline void text_add(struct text *text, struct bytes more)
{
	if ((size_t)(text->end - text->at) < more.len || text->is_cut) {
		text->is_cut = true;
		return;
	}
	if (more.len)
		memcpy(text->at, more.at, more.len);
	text->at += more.len;
}

#define text_put(text, literal) text_add((text), BYTES(literal))

/* "Name: value" and the line's end. */
static inline void text_field(struct text *text, struct bytes name, struct bytes value)
{
	size_t len = name.len + 2 + value.len + 2;

	if ((size_t)(text->end - text->at) < len || text->is_cut) {
		text->is_cut = true;
		return;
	}
	memcpy(text->at, name.at, name.len);
	text->at += name.len;
	*text->at++ = ':';
	*text->at++ = ' ';
	if (value.len)
		memcpy(text->at, value.at, value.len);
	text->at += value.len;
	*text->at++ = '\r';
	*text->at++ = '\n';
}

/* Decimal digits. */
static inline void text_number(struct text *text, uint64_t number)
{
	if ((size_t)(text->end - text->at) < digits_count(number) || text->is_cut)
		text->is_cut = true;
	else
		text->at = digits_put(text->at, number);
}

static inline struct bytes text_since(const struct text *text, const char *start)
{
	return (struct bytes){start, (size_t)(text->at - start)};
}

#endif
