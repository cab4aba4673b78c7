/* SPDX-License-Identifier: BSD-2-Clause */
/* Classes of bytes in HTTP and URI grammar, one table for all parsers. Pure. */
#ifndef MESSAGE_CHARS_H
#define MESSAGE_CHARS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum char_class {
	CHAR_TOKEN = 1,	     /* RFC 9110 section 5.6.2 tchar */
	CHAR_UNDERSCORE = 2, /* a token byte that CGI cannot tell from '-' */
	CHAR_TARGET = 4,     /* printable ASCII but '#': what a request target may be made of */
	CHAR_VALUE = 8,	     /* HTAB, SP, VCHAR, obs-text: what a field value may be made of */
	CHAR_DIGIT = 16,
	CHAR_HEX = 32,
	CHAR_UNRESERVED = 64, /* RFC 3986 section 2.3 */
	CHAR_PATH = 128,      /* RFC 3986 pchar but '%', and '/' */
};

extern const uint8_t char_classes[256];

static inline bool char_is(char byte, unsigned classes)
{
	return char_classes[(unsigned char)byte] & classes;
}

static inline bool char_is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* ASCII capitals made small; every other byte as it is. */
static inline char char_lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

/* Value of a byte of class CHAR_HEX. */
static inline unsigned char_hex_value(char byte)
{
	return byte <= '9' ? (unsigned)(byte - '0') : (unsigned)((byte | 0x20) - 'a') + 10;
}

#define CHAR_EACH(byte) (0x0101010101010101ull * (byte))

/*
 * The high bit of each byte that is a control byte, of eight in little-endian order; of some
 * others as well, but only behind a control byte in the same word.
 */
static inline uint64_t char_controls_of(uint64_t eight)
{
	uint64_t is_del = eight ^ CHAR_EACH(0x7f);

	return (((eight - CHAR_EACH(0x20)) & ~eight) | ((is_del - CHAR_EACH(1)) & ~is_del)) &
	       CHAR_EACH(0x80);
}

static inline bool bytes_have_control(struct bytes text)
{
	size_t i = 0;

	for (; i + 8 <= text.len; i += 8) {
		uint64_t eight;

		memcpy(&eight, text.at + i, sizeof(eight));
		if (char_controls_of(le64toh(eight)))
			return true;
	}
	for (; i < text.len; i++)
		if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
			return true;
	return false;
}

/* How many bytes at the front of text are in one of the classes. */
static inline size_t bytes_span(struct bytes text, unsigned classes)
{
	size_t len = 0;

	while (len < text.len && char_is(text.at[len], classes))
		len++;
	return len;
}

/* Text without blanks (SP, HTAB) at both ends. */
static inline struct bytes bytes_trim(struct bytes text)
{
	while (text.len && char_is_blank(text.at[0]))
		text = bytes_from(text, 1);
	while (text.len && char_is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

#endif
