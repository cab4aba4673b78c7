/* SPDX-License-Identifier: BSD-2-Clause */
/* The chunked coding (RFC 9112 section 7.1), for body.h. */
#include <stdio.h>

#include "message/body.h"
#include "message/chars.h"
#include "message/field_line.h"

struct chunked chunked_begin(uint64_t max_total)
{
	return (struct chunked){.state = CHUNKED_SIZE, .max_total = max_total};
}

/* The first byte behind the size. A blank is refused: some stop there, others trim it. */
static enum message_result end_size(struct chunked *chunked, char byte)
{
	if (!chunked->digits)
		return MESSAGE_BAD_CHUNK;
	if (chunked->left > chunked->max_total - chunked->total)
		return MESSAGE_BODY_TOO_LARGE;
	chunked->total += chunked->left;

	if (byte == '\r')
		chunked->state = CHUNKED_SIZE_LF;
	else if (byte == ';')
		chunked->state = CHUNKED_EXTENSION;
	else
		return MESSAGE_BAD_CHUNK;
	return MESSAGE_DONE;
}

static enum message_result take_size(struct chunked *chunked, char byte)
{
	if (!char_is(byte, CHAR_HEX))
		return end_size(chunked, byte);
	if (++chunked->digits > CHUNKED_DIGITS_MAX || chunked->left > INT64_MAX >> 4)
		return MESSAGE_BAD_CHUNK;
	chunked->left = chunked->left << 4 | char_hex_value(byte);
	return MESSAGE_DONE;
}

static enum message_result take_extension(struct chunked *chunked, char byte)
{
	if (byte == '\r') {
		chunked->state = CHUNKED_SIZE_LF;
		return MESSAGE_DONE;
	}
	if (!char_is(byte, CHAR_VALUE) || ++chunked->extensions > CHUNKED_EXTENSIONS_MAX)
		return MESSAGE_BAD_CHUNK;
	return MESSAGE_DONE;
}

/* One byte of what stands between the contents of chunks. */
static enum message_result take_framing(struct chunked *chunked, char byte)
{
	switch (chunked->state) {
	case CHUNKED_SIZE:
		return take_size(chunked, byte);
	case CHUNKED_EXTENSION:
		return take_extension(chunked, byte);
	case CHUNKED_SIZE_LF:
		chunked->state = chunked->left ? CHUNKED_CONTENT : CHUNKED_LAST;
		return byte == '\n' ? MESSAGE_DONE : MESSAGE_BAD_CHUNK;
	case CHUNKED_CONTENT_CR:
		chunked->state = CHUNKED_CONTENT_LF;
		return byte == '\r' ? MESSAGE_DONE : MESSAGE_BAD_CHUNK;
	case CHUNKED_CONTENT_LF:
		chunked->state = CHUNKED_SIZE;
		chunked->digits = 0;
		return byte == '\n' ? MESSAGE_DONE : MESSAGE_BAD_CHUNK;
	case CHUNKED_CONTENT:
	case CHUNKED_LAST:
		break;
	}
	return MESSAGE_BAD_CHUNK;
}

static struct bytes take_content(struct chunked *chunked, struct bytes *input)
{
	struct bytes content = *input;

	if (content.len > chunked->left)
		content.len = (size_t)chunked->left;
	*input = bytes_from(*input, content.len);
	chunked->left -= content.len;
	if (!chunked->left)
		chunked->state = CHUNKED_CONTENT_CR;
	return content;
}

enum message_result chunked_decode(struct chunked *chunked, struct bytes *input,
				   struct bytes *ret_content)
{
	*ret_content = (struct bytes){0};

	while (input->len && chunked->state != CHUNKED_LAST) {
		enum message_result result;

		if (chunked->state == CHUNKED_CONTENT) {
			*ret_content = take_content(chunked, input);
			return MESSAGE_MORE;
		}
		result = take_framing(chunked, *input->at);
		if (result != MESSAGE_DONE)
			return result;
		*input = bytes_from(*input, 1);
	}
	return chunked->state == CHUNKED_LAST ? MESSAGE_DONE : MESSAGE_MORE;
}

static enum message_result trailer_fault(enum message_result result)
{
	switch ((unsigned)result) {
	case MESSAGE_DONE:
	case MESSAGE_MORE:
		return result;
	case MESSAGE_TOO_MANY_FIELDS:
		return MESSAGE_TRAILER_TOO_LARGE;
	default:
		return MESSAGE_BAD_TRAILER;
	}
}

enum message_result trailers_parse(struct bytes input, size_t *scanned, size_t *ret_len,
				   struct fields *ret_fields)
{
	enum message_result result = MESSAGE_MORE;
	struct bytes window;
	struct cursor cur;

	/* Nearly always there are no trailers, and the section is an empty line alone. */
	if (section_open(input, TRAILERS_MAX, *scanned, &window) ||
	    (input.len && *input.at == '\r')) {
		cur = (struct cursor){window.at, window.at + window.len};
		result = trailer_fault(fields_read(&cur, TRAILER_FIELDS_MAX, ret_fields));
	}
	*scanned = result == MESSAGE_MORE ? input.len : 0;
	if (result == MESSAGE_MORE && input.len >= TRAILERS_MAX)
		return MESSAGE_TRAILER_TOO_LARGE;
	if (result == MESSAGE_DONE)
		*ret_len = (size_t)(cur.at - input.at);
	return result;
}

bool trailer_is_allowed(const struct field *field)
{
	unsigned flags = field_flags((enum field_name)field->id, field->name);

	return !(flags & (FIELD_NOT_IN_TRAILER | FIELD_IS_HOP)) && !field->underscore;
}

struct bytes chunk_line(uint64_t len, char out[static CHUNK_LINE_MAX])
{
	int used = snprintf(out, CHUNK_LINE_MAX, "%llx\r\n", (unsigned long long)len);

	return (struct bytes){out, (size_t)used};
}
