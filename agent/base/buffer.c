/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOM_MIN 256 /* first allocation: most buffers are a line or an answer */

struct buffer buffer_new(size_t max)
{
	return (struct buffer){.max = max};
}

void buffer_free(struct buffer *buf)
{
	free(buf->at);
	*buf = buffer_new(buf->max);
}

/* Room doubles so that many small adds cost one copy a byte, but never passes max. */
static size_t next_room(const struct buffer *buf, size_t need)
{
	size_t room = buf->room ? buf->room : ROOM_MIN;

	while (room < need)
		room = room <= buf->max / 2 ? room * 2 : buf->max;
	return room < buf->max ? room : buf->max;
}

int buffer_reserve(struct buffer *buf, size_t want)
{
	size_t room;
	char *at;

	if (buf->error)
		return buf->error;
	if (want > buf->max - buf->len)
		return buf->error = -ENOBUFS;
	if (buf->at && buf->len + want <= buf->room)
		return 0;

	room = next_room(buf, buf->len + want);
	at = realloc(buf->at, room + 1); /* and the terminator */
	if (!at)
		return buf->error = -ENOMEM;

	at[buf->len] = '\0';
	buf->at = at;
	buf->room = room;
	return 0;
}

void buffer_add_text(struct buffer *buf, const char *text)
{
	buffer_add(buf, bytes_of(text));
}

void buffer_printf(struct buffer *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(len >= 0); /* only for a bad format, which the compiler refuses */
	if (buffer_reserve(buf, (size_t)len))
		return;

	va_start(args, format);
	vsnprintf(buf->at + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

void buffer_consume(struct buffer *buf, size_t len)
{
	assert(len <= buf->len);
	if (!len)
		return;
	buf->len -= len;
	memmove(buf->at, buf->at + len, buf->len + 1);
}
