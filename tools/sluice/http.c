/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "http.h"

/* "HTTP/1.1 200 OK" gives 200, anything else 0. */
static int status_of(const char *line)
{
	int status = 0;

	if (strncmp(line, "HTTP/1.", 7) || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return 0;
	for (int i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line[i]))
			return 0;
		status = status * 10 + (line[i] - '0');
	}
	if (line[12] && line[12] != ' ')
		return 0;
	return status >= 100 && status <= 599 ? status : 0;
}

/* All of text as a number in this base, at most 18 digits; false if it is none. */
static bool number_of(const char *text, int base, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t digits = 0;

	for (; isxdigit((unsigned char)text[digits]); digits++) {
		int digit = tolower((unsigned char)text[digits]);

		digit = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
		if (digit >= base || digits == (base == 16 ? 15 : 18))
			return false;
		number = number * base + digit;
	}
	if (!digits || text[digits])
		return false;
	*ret_number = number;
	return true;
}

static void keep_type(struct http_reader *reader, const char *value)
{
	size_t len = strcspn(value, "; \t");

	if (len >= sizeof(reader->type))
		len = 0;
	for (size_t i = 0; i < len; i++)
		reader->type[i] = tolower((unsigned char)value[i]);
	reader->type[len] = 0;
}

static const char *take_length(struct http_reader *reader, const char *value)
{
	uint64_t len;

	if (!number_of(value, 10, &len))
		return "its Content-Length is no number";
	if (reader->has_length && len != reader->left)
		return "it has two Content-Lengths";
	if (len > HTTP_BODY_MAX)
		return "its body is too large";
	reader->has_length = true;
	reader->left = len;
	return NULL;
}

/* Returns what is wrong with the field, or NULL. */
static const char *take_field(struct http_reader *reader)
{
	char *colon = strchr(reader->line, ':');
	char *value = colon;

	if (!colon || colon == reader->line)
		return "a header field has no name";
	*value++ = 0;
	value += strspn(value, " \t");
	for (size_t len = strlen(value); len && strchr(" \t", value[len - 1]); len--)
		value[len - 1] = 0;

	if (!strcasecmp(reader->line, "content-length"))
		return take_length(reader, value);
	if (!strcasecmp(reader->line, "content-type"))
		keep_type(reader, value);
	if (strcasecmp(reader->line, "transfer-encoding"))
		return NULL;
	if (strcasecmp(value, "chunked"))
		return "its Transfer-Encoding is not chunked";
	reader->is_chunked = true;
	return NULL;
}

/* The empty line behind the fields: how does the body end? */
static const char *end_head(struct http_reader *reader)
{
	if (reader->has_length && reader->is_chunked)
		return "it has both Content-Length and Transfer-Encoding";

	if (reader->status < 200) { /* 100 Continue and the like: the answer proper follows */
		reader->state = HTTP_STATUS;
		reader->type[0] = 0;
		reader->has_length = reader->is_chunked = false;
	} else if (reader->status == 204 || reader->status == 304) {
		reader->state = HTTP_COMPLETE;
	} else if (reader->is_chunked) {
		reader->state = HTTP_CHUNK_SIZE;
	} else if (reader->has_length) {
		reader->state = reader->left ? HTTP_LENGTH : HTTP_COMPLETE;
	} else {
		reader->state = HTTP_UNTIL_CLOSE;
	}
	return NULL;
}

static const char *take_chunk_size(struct http_reader *reader)
{
	reader->line[strcspn(reader->line, "; \t")] = 0; /* extensions mean nothing to us */
	if (!number_of(reader->line, 16, &reader->left))
		return "a chunk has no size";
	reader->state = reader->left ? HTTP_CHUNK : HTTP_TRAILER;
	return NULL;
}

/* A whole line stands in reader->line, its end removed. Returns what is wrong with it, or NULL. */
static const char *take_line(struct http_reader *reader)
{
	bool is_empty = !reader->line[0];

	switch (reader->state) {
	case HTTP_STATUS:
		reader->status = status_of(reader->line);
		reader->state = HTTP_FIELDS;
		return reader->status ? NULL : "it is not HTTP";
	case HTTP_FIELDS:
		return is_empty ? end_head(reader) : take_field(reader);
	case HTTP_CHUNK_SIZE:
		return take_chunk_size(reader);
	case HTTP_CHUNK_END:
		reader->state = HTTP_CHUNK_SIZE;
		return is_empty ? NULL : "a chunk is longer than it says";
	case HTTP_TRAILER:
		if (is_empty)
			reader->state = HTTP_COMPLETE;
		return NULL;
	case HTTP_LENGTH:
	case HTTP_CHUNK:
	case HTTP_UNTIL_CLOSE:
	case HTTP_COMPLETE:
		break;
	}
	return "it is out of order";
}

/* One byte of a line. Returns what is wrong with it, or NULL. */
static const char *take_line_byte(struct http_reader *reader, char byte)
{
	bool in_head = reader->state <= HTTP_FIELDS || reader->state == HTTP_TRAILER;

	if (in_head && ++reader->head_len > SL_CONTROL_HEAD_MAX)
		return "its head is too large";
	if (byte == 0)
		return "it holds a NUL where a line belongs";
	if (byte != '\n') {
		if (reader->line_len + 1 >= sizeof(reader->line))
			return "a line of it is too long";
		reader->line[reader->line_len++] = byte;
		return NULL;
	}
	if (reader->line_len && reader->line[reader->line_len - 1] == '\r')
		reader->line_len--;
	reader->line[reader->line_len] = 0;
	reader->line_len = 0;
	return take_line(reader);
}

static bool is_in_body(const struct http_reader *reader)
{
	return reader->state == HTTP_LENGTH || reader->state == HTTP_CHUNK ||
	       reader->state == HTTP_UNTIL_CLOSE;
}

/* As many of len bytes as belong to the body now; returns how many. */
static size_t body_share(const struct http_reader *reader, size_t len)
{
	return reader->state != HTTP_UNTIL_CLOSE && len > reader->left ? reader->left : len;
}

static void consume_body(struct http_reader *reader, size_t len)
{
	if (reader->state == HTTP_UNTIL_CLOSE)
		return;
	reader->left -= len;
	if (!reader->left)
		reader->state = reader->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_COMPLETE;
}

enum http_progress http_feed(struct http_reader *reader, const char *at, size_t len,
			     const char **ret_why)
{
	const char *why = NULL;

	while (len && !why && reader->state != HTTP_COMPLETE) {
		size_t taken = 1;

		if (is_in_body(reader)) {
			taken = body_share(reader, len);
			reader->body_len += taken;
			if (!reader->endless && reader->body_len > HTTP_BODY_MAX)
				why = "its body is too large";
			else if (reader->on_body(reader->context, at, taken))
				return HTTP_STOPPED;
			consume_body(reader, taken);
		} else {
			why = take_line_byte(reader, *at);
		}
		at += taken;
		len -= taken;
	}
	if (why) {
		*ret_why = why;
		return HTTP_BAD;
	}
	return reader->state == HTTP_COMPLETE ? HTTP_DONE : HTTP_MORE;
}

enum http_progress http_end(struct http_reader *reader, const char **ret_why)
{
	if (reader->state == HTTP_UNTIL_CLOSE || reader->state == HTTP_COMPLETE)
		return HTTP_DONE;
	*ret_why = "it ends early";
	return HTTP_BAD;
}
