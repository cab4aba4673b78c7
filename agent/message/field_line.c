/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/field_line.h"

#include "message/chars.h"

enum message_result cursor_take_line_end(struct cursor *cur)
{
	if (cur->at == cur->end)
		return MESSAGE_MORE;
	if (cur->at[0] != '\r')
		return MESSAGE_BAD_LINE_END;
	if (cur->end - cur->at < 2)
		return MESSAGE_MORE;
	if (cur->at[1] != '\n')
		return MESSAGE_BAD_LINE_END;
	cur->at += 2;
	return MESSAGE_DONE;
}

const char *field_value_end(const char *at, const char *end)
{
	for (; end - at >= 8; at += 8) {
		uint64_t eight;
		uint64_t controls;

		memcpy(&eight, at, sizeof(eight));
		controls = char_controls_of(le64toh(eight));
		for (; controls; controls &= controls - 1) {
			const char *control = at + __builtin_ctzll(controls) / 8;

			if (!char_is(*control, CHAR_VALUE))
				return control;
		}
	}
	while (at < end && char_is(*at, CHAR_VALUE))
		at++;
	return at;
}

/* Reads "NAME:" and the blanks behind it. */
static inline enum message_result take_name(struct cursor *cur, struct field *field)
{
	const char *at = cur->at;
	unsigned seen = 0;

	while (at < cur->end && char_is(*at, CHAR_TOKEN))
		seen |= char_classes[(unsigned char)*at++];
	if (at == cur->end)
		return MESSAGE_MORE;
	/* A blank here is refused too: RFC 9112 section 5.1, it has been used for smuggling. */
	if (*at != ':' || at == cur->at)
		return MESSAGE_BAD_NAME;

	field->name = (struct bytes){cur->at, (size_t)(at - cur->at)};
	field->underscore = seen & CHAR_UNDERSCORE;
	at++;
	while (at < cur->end && char_is_blank(*at))
		at++;
	cur->at = at;
	return MESSAGE_DONE;
}

static inline enum message_result take_value(struct cursor *cur, struct field *field)
{
	const char *start = cur->at;
	const char *end = field_value_end(start, cur->end);
	enum message_result result;

	if (end < cur->end && *end != '\r' && *end != '\n')
		return MESSAGE_BAD_VALUE;
	cur->at = end;
	result = cursor_take_line_end(cur);
	if (result != MESSAGE_DONE)
		return result;

	while (end > start && char_is_blank(end[-1]))
		end--;
	field->value = (struct bytes){start, (size_t)(end - start)};
	return MESSAGE_DONE;
}

static inline void append(struct fields *fields, struct field *field)
{
	enum field_name id = field_name_find(field->name);

	field->id = (uint8_t)id;
	field->next = 0;
	fields->count++;
	if (id == FIELD_OTHER)
		return;
	if (fields->first[id])
		fields->field[fields->last[id] - 1].next = fields->count;
	else
		fields->first[id] = fields->count;
	fields->last[id] = fields->count;
}

static inline enum message_result take_field(struct cursor *cur, unsigned max_fields,
					     struct fields *fields)
{
	struct field *field = &fields->field[fields->count];
	enum message_result result;

	if (char_is_blank(*cur->at))
		return MESSAGE_FOLDED;
	if (*cur->at == '\n')
		return MESSAGE_BAD_LINE_END;
	if (fields->count >= max_fields || fields->count >= HEAD_FIELDS_MAX)
		return MESSAGE_TOO_MANY_FIELDS;

	result = take_name(cur, field);
	if (result != MESSAGE_DONE)
		return result;
	result = take_value(cur, field);
	if (result != MESSAGE_DONE)
		return result;

	append(fields, field);
	return MESSAGE_DONE;
}

enum message_result fields_read(struct cursor *cur, unsigned max_fields, struct fields *fields)
{
	fields->count = 0;
	memset(fields->first, 0, sizeof(fields->first));

	while (cur->at < cur->end && *cur->at != '\r') {
		enum message_result result = take_field(cur, max_fields, fields);

		if (result != MESSAGE_DONE)
			return result;
	}
	return cursor_take_line_end(cur);
}

const struct field *fields_find(const struct fields *fields, struct bytes name,
				const struct field *after)
{
	const struct field *end = fields->field + fields->count;
	const struct field *at = after ? after + 1 : fields->field;

	while (at < end && !bytes_equal_nocase(at->name, name))
		at++;
	return at < end ? at : NULL;
}

static bool has_end(struct bytes window, size_t scanned)
{
	const char *at = window.at + (scanned > 3 ? scanned - 3 : 0);
	const char *end = window.at + window.len;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		if (at == window.at || at[-1] != '\r')
			return true;
		if (end - at > 2 && at[1] == '\r' && at[2] == '\n')
			return true;
		at++;
	}
	return false;
}

bool section_open(struct bytes input, unsigned max_bytes, size_t scanned, struct bytes *ret_window)
{
	*ret_window = (struct bytes){input.at, input.len < max_bytes ? input.len : max_bytes};
	if (!input.len)
		return false;
	return !scanned || input.len >= max_bytes || has_end(*ret_window, scanned);
}
