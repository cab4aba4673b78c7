/* SPDX-License-Identifier: BSD-2-Clause */
/* A run of bytes that belongs to somebody else. Not terminated, may hold NULs. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct bytes {
	const char *at; /* may be NULL where len is 0 */
	size_t len;
};

#define BYTES(literal) ((struct bytes){(literal), sizeof(literal) - 1})

static inline struct bytes bytes_of(const char *text)
{
	return (struct bytes){text, strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

/* What is left of text after its first len bytes; len is at most text.len. */
static inline struct bytes bytes_from(struct bytes text, size_t len)
{
	return (struct bytes){text.at + len, text.len - len};
}

/* ASCII letters alike in either case; independent of the locale for ASCII. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
	return a.len == b.len && (!a.len || !strncasecmp(a.at, b.at, a.len));
}

#endif
