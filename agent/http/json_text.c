/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/json_text.h"

static bool stands_as_it_is(char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

void json_text_add(struct buffer *out, struct bytes text)
{
	size_t at = 0;

	buffer_add_text(out, "\"");
	while (at < text.len) {
		size_t end = at;

		while (end < text.len && stands_as_it_is(text.at[end]))
			end++;
		buffer_add(out, (struct bytes){text.at + at, end - at});
		if (end < text.len)
			buffer_printf(out, "\\u%04x", (unsigned char)text.at[end]);
		at = end + 1;
	}
	buffer_add_text(out, "\"");
}

void json_text_refuse(struct buffer *out, unsigned status, const char *sentence)
{
	buffer_printf(out, "{\"status\": %u, \"error\": ", status);
	json_text_add(out, bytes_of(sentence));
	buffer_add_text(out, "}");
}
