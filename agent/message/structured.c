/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/structured.h"

#include "message/chars.h"
#include "message/structured_bare.h"

static bool is_key_byte(char byte, bool first)
{
	if ((byte >= 'a' && byte <= 'z') || byte == '*')
		return true;
	return !first && (char_is(byte, CHAR_DIGIT) || byte == '_' || byte == '-' || byte == '.');
}

static bool take_key(struct bytes *rest, struct bytes *ret_key)
{
	size_t len = 0;

	while (len < rest->len && is_key_byte(rest->at[len], !len))
		len++;
	*ret_key = (struct bytes){rest->at, len};
	*rest = bytes_from(*rest, len);
	return len;
}

static void skip_spaces(struct bytes *rest)
{
	while (sf_take_byte(rest, ' '))
		;
}

/* One parameter, its ';' first. */
static bool take_param(struct bytes *rest, struct bytes *key, struct sf_bare *value)
{
	*value = (struct sf_bare){.type = SF_BOOLEAN, .number = 1};
	if (!sf_take_byte(rest, ';'))
		return false;
	skip_spaces(rest);
	if (!take_key(rest, key))
		return false;
	return !sf_take_byte(rest, '=') || sf_take_bare(rest, value);
}

static bool take_params(struct bytes *rest, struct bytes *ret_params)
{
	const char *start = rest->at;
	struct sf_bare value;
	struct bytes key;

	while (rest->len && rest->at[0] == ';')
		if (!take_param(rest, &key, &value))
			return false;
	*ret_params = (struct bytes){start, (size_t)(rest->at - start)};
	return true;
}

static bool take_item(struct bytes *rest, struct sf_member *member)
{
	return sf_take_bare(rest, &member->item) && take_params(rest, &member->params);
}

/* From behind '(' to behind ')'; items are parted by blanks, and by nothing else. */
static bool take_inner_list(struct bytes *rest, struct sf_member *member)
{
	const char *start = rest->at;
	struct sf_member ignored;

	member->is_inner_list = true;
	for (;;) {
		skip_spaces(rest);
		if (rest->len && rest->at[0] == ')')
			break;
		if (!take_item(rest, &ignored) || !rest->len)
			return false;
		if (rest->at[0] != ' ' && rest->at[0] != ')')
			return false;
	}
	member->inner = (struct bytes){start, (size_t)(rest->at - start)};
	*rest = bytes_from(*rest, 1);
	return take_params(rest, &member->params);
}

static bool take_item_or_inner_list(struct bytes *rest, struct sf_member *member)
{
	return sf_take_byte(rest, '(') ? take_inner_list(rest, member) : take_item(rest, member);
}

/* What is between members: a comma that another member follows; or the end. */
static bool take_separator(struct bytes *rest)
{
	while (rest->len && char_is_blank(rest->at[0]))
		*rest = bytes_from(*rest, 1);
	if (!rest->len)
		return true;
	if (!sf_take_byte(rest, ','))
		return false;
	while (rest->len && char_is_blank(rest->at[0]))
		*rest = bytes_from(*rest, 1);
	return rest->len;
}

enum sf_result sf_list_next(struct bytes *rest, struct sf_member *ret_member)
{
	*ret_member = (struct sf_member){0};
	skip_spaces(rest);
	if (!rest->len)
		return SF_END;
	if (!take_item_or_inner_list(rest, ret_member) || !take_separator(rest))
		return SF_BAD;
	return SF_MEMBER;
}

static bool take_dictionary_value(struct bytes *rest, struct sf_member *member)
{
	if (sf_take_byte(rest, '='))
		return take_item_or_inner_list(rest, member);
	member->item = (struct sf_bare){.type = SF_BOOLEAN, .number = 1};
	return take_params(rest, &member->params);
}

enum sf_result sf_dictionary_next(struct bytes *rest, struct sf_member *ret_member)
{
	*ret_member = (struct sf_member){0};
	skip_spaces(rest);
	if (!rest->len)
		return SF_END;
	if (!take_key(rest, &ret_member->key) || !take_dictionary_value(rest, ret_member) ||
	    !take_separator(rest))
		return SF_BAD;
	return SF_MEMBER;
}

bool sf_item_parse(struct bytes value, struct sf_member *ret_item)
{
	struct sf_member item = {0};

	skip_spaces(&value);
	if (!take_item(&value, &item))
		return false;
	skip_spaces(&value);
	if (value.len)
		return false;
	*ret_item = item;
	return true;
}

bool sf_inner_next(struct bytes *inner, struct sf_member *ret_item)
{
	*ret_item = (struct sf_member){0};
	skip_spaces(inner);
	return inner->len && take_item(inner, ret_item);
}

bool sf_param_next(struct bytes *params, struct bytes *ret_key, struct sf_bare *ret_value)
{
	return params->len && take_param(params, ret_key, ret_value);
}

bool sf_param_find(struct bytes params, struct bytes key, struct sf_bare *ret_value)
{
	struct sf_bare value;
	struct bytes found;
	bool any = false;

	while (sf_param_next(&params, &found, &value)) {
		if (!bytes_equal(found, key))
			continue;
		*ret_value = value;
		any = true;
	}
	return any;
}

typedef enum sf_result next_fn(struct bytes *rest, struct sf_member *ret_member);

static bool check(const struct fields *fields, enum field_name id, next_fn *next)
{
	const struct field *field = fields_first(fields, id);
	struct sf_member member;
	bool any = false;

	for (; field; field = fields_next(fields, field)) {
		struct bytes rest = field->value;
		enum sf_result result;

		while ((result = next(&rest, &member)) == SF_MEMBER)
			any = true;
		if (result == SF_BAD)
			return false;
	}
	return any;
}

bool sf_list_check(const struct fields *fields, enum field_name id)
{
	return check(fields, id, sf_list_next);
}

bool sf_dictionary_check(const struct fields *fields, enum field_name id)
{
	return check(fields, id, sf_dictionary_next);
}

bool sf_dictionary_find(const struct fields *fields, enum field_name id, struct bytes key,
			struct sf_member *ret_member)
{
	const struct field *field = fields_first(fields, id);
	struct sf_member member;
	bool any = false;

	for (; field; field = fields_next(fields, field)) {
		struct bytes rest = field->value;

		while (sf_dictionary_next(&rest, &member) == SF_MEMBER) {
			if (!bytes_equal(member.key, key))
				continue;
			*ret_member = member;
			any = true;
		}
	}
	return any;
}
