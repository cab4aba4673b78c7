/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/vary.h"

#include <assert.h>

#include "message/chars.h"
#include "message/fields.h"

/* Members, and bytes, of a list that is put in order; one with more stays as it is. */
#define SORTED_MEMBERS_MAX 16
#define SORTED_BYTES_MAX   1024

static bool add_byte(struct vary_value *value, char byte)
{
	if (value->len == value->room)
		return false;
	value->at[value->len++] = byte;
	return true;
}

static bool add(struct vary_value *value, struct bytes more)
{
	if (more.len > value->room - value->len)
		return false;
	if (more.len)
		memcpy(value->at + value->len, more.at, more.len);
	value->len += more.len;
	return true;
}

/* What may be changed in a value without changing what it says. */
enum value_kind {
	VALUE_OPAQUE, /* nothing; lines are joined, as RFC 9110 section 5.3 has it for every field */
	VALUE_LIST,   /* blanks around commas, empty members */
	VALUE_SET, /* those, all other blanks, case, the spelling of weights, the order of members */
};

static enum value_kind kind_of(struct bytes name)
{
	switch (field_name_find(name)) {
	case FIELD_ACCEPT:
	case FIELD_ACCEPT_CHARSET:
		return VALUE_LIST;
	/*
	 * RFC 9110 sections 12.5.3 and 12.5.4: preference is told by weights. That some recipients
	 * take the order of languages of one weight for a priority "cannot be relied upon".
	 */
	case FIELD_ACCEPT_LANGUAGE:
	case FIELD_ACCEPT_ENCODING:
		return VALUE_SET;
	default:
		return VALUE_OPAQUE;
	}
}

/*
 * Where the weight of a member begins (";q=", small letters, no blanks); its end if it has none
 * that is well-formed (RFC 9110 section 12.4.2).
 */
static size_t weight_at(struct bytes member)
{
	size_t at = member.len;

	while (at > 0 && member.at[at - 1] != ';')
		at--;
	if (!at || member.len - at < 3 || member.len - at > 7 || memcmp(member.at + at, "q=", 2) ||
	    (member.at[at + 2] != '0' && member.at[at + 2] != '1'))
		return member.len;
	for (size_t i = at + 2; i < member.len; i++)
		if (i == at + 3 ? member.at[i] != '.' : !char_is(member.at[i], CHAR_DIGIT))
			return member.len;
	return at - 1;
}

/* The shortest spelling of a weight: "q=0.50" is "q=0.5", and 1 is what is meant without one. */
static void shorten_weight(struct vary_value *value, size_t start)
{
	size_t weight = start + weight_at((struct bytes){value->at + start, value->len - start});
	size_t digits = weight + 3; /* of ";q=0.5", behind the sign of equality */

	if (weight == value->len)
		return;
	if (value->len > digits + 1)
		while (value->at[value->len - 1] == '0' || value->at[value->len - 1] == '.')
			if (value->at[--value->len] == '.')
				break;
	if (value->len == digits + 1 && value->at[digits] == '1')
		value->len = weight;
}

/* A member of such a set: no case, and blanks mean nothing even around ';' and '='. */
static bool add_token_member(struct vary_value *value, struct bytes member)
{
	size_t start = value->len;

	for (size_t i = 0; i < member.len; i++)
		if (!char_is_blank(member.at[i]) && !add_byte(value, char_lower(member.at[i])))
			return false;
	shorten_weight(value, start);
	return true;
}

/* value->at[start] is where the first line began. */
static bool add_line(struct vary_value *value, struct bytes line, enum value_kind kind,
		     size_t start)
{
	struct bytes member;

	if (kind == VALUE_OPAQUE)
		return (value->len == start || add(value, BYTES(", "))) && add(value, line);
	while (list_next(&line, &member)) {
		if (value->len > start && !add_byte(value, ','))
			return false;
		if (!(kind == VALUE_LIST ? add(value, member) : add_token_member(value, member)))
			return false;
	}
	return true;
}

static int compare(struct bytes a, struct bytes b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Put the members of a list in order, by insertion: there are few. Too many stay as they are. */
static void sort_members(char *at, size_t len)
{
	struct bytes members[SORTED_MEMBERS_MAX], member, rest = {at, len};
	char sorted[SORTED_BYTES_MAX];
	size_t count = 0, used = 0;

	if (len > sizeof(sorted))
		return;
	while (list_next(&rest, &member)) {
		size_t i = count;

		if (count == SORTED_MEMBERS_MAX)
			return;
		for (; i > 0 && compare(members[i - 1], member) > 0; i--)
			members[i] = members[i - 1];
		members[i] = member;
		count++;
	}
	for (size_t i = 0; i < count; i++) {
		if (i)
			sorted[used++] = ',';
		memcpy(sorted + used, members[i].at, members[i].len);
		used += members[i].len;
	}
	memcpy(at, sorted, used);
}

bool vary_normalise(const struct fields *request, struct bytes name, struct vary_value *value)
{
	enum value_kind kind = kind_of(name);
	size_t start = value->len;

	value->is_given = false;
	for (const struct field *field = fields_find(request, name, NULL); field;
	     field = fields_find(request, name, field)) {
		value->is_given = true;
		if (!add_line(value, field->value, kind, start))
			return false;
	}
	if (kind == VALUE_SET && value->len > start)
		sort_members(value->at + start, value->len - start);
	return true;
}

/* "name ':' value LF", or "name LF" where the request has no such field. */
static bool add_selection(struct vary_value *out, const struct fields *request, struct bytes name)
{
	size_t colon_at;

	for (size_t i = 0; i < name.len; i++)
		if (!add_byte(out, char_lower(name.at[i])))
			return false;
	colon_at = out->len;
	if (!add_byte(out, ':') || !vary_normalise(request, name, out))
		return false;
	if (!out->is_given)
		out->len = colon_at;
	return add_byte(out, '\n');
}

static bool is_listed(const struct bytes *names, size_t count, struct bytes name)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal_nocase(names[i], name))
			return true;
	return false;
}

/*
 * Whether the origin is told so by us, whatever the client sent: then its own line selects nothing. Scheme and host
 * are in every key.
 */
static bool is_told_by_us(struct bytes name)
{
	const enum field_name id = field_name_find(name);

	return field_flags(id, name) & FIELD_SAYS_CLIENT && id != FIELD_X_FORWARDED_PROTO &&
	       id != FIELD_X_FORWARDED_HOST;
}

/* The names of all Vary lines, each once. */
static enum vary_result collect_names(const struct fields *response,
				      struct bytes names[static VARY_NAMES_MAX], size_t *ret_count)
{
	size_t count = 0;

	for (const struct field *vary = fields_first(response, FIELD_VARY); vary;
	     vary = fields_next(response, vary)) {
		struct bytes line = vary->value, name;

		while (list_next(&line, &name)) {
			if (bytes_equal(name, BYTES("*")) || is_told_by_us(name))
				return VARY_ANY;
			if (bytes_span(name, CHAR_TOKEN) != name.len)
				return VARY_BAD;
			if (is_listed(names, count, name))
				continue;
			if (count == VARY_NAMES_MAX)
				return VARY_BAD;
			names[count++] = name;
		}
	}
	*ret_count = count;
	return count ? VARY_SELECTED : VARY_NONE;
}

enum vary_result vary_select(const struct fields *response, const struct fields *request,
			     char out[static VARY_SELECTOR_MAX], struct bytes *ret_selector)
{
	struct vary_value selector = {.at = out, .room = VARY_SELECTOR_MAX};
	struct bytes names[VARY_NAMES_MAX];
	size_t count = 0;
	enum vary_result result = collect_names(response, names, &count);

	if (result != VARY_NONE && result != VARY_SELECTED)
		return result;
	for (size_t i = 0; i < count; i++)
		if (!add_selection(&selector, request, names[i]))
			return VARY_BAD;
	*ret_selector = (struct bytes){out, selector.len};
	return result;
}

bool vary_matches(struct bytes selector, const struct fields *request)
{
	char own[VARY_SELECTOR_MAX];

	/* vary_select() ends every line, so each search below finds one. */
	assert(!selector.len || selector.at[selector.len - 1] == '\n');
	while (selector.len) {
		const char *end = memchr(selector.at, '\n', selector.len);
		size_t len = (size_t)(end - selector.at) + 1;
		const char *colon = memchr(selector.at, ':', len);
		struct bytes name = {selector.at, (size_t)((colon ? colon : end) - selector.at)};
		struct vary_value value = {.at = own, .room = sizeof(own)};

		if (!add_selection(&value, request, name) || value.len != len ||
		    memcmp(own, selector.at, len))
			return false;
		selector = (struct bytes){selector.at + len, selector.len - len};
	}
	return true;
}
