/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/path.h"

#include "message/chars.h"

/* What is being written. */
struct draft {
	char *at;
	size_t len;
	bool is_ambiguous;
};

/* A path that is its own normal form, as nearly all are. */
static bool is_plain(struct bytes raw)
{
	if (bytes_span(raw, CHAR_PATH) != raw.len)
		return false;
	for (size_t i = 0; i + 1 < raw.len; i++)
		if (raw.at[i] == '/' && (raw.at[i + 1] == '/' || raw.at[i + 1] == '.'))
			return false;
	/* "..;x" begins with a dot and is looked at closely; nothing else in a segment matters. */
	return true;
}

static void put_encoded(struct draft *out, unsigned char byte)
{
	static const char hex[] = "0123456789ABCDEF";

	out->at[out->len++] = '%';
	out->at[out->len++] = hex[byte >> 4];
	out->at[out->len++] = hex[byte & 15];
}

/* *at is at a '%'; moves it past the two digits. */
static bool take_encoded(struct bytes segment, size_t *at, struct draft *out)
{
	unsigned char byte;

	if (segment.len - *at < 3 || !char_is(segment.at[*at + 1], CHAR_HEX) ||
	    !char_is(segment.at[*at + 2], CHAR_HEX))
		return false;
	byte = (unsigned char)(char_hex_value(segment.at[*at + 1]) << 4 |
			       char_hex_value(segment.at[*at + 2]));
	*at += 3;

	if (byte == '/' || byte == '\\' || byte == '\0')
		out->is_ambiguous = true;
	if (char_is((char)byte, CHAR_UNRESERVED))
		out->at[out->len++] = (char)byte;
	else
		put_encoded(out, byte);
	return true;
}

/* Appends the normal form of one segment, dots not minded. */
static bool put_segment(struct bytes segment, struct draft *out)
{
	for (size_t i = 0; i < segment.len;) {
		char byte = segment.at[i];

		if (byte == '%') {
			if (!take_encoded(segment, &i, out))
				return false;
			continue;
		}
		if (byte == '\\')
			out->is_ambiguous = true;
		if (char_is(byte, CHAR_PATH))
			out->at[out->len++] = byte;
		else
			put_encoded(out, (unsigned char)byte);
		i++;
	}
	return true;
}

/* Removes the last segment of what is written, its '/' too. */
static void drop_segment(struct draft *out)
{
	while (out->len && out->at[out->len - 1] != '/')
		out->len--;
	if (out->len)
		out->len--;
}

/* Dots at the front of a segment, if they are all of it, or all before a ';'; else 0. */
static size_t dots_of(struct bytes segment)
{
	size_t dots = 0;

	while (dots < segment.len && segment.at[dots] == '.')
		dots++;
	if (dots > 2 || (dots < segment.len && segment.at[dots] != ';'))
		return 0;
	return dots;
}

/*
 * The segment at out->at + start has been written: if it is a dot segment take it back.
 * RFC 3986 section 5.2.4: the path then ends in '/' where it was the last one.
 */
static void remove_dots(struct bytes raw, size_t start, bool is_last, struct draft *out)
{
	struct bytes written = {out->at + start, out->len - start};
	size_t dots = dots_of(written);

	if (!dots)
		return;
	if (raw.len != dots)
		out->is_ambiguous = true; /* "%2e", or "..;x", which some origins cut at the ';' */
	if (written.len != dots)
		return;

	out->len = start - 1;
	if (dots == 2)
		drop_segment(out);
	if (is_last)
		out->at[out->len++] = '/';
}

static bool put_path(struct bytes raw, struct draft *out)
{
	while (raw.len) {
		struct bytes rest = bytes_from(raw, 1);
		const char *slash = rest.len ? memchr(rest.at, '/', rest.len) : NULL;
		struct bytes segment = {rest.at, slash ? (size_t)(slash - rest.at) : rest.len};
		size_t start;

		out->at[out->len++] = '/';
		start = out->len;
		if (!segment.len && slash)
			out->is_ambiguous = true;
		if (!put_segment(segment, out))
			return false;
		remove_dots(segment, start, !slash, out);
		raw = bytes_from(rest, segment.len);
	}
	return true;
}

enum message_result path_normalise(struct bytes raw, struct path_room room, struct path *ret_path)
{
	struct draft out = {.at = room.at};

	if (!raw.len || raw.at[0] != '/')
		return MESSAGE_BAD_PATH;
	if (is_plain(raw)) {
		*ret_path = (struct path){.text = raw};
		return MESSAGE_DONE;
	}
	if (raw.len > room.len / 3)
		return MESSAGE_TARGET_TOO_LONG;
	if (!put_path(raw, &out))
		return MESSAGE_BAD_PATH;

	*ret_path = (struct path){{out.at, out.len}, out.is_ambiguous};
	return MESSAGE_DONE;
}
