/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/flow_text.h"

bool flow_text_inside(struct bytes text, struct bytes *ret_inside)
{
	if (text.len < 2 || text.at[0] != '{' || text.at[text.len - 1] != '}')
		return false;
	*ret_inside = (struct bytes){text.at + 1, text.len - 2};
	return true;
}

/* Where end stands in text, outside of quotes and of other brackets; the length of text if it does not. */
static size_t find_outside(struct bytes text, char end)
{
	size_t depth = 0;
	bool in_quotes = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (in_quotes && c == '\\')
			i++;
		else if (c == '"')
			in_quotes = !in_quotes;
		else if (in_quotes)
			continue;
		else if (c == end && !depth)
			return i;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth)
			depth--;
	}
	return text.len;
}

static struct bytes without_spaces(struct bytes text)
{
	while (text.len && text.at[0] == ' ')
		text = bytes_from(text, 1);
	return text;
}

bool flow_text_take(struct bytes *inside, struct flow_text_pair *ret_pair)
{
	struct bytes rest = without_spaces(*inside);
	size_t len = find_outside(rest, ',');
	size_t colon = find_outside((struct bytes){rest.at, len}, ':');

	if (!len || colon == len)
		return false;
	ret_pair->key = (struct bytes){rest.at, colon};
	ret_pair->value = without_spaces((struct bytes){rest.at + colon + 1, len - colon - 1});
	*inside = bytes_from(rest, len < rest.len ? len + 1 : len);
	return true;
}

struct bytes flow_text_value(struct bytes inside, struct bytes key)
{
	struct flow_text_pair pair;

	while (flow_text_take(&inside, &pair))
		if (bytes_equal(pair.key, key))
			return pair.value;
	return (struct bytes){NULL, 0};
}
