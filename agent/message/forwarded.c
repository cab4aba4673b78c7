/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/forwarded.h"

#include "message/chars.h"
#include "message/identity.h"

struct from_right from_right_of(const struct fields *fields, enum field_name id)
{
	return (struct from_right){.fields = fields, .id = id, .index = fields->count};
}

static bool step_to_field(struct from_right *walk)
{
	while (walk->index) {
		const struct field *field = &walk->fields->field[--walk->index];

		if (field->id != walk->id)
			continue;
		walk->rest = field->value;
		return true;
	}
	return false;
}

/* Whether the quote at text.at[at] is escaped: behind an odd number of backslashes. */
static bool is_escaped(struct bytes text, size_t at)
{
	size_t slashes = 0;

	while (slashes < at && text.at[at - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2;
}

/*
 * Where the last element begins. max bounds the work: it stops that many bytes from the right.
 * Backslashes are counted once per quote and each run belongs to one quote, so it is linear.
 */
static size_t last_start(struct bytes text, bool has_quotes, size_t max)
{
	size_t floor = text.len > max ? text.len - max : 0;
	bool quoted = false;
	size_t at = text.len;

	while (at > floor) {
		char byte = text.at[at - 1];

		if (byte == ',' && !quoted)
			break;
		if (has_quotes && byte == '"')
			quoted = !quoted || is_escaped(text, at - 1);
		at--;
	}
	return at;
}

static struct bytes cut_last(struct from_right *walk)
{
	size_t max = IDENTITY_BYTES_MAX + 1 - walk->bytes;
	size_t start = last_start(walk->rest, walk->id == FIELD_FORWARDED, max);
	struct bytes element = bytes_from(walk->rest, start);

	walk->elements++;
	walk->bytes += element.len + (start > 0); /* its comma */
	if (walk->bytes > IDENTITY_BYTES_MAX)
		walk->bytes = IDENTITY_BYTES_MAX + 1;
	walk->rest.len = start ? start - 1 : 0;
	return bytes_trim(element);
}

bool from_right_next(struct from_right *walk, struct bytes *ret_element)
{
	while (walk->elements <= IDENTITY_ELEMENTS_MAX && walk->bytes <= IDENTITY_BYTES_MAX) {
		if (!walk->rest.len && !step_to_field(walk))
			return false;
		if (!walk->rest.len)
			continue; /* an empty field */
		*ret_element = cut_last(walk);
		if (ret_element->len)
			return true;
	}
	return false;
}

/* Cuts a token or a quoted string off; of the latter without quotes. Escapes are refused. */
static bool take_value(struct bytes *rest, struct bytes *ret_value)
{
	const char *end;

	if (!rest->len)
		return false;
	if (rest->at[0] != '"') {
		*ret_value = (struct bytes){rest->at, bytes_span(*rest, CHAR_TOKEN)};
		*rest = bytes_from(*rest, ret_value->len);
		return ret_value->len;
	}
	*rest = bytes_from(*rest, 1);
	end = rest->len ? memchr(rest->at, '"', rest->len) : NULL;
	if (!end)
		return false;
	*ret_value = (struct bytes){rest->at, (size_t)(end - rest->at)};
	*rest = bytes_from(*rest, ret_value->len + 1);
	/* No node, scheme or host has a backslash in it, so there is nothing to unescape. */
	return !memchr(ret_value->at, '\\', ret_value->len);
}

static bool keep(struct bytes name, struct bytes value, struct forwarded_element *parts)
{
	struct bytes *slot = NULL;

	if (bytes_equal_nocase(name, BYTES("for")))
		slot = &parts->for_node;
	else if (bytes_equal_nocase(name, BYTES("proto")))
		slot = &parts->proto;
	else if (bytes_equal_nocase(name, BYTES("host")))
		slot = &parts->host;
	if (!slot)
		return true;
	if (slot->at)
		return false;
	*slot = value;
	return true;
}

bool forwarded_parse(struct bytes element, struct forwarded_element *ret_parts)
{
	struct forwarded_element parts = {0};
	struct bytes name;
	struct bytes value;

	for (;;) {
		name = (struct bytes){element.at, bytes_span(element, CHAR_TOKEN)};
		element = bytes_from(element, name.len);
		if (!name.len || !element.len || element.at[0] != '=')
			return false;
		element = bytes_from(element, 1);
		if (!take_value(&element, &value) || !keep(name, value, &parts))
			return false;
		if (!element.len)
			break;
		if (element.at[0] != ';')
			return false;
		element = bytes_from(element, 1);
	}
	*ret_parts = parts;
	return true;
}
