/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/fields.h"

#include "message/chars.h"

/* Bytes of text before the first comma that is not quoted. */
static size_t member_len(struct bytes text)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < text.len; i++) {
		if (text.at[i] == '"')
			quoted = !quoted;
		else if (text.at[i] == '\\' && quoted && i + 1 < text.len)
			i++;
		else if (text.at[i] == ',' && !quoted)
			break;
	}
	return i;
}

bool list_next(struct bytes *rest, struct bytes *ret_member)
{
	while (rest->len) {
		size_t len = member_len(*rest);
		struct bytes member = bytes_trim((struct bytes){rest->at, len});

		*rest = bytes_from(*rest, len < rest->len ? len + 1 : len);
		if (member.len) {
			*ret_member = member;
			return true;
		}
	}
	return false;
}

struct field_list field_list_of(const struct fields *fields, enum field_name id)
{
	const struct field *first = fields_first(fields, id);

	return (struct field_list){fields, first, first ? first->value : (struct bytes){0}};
}

bool field_list_next(struct field_list *list, struct bytes *ret_member)
{
	while (list->field) {
		if (list_next(&list->rest, ret_member))
			return true;
		list->field = fields_next(list->fields, list->field);
		if (list->field)
			list->rest = list->field->value;
	}
	return false;
}

bool field_list_has(const struct fields *fields, enum field_name id, struct bytes token)
{
	struct field_list list = field_list_of(fields, id);
	struct bytes member;

	while (field_list_next(&list, &member))
		if (bytes_equal_nocase(member, token))
			return true;
	return false;
}

static bool is_token(struct bytes text)
{
	return text.len && bytes_span(text, CHAR_TOKEN) == text.len;
}

/* Reads one field's codings; *chunked: chunked has been seen, and nothing may follow. */
static bool codings_are_sound(struct bytes value, bool *chunked)
{
	for (;;) {
		const char *comma = value.len ? memchr(value.at, ',', value.len) : NULL;
		size_t len = comma ? (size_t)(comma - value.at) : value.len;
		struct bytes coding = bytes_trim((struct bytes){value.at, len});

		if (*chunked || !is_token(coding) || bytes_equal_nocase(coding, BYTES("identity")))
			return false;
		*chunked = bytes_equal_nocase(coding, BYTES("chunked"));
		if (!comma)
			return true;
		value = bytes_from(value, len + 1);
	}
}

bool coding_list_is_sound(const struct fields *fields)
{
	const struct field *field = fields_first(fields, FIELD_TRANSFER_ENCODING);
	bool chunked = false;

	for (; field; field = fields_next(fields, field))
		if (!codings_are_sound(field->value, &chunked))
			return false;
	return chunked;
}

static void add(struct field_set *set, unsigned index)
{
	set->bits[index / 64] |= 1ull << index % 64;
}

static void add_named(const struct fields *fields, struct bytes name, struct field_set *set)
{
	const struct field *field = NULL;

	while ((field = fields_find(fields, name, field)))
		add(set, (unsigned)(field - fields->field));
}

static void add_hop_by_hop(const struct fields *fields, struct field_set *set)
{
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (field->id != FIELD_OTHER &&
		    (field_flags(field->id, field->name) & FIELD_IS_HOP))
			add(set, i);
	}
}

static enum message_result take_option(const struct fields *fields, bool is_request,
				       struct bytes option, struct connection *connection)
{
	if (!is_token(option))
		return MESSAGE_BAD_CONNECTION;
	if (is_request && (field_flags(field_name_find(option), option) & FIELD_IS_GUARDED))
		return MESSAGE_BAD_CONNECTION;

	if (bytes_equal_nocase(option, BYTES("close")))
		connection->close = true;
	else if (bytes_equal_nocase(option, BYTES("keep-alive")))
		connection->keep_alive = true;
	else if (bytes_equal_nocase(option, BYTES("upgrade")))
		connection->upgrade = true;
	else
		add_named(fields, option, &connection->hop);
	return MESSAGE_DONE;
}

enum message_result connection_read(const struct fields *fields, bool is_request,
				    struct connection *ret_connection)
{
	struct field_list list = field_list_of(fields, FIELD_CONNECTION);
	struct connection connection = {0};
	struct bytes option;
	unsigned count = 0;

	while (field_list_next(&list, &option)) {
		enum message_result result = MESSAGE_BAD_CONNECTION;

		if (++count <= CONNECTION_OPTIONS_MAX)
			result = take_option(fields, is_request, option, &connection);
		if (result != MESSAGE_DONE)
			return result;
	}
	add_hop_by_hop(fields, &connection.hop);
	*ret_connection = connection;
	return MESSAGE_DONE;
}

bool connection_persists(const struct connection *connection, uint8_t minor)
{
	return !connection->close && (minor || connection->keep_alive);
}

enum message_result expect_read(const struct request_head *head, bool *ret_continue)
{
	struct field_list list = field_list_of(&head->fields, FIELD_EXPECT);
	struct bytes member;
	bool wanted = false;

	while (field_list_next(&list, &member)) {
		if (!bytes_equal_nocase(member, BYTES("100-continue")))
			return MESSAGE_BAD_EXPECT;
		wanted = true;
	}
	*ret_continue = wanted && head->minor;
	return MESSAGE_DONE;
}

bool vary_has_any(const struct fields *fields)
{
	return field_list_has(fields, FIELD_VARY, BYTES("*"));
}

bool request_id_is_sound(struct bytes id)
{
	/* '~' is unreserved, and not wanted. */
	return id.len && id.len <= REQUEST_ID_MAX && bytes_span(id, CHAR_UNRESERVED) == id.len &&
	       !memchr(id.at, '~', id.len);
}

bool delta_seconds_parse(struct bytes text, int64_t *ret_seconds)
{
	int64_t seconds = 0;

	if (!text.len || bytes_span(text, CHAR_DIGIT) != text.len)
		return false;
	for (size_t i = 0; i < text.len && seconds < DELTA_SECONDS_MAX; i++)
		seconds = seconds * 10 + (text.at[i] - '0');
	*ret_seconds = seconds < DELTA_SECONDS_MAX ? seconds : DELTA_SECONDS_MAX;
	return true;
}

int64_t age_read(const struct fields *fields)
{
	const struct field *field = fields_first(fields, FIELD_AGE);
	struct bytes text = field ? field->value : (struct bytes){0};
	int64_t seconds = 0;

	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == ',' || text.at[i] == ';')
			text.len = i;
	(void)delta_seconds_parse(bytes_trim(text), &seconds); /* otherwise it stays 0 */
	return seconds;
}
