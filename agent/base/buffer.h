/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes being put together, up to a limit named at the start.
 *
 * The first failure (limit reached, no memory) sticks in `error` and later adds
 * do nothing, so that a writer checks once, at the end.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

#include "base/bytes.h"

struct buffer {
	char *at; /* owned; NUL-terminated whenever not NULL */
	size_t len;
	size_t room;
	size_t max;
	int error; /* 0, -ENOBUFS (more than max), -ENOMEM */
};

/* An empty buffer that never holds more than max bytes. Allocates nothing yet. */
struct buffer buffer_new(size_t max);

/* Release the bytes; the buffer is then empty and can be used again. */
void buffer_free(struct buffer *buf);

/* Add at the end. Where it does not fit, or there is no memory, nothing is added and `error` says which. */
void buffer_add_text(struct buffer *buf, const char *text);
void buffer_printf(struct buffer *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Remove len bytes from the front; len is at most buf->len. */
void buffer_consume(struct buffer *buf, size_t len);

/* Make room for at least want more bytes at buf->at + buf->len. Returns 0 or buf->error. */
int buffer_reserve(struct buffer *buf, size_t want);

static inline void buffer_add(struct buffer *buf, struct bytes more)
{
	bool fits = buf->at && !buf->error && more.len <= buf->room - buf->len;

	if (!fits && buffer_reserve(buf, more.len))
		return;
	if (more.len)
		memcpy(buf->at + buf->len, more.at, more.len);
	buf->len += more.len;
	buf->at[buf->len] = '\0';
}

#define auto_buffer __attribute__((cleanup(buffer_free)))

#endif
