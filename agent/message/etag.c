/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/etag.h"

#include "message/chars.h"

/* Length of the tag at the front of text, 0 if there is none. etagc has no quote, blank or control. */
static size_t tag_len(struct bytes text, struct etag *tag)
{
	size_t start = text.len >= 2 && text.at[0] == 'W' && text.at[1] == '/' ? 2 : 0;

	if (start >= text.len || text.at[start] != '"')
		return 0;
	for (size_t i = start + 1; i < text.len; i++) {
		if (text.at[i] == '"') {
			tag->is_weak = start;
			tag->opaque = (struct bytes){text.at + start, i + 1 - start};
			return i + 1;
		}
		if (!char_is(text.at[i], CHAR_VALUE) || char_is_blank(text.at[i]))
			return 0;
	}
	return 0;
}

bool etag_parse(struct bytes text, struct etag *ret_tag)
{
	struct etag tag;

	if (!text.len || tag_len(text, &tag) != text.len)
		return false;
	*ret_tag = tag;
	return true;
}

bool etag_equal_weak(const struct etag *a, const struct etag *b)
{
	return bytes_equal(a->opaque, b->opaque);
}

bool etag_equal_strong(const struct etag *a, const struct etag *b)
{
	return !a->is_weak && !b->is_weak && bytes_equal(a->opaque, b->opaque);
}

typedef bool equal_fn(const struct etag *a, const struct etag *b);

/* A tag may hold commas and backslashes: the general list rules would cut it wrongly. */
static bool value_has(struct bytes value, const struct etag *tag, equal_fn *equal)
{
	struct etag member;
	size_t len;

	for (;;) {
		while (value.len && (value.at[0] == ',' || char_is_blank(value.at[0])))
			value = bytes_from(value, 1);
		len = value.len ? tag_len(value, &member) : 0;
		if (!len)
			return false;
		value = bytes_trim(bytes_from(value, len));
		if (value.len && value.at[0] != ',')
			return false;
		if (equal(&member, tag))
			return true;
	}
}

static enum etag_match match(const struct field *field, const struct fields *fields,
			     const struct etag *tag, equal_fn *equal)
{
	for (; tag && field; field = fields_next(fields, field))
		if (value_has(field->value, tag, equal))
			return ETAG_MATCHES;
	return ETAG_DIFFERS;
}

static bool is_any(const struct field *field)
{
	return !field->next && bytes_equal(field->value, BYTES("*"));
}

enum etag_match etag_if_none_match(const struct fields *fields, const struct etag *tag, bool exists)
{
	const struct field *field = fields_first(fields, FIELD_IF_NONE_MATCH);

	if (!field)
		return ETAG_ABSENT;
	if (is_any(field))
		return exists ? ETAG_MATCHES : ETAG_DIFFERS;
	return match(field, fields, tag, etag_equal_weak);
}

enum etag_match etag_if_match(const struct fields *fields, const struct etag *tag, bool exists)
{
	const struct field *field = fields_first(fields, FIELD_IF_MATCH);

	if (!field)
		return ETAG_ABSENT;
	if (is_any(field))
		return exists ? ETAG_MATCHES : ETAG_DIFFERS;
	return match(field, fields, tag, etag_equal_strong);
}
