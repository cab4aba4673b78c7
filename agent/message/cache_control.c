/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/cache_control.h"

#include <stddef.h>

#include "message/chars.h"
#include "message/structured.h"

enum argument { ARGUMENT_NONE, ARGUMENT_SECONDS, ARGUMENT_FIELDS };

struct directive_row {
	struct bytes name;
	enum argument argument;
	size_t at;	  /* of the seconds, or of the flag */
	size_t fields_at; /* of the names, with ARGUMENT_FIELDS */
};

#define AT(member) offsetof(struct cache_control, member)
#define NAME(text)                       \
	{                                \
		(text), sizeof(text) - 1 \
	}

static const struct directive_row rows[] = {
	{NAME("max-age"), ARGUMENT_SECONDS, AT(max_age), 0},
	{NAME("s-maxage"), ARGUMENT_SECONDS, AT(s_maxage), 0},
	{NAME("stale-while-revalidate"), ARGUMENT_SECONDS, AT(stale_while_revalidate), 0},
	{NAME("stale-if-error"), ARGUMENT_SECONDS, AT(stale_if_error), 0},
	{NAME("max-stale"), ARGUMENT_SECONDS, AT(max_stale), 0},
	{NAME("min-fresh"), ARGUMENT_SECONDS, AT(min_fresh), 0},
	{NAME("no-cache"), ARGUMENT_FIELDS, AT(no_cache), AT(no_cache_fields)},
	{NAME("private"), ARGUMENT_FIELDS, AT(is_private), AT(private_fields)},
	{NAME("no-store"), ARGUMENT_NONE, AT(no_store), 0},
	{NAME("public"), ARGUMENT_NONE, AT(is_public), 0},
	{NAME("must-revalidate"), ARGUMENT_NONE, AT(must_revalidate), 0},
	{NAME("proxy-revalidate"), ARGUMENT_NONE, AT(proxy_revalidate), 0},
	{NAME("must-understand"), ARGUMENT_NONE, AT(must_understand), 0},
	{NAME("no-transform"), ARGUMENT_NONE, AT(no_transform), 0},
	{NAME("immutable"), ARGUMENT_NONE, AT(immutable), 0},
	{NAME("only-if-cached"), ARGUMENT_NONE, AT(only_if_cached), 0},
};

static const struct directive_row *row_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (bytes_equal_nocase(name, rows[i].name))
			return &rows[i];
	return NULL;
}

/* The more restrictive of what was said before and what is said now; "bad" is below any number. */
static void take_seconds(int64_t *seconds, int64_t now)
{
	if (*seconds == SECONDS_ABSENT || now < *seconds)
		*seconds = now;
}

struct directive {
	struct bytes name;
	struct bytes argument; /* without quotes; backslashes as they came */
	bool has_argument;     /* tells "x=" from "x" */
};

static int64_t seconds_of(const struct directive *directive)
{
	int64_t seconds = SECONDS_BAD;

	if (!directive->has_argument && bytes_equal_nocase(directive->name, BYTES("max-stale")))
		return DELTA_SECONDS_MAX;
	(void)delta_seconds_parse(directive->argument, &seconds); /* otherwise it stays bad */
	return seconds;
}

/* Two lists of names cannot be one slice: the whole directive is the stricter reading. */
static void take_fields(bool *said, struct bytes *fields, struct bytes now)
{
	*fields = *said ? (struct bytes){0} : now;
	*said = true;
}

static void add_directive(struct cache_control *control, const struct directive *directive)
{
	const struct directive_row *row = row_of(directive->name);
	char *base = (char *)control;

	if (!row)
		return;
	switch (row->argument) {
	case ARGUMENT_SECONDS:
		take_seconds((int64_t *)(void *)(base + row->at), seconds_of(directive));
		break;
	case ARGUMENT_FIELDS:
		take_fields((bool *)(base + row->at),
			    (struct bytes *)(void *)(base + row->fields_at), directive->argument);
		break;
	case ARGUMENT_NONE:
		*(bool *)(base + row->at) = true;
		break;
	}
}

/*
 * A blank beside '=' is no grammar. It takes away the argument but not the directive: a number is
 * then bad, and "private =x" still private.
 */
static struct directive split(struct bytes member)
{
	const char *equals = memchr(member.at, '=', member.len);
	struct directive directive = {.name = member};
	struct bytes argument;

	if (!equals)
		return directive;
	directive.name.len = (size_t)(equals - member.at);
	argument = bytes_from(member, directive.name.len + 1);
	directive.has_argument = true;
	if (argument.len >= 2 && argument.at[0] == '"' && argument.at[argument.len - 1] == '"')
		argument = (struct bytes){argument.at + 1, argument.len - 2};
	if (bytes_trim(directive.name).len == directive.name.len)
		directive.argument = argument;
	directive.name = bytes_trim(directive.name);
	return directive;
}

static int64_t seconds_of_item(const struct sf_bare *item)
{
	if (item->type != SF_INTEGER || item->number < 0)
		return SECONDS_BAD;
	return item->number < DELTA_SECONDS_MAX ? item->number : DELTA_SECONDS_MAX;
}

static void set_from_member(const struct directive_row *row, const struct sf_member *member,
			    struct cache_control *control)
{
	char *base = (char *)control;
	bool said = member->is_inner_list || member->item.type != SF_BOOLEAN || member->item.number;

	switch (row->argument) {
	case ARGUMENT_SECONDS:
		*(int64_t *)(void *)(base + row->at) =
			member->is_inner_list ? SECONDS_BAD : seconds_of_item(&member->item);
		break;
	case ARGUMENT_FIELDS:
		if (said && !member->is_inner_list && member->item.type == SF_STRING)
			*(struct bytes *)(void *)(base + row->fields_at) = member->item.text;
		*(bool *)(base + row->at) = said;
		break;
	case ARGUMENT_NONE:
		*(bool *)(base + row->at) = said;
		break;
	}
}

bool cache_control_read_targeted(const struct fields *fields, enum field_name id,
				 struct cache_control *ret_control)
{
	struct cache_control control = CACHE_CONTROL_NONE;
	struct sf_member member;

	if (!sf_dictionary_check(fields, id))
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (sf_dictionary_find(fields, id, rows[i].name, &member))
			set_from_member(&rows[i], &member, &control);
	*ret_control = control;
	return true;
}

struct cache_control cache_control_read(const struct fields *fields, enum field_name id)
{
	struct cache_control control = CACHE_CONTROL_NONE;
	struct field_list list = field_list_of(fields, id);
	struct bytes member;

	while (field_list_next(&list, &member)) {
		struct directive directive = split(member);

		add_directive(&control, &directive);
	}
	return control;
}
