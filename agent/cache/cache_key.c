/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_key.h"

#include <errno.h>

#include "message/chars.h"

/* Take the next parameter off a query; "a&&b" has an empty one in the middle. */
static bool next_parameter(struct bytes *query, struct bytes *ret_parameter)
{
	const char *end;
	size_t len;

	if (!query->at)
		return false;
	end = query->len ? memchr(query->at, '&', query->len) : NULL;
	len = end ? (size_t)(end - query->at) : query->len;
	*ret_parameter = (struct bytes){query->at, len};
	*query = end ? (struct bytes){end + 1, query->len - len - 1} : (struct bytes){NULL, 0};
	return true;
}

static bool is_called(struct bytes parameter, struct bytes name)
{
	return parameter.len >= name.len && !memcmp(parameter.at, name.at, name.len) &&
	       (parameter.len == name.len || parameter.at[name.len] == '=');
}

static bool is_excepted(const struct key_parts *parts, struct bytes parameter)
{
	for (size_t i = 0; i < parts->query_name_count; i++)
		if (is_called(parameter, parts->query_names[i]))
			return true;
	return false;
}

static void add_parameter(struct buffer *out, struct bytes parameter, bool *is_first)
{
	buffer_add(out, *is_first ? BYTES("?") : BYTES("&"));
	buffer_add(out, parameter);
	*is_first = false;
}

/* One pass a name: the list is the policy's and short, the query is a stranger's. */
static void add_chosen(const struct key_parts *parts, struct buffer *out)
{
	bool is_first = true;

	for (size_t i = 0; i < parts->query_name_count; i++) {
		struct bytes rest = parts->query, parameter;

		while (next_parameter(&rest, &parameter))
			if (is_called(parameter, parts->query_names[i]))
				add_parameter(out, parameter, &is_first);
	}
}

static void add_remaining(const struct key_parts *parts, struct buffer *out)
{
	struct bytes rest = parts->query, parameter;
	bool is_first = true;

	while (next_parameter(&rest, &parameter))
		if (!is_excepted(parts, parameter))
			add_parameter(out, parameter, &is_first);
}

static void add_query(const struct key_parts *parts, struct buffer *out)
{
	if (!parts->has_query)
		return;
	switch (parts->query_rule) {
	case QUERY_ALL:
		buffer_add(out, BYTES("?"));
		buffer_add(out, parts->query);
		return;
	case QUERY_NONE:
		return;
	case QUERY_ONLY:
		add_chosen(parts, out);
		return;
	case QUERY_EXCEPT:
		add_remaining(parts, out);
		return;
	}
}

static int add_dimension(const struct key_dimension *dimension, struct buffer *out)
{
	const char start[2] = {'\n', dimension->kind};

	if (bytes_have_control(dimension->name) ||
	    (dimension->is_given && bytes_have_control(dimension->value)))
		return -EINVAL;
	buffer_add(out, (struct bytes){start, sizeof(start)});
	buffer_add(out, dimension->name);
	if (dimension->is_given) {
		buffer_add(out, BYTES("="));
		buffer_add(out, dimension->value);
	}
	return 0;
}

int cache_key_build(const struct key_parts *parts, struct buffer *out, struct cache_key *ret_key)
{
	size_t url_len;

	out->len = 0;
	out->error = 0;
	buffer_add(out, parts->scheme);
	buffer_add(out, BYTES("://"));
	buffer_add(out, parts->host);
	buffer_add(out, parts->path);
	/* Of the query all is looked at, also what is no part of the key. */
	if (bytes_have_control((struct bytes){out->at, out->len}) ||
	    (parts->has_query && bytes_have_control(parts->query)))
		return -EINVAL;
	add_query(parts, out);
	url_len = out->len;

	for (size_t i = 0; i < parts->dimension_count; i++)
		if (add_dimension(&parts->dimensions[i], out))
			return -EINVAL;
	if (out->error)
		return out->error;
	*ret_key = (struct cache_key){.whole = {out->at, out->len}, .url_len = url_len};
	return 0;
}
