/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/cookies.h"

struct cookies cookies_of(const struct fields *fields)
{
	const struct field *field = fields_first(fields, FIELD_COOKIE);

	return (struct cookies){fields, field, field ? field->value : (struct bytes){NULL, 0}};
}

static struct bytes trim(struct bytes text)
{
	while (text.len && (*text.at == ' ' || *text.at == '\t'))
		text = (struct bytes){text.at + 1, text.len - 1};
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

bool cookies_next(struct cookies *cookies, struct bytes *ret_name, struct bytes *ret_value)
{
	const char *end, *equals;
	struct bytes pair;

	while (cookies->field && !cookies->rest.len) {
		cookies->field = fields_next(cookies->fields, cookies->field);
		if (cookies->field)
			cookies->rest = cookies->field->value;
	}
	if (!cookies->field)
		return false;

	end = memchr(cookies->rest.at, ';', cookies->rest.len);
	pair = cookies->rest;
	if (end)
		pair.len = (size_t)(end - pair.at);
	cookies->rest = end ? (struct bytes){end + 1, cookies->rest.len - pair.len - 1}
			    : (struct bytes){NULL, 0};

	equals = pair.len ? memchr(pair.at, '=', pair.len) : NULL;
	*ret_name = trim(equals ? (struct bytes){pair.at, (size_t)(equals - pair.at)} : pair);
	*ret_value =
		equals ? trim((struct bytes){equals + 1, pair.len - (size_t)(equals - pair.at) - 1})
		       : (struct bytes){NULL, 0};
	return true;
}

unsigned cookies_find(const struct fields *fields, struct bytes name, struct bytes *ret_value)
{
	struct cookies cookies = cookies_of(fields);
	struct bytes other, value;
	unsigned count = 0;

	while (count < 2 && cookies_next(&cookies, &other, &value)) {
		if (!bytes_equal(other, name))
			continue;
		if (!count++)
			*ret_value = value;
	}
	return count;
}
