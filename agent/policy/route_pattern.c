/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/route_pattern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "message/chars.h"
#include "message/head.h"
#include "message/host.h"
#include "message/path.h"

struct source {
	struct bytes text; /* the whole pattern */
	struct route_error *error;
};

static int fail_at(const struct source *source, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail_at(const struct source *source, const char *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(source->error->text, sizeof(source->error->text), format, args);
	va_end(args);
	source->error->offset = (size_t)(at - source->text.at);
	return -EINVAL;
}

static int unexpected(const struct source *source, struct bytes found, const char *expected)
{
	char quoted[72];

	return fail_at(source, found.at, "found %s, expected %s",
		       log_quote_bytes(found, quoted, sizeof(quoted)), expected);
}

static bool has_small_letter(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] >= 'a' && text.at[i] <= 'z')
			return true;
	return false;
}

static int read_method(const struct source *source, struct bytes *text, struct bytes *ret_method)
{
	struct bytes method = {text->at, 0};

	while (method.len < text->len && text->at[method.len] != ' ')
		method.len++;
	*ret_method = (struct bytes){NULL, 0};
	if (method.len == text->len)
		return 0;
	if (!method.len || method.len > HEAD_METHOD_MAX ||
	    bytes_span(method, CHAR_TOKEN) != method.len)
		return unexpected(source, method, "a method, a space, and a path");
	if (has_small_letter(method))
		return unexpected(source, method, "a method in capitals");
	if (bytes_equal(method, BYTES("CONNECT")) || bytes_equal(method, BYTES("TRACE")))
		return unexpected(source, method, "another method: this one is always refused");
	*ret_method = method;
	*text = bytes_trim(bytes_from(*text, method.len));
	return 0;
}

static bool has_capital(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (char_lower(text.at[i]) != text.at[i])
			return true;
	return false;
}

static int read_host(const struct source *source, struct bytes *text, struct bytes *ret_host)
{
	const char *slash = text->len ? memchr(text->at, '/', text->len) : NULL;
	struct bytes whole, name;
	struct host host;

	if (!slash)
		return unexpected(source, *text, "a path that begins with '/'");
	whole = name = (struct bytes){text->at, (size_t)(slash - text->at)};
	*text = bytes_from(*text, whole.len);
	*ret_host = (struct bytes){NULL, 0};
	if (!whole.len)
		return 0;

	if (whole.len > 2 && !memcmp(whole.at, "*.", 2))
		name = bytes_from(whole, 2);
	if (!host_parse(name, &host) || host.name.len != name.len)
		return unexpected(
			source, whole,
			"a host's name without port, or \"*.\" and a name, before the path");
	if (has_capital(name))
		return unexpected(source, whole, "a host's name in small letters");
	*ret_host = name.len == whole.len ? name : bytes_from(whole, 1);
	return 0;
}

/* Requests are matched in normal form: text that is not in it would never fit. */
static int check_normal(const struct source *source, struct bytes segment)
{
	char raw[ROUTE_MATCH_MAX + 1], normal[3 * sizeof(raw)], quoted[72];
	struct path path;

	if (bytes_span(segment, CHAR_TARGET) != segment.len || memchr(segment.at, '?', segment.len))
		return unexpected(
			source, segment,
			"printable ASCII without '#' and '?'; the query is no part of it");
	raw[0] = '/';
	memcpy(raw + 1, segment.at, segment.len);
	if (path_normalise((struct bytes){raw, segment.len + 1},
			   (struct path_room){normal, sizeof(normal)}, &path))
		return unexpected(source, segment, "two hexadecimal digits behind each '%'");
	if (!bytes_equal(path.text, (struct bytes){raw, segment.len + 1}))
		return fail_at(source, segment.at,
			       "paths are matched in normal form, where this is %s",
			       log_quote_bytes(path.text, quoted, sizeof(quoted)));
	return 0;
}

static bool is_name(struct bytes segment)
{
	return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}' &&
	       bytes_span((struct bytes){segment.at + 1, segment.len - 2}, CHAR_TOKEN) ==
		       segment.len - 2;
}

static bool has_any(struct bytes segment, const char *set)
{
	for (; *set; set++)
		if (memchr(segment.at, *set, segment.len))
			return true;
	return false;
}

static int read_segment(const struct source *source, struct bytes segment, bool is_last,
			struct route_segment *ret_segment)
{
	if (is_name(segment)) {
		*ret_segment =
			(struct route_segment){SEGMENT_NAMED, {segment.at + 1, segment.len - 2}};
		return 0;
	}
	if (has_any(segment, "{}<>"))
		return unexpected(source, segment, "text, or {name} alone between two '/'");
	ret_segment->kind = SEGMENT_TEXT;
	if (is_last && segment.len && segment.at[segment.len - 1] == '*') {
		ret_segment->kind = SEGMENT_STAR;
		segment.len--;
	}
	ret_segment->text = segment;
	if (memchr(segment.at, '*', segment.len))
		return unexpected(source, segment,
				  "'*' as the last byte only; write %2A for the character");
	return segment.len ? check_normal(source, segment) : 0;
}

static int read_path(const struct source *source, struct bytes path, struct route_pattern *pattern)
{
	bool is_last = false;

	while (!is_last) {
		struct bytes segment;
		const char *slash;
		int err;

		path = bytes_from(path, 1); /* the '/' before it */
		slash = path.len ? memchr(path.at, '/', path.len) : NULL;
		is_last = !slash;
		segment = (struct bytes){path.at, slash ? (size_t)(slash - path.at) : path.len};
		if (pattern->segment_count == ROUTE_SEGMENTS_MAX)
			return fail_at(source, segment.at, "more than %d segments",
				       ROUTE_SEGMENTS_MAX);
		err = read_segment(source, segment, is_last,
				   &pattern->segments[pattern->segment_count++]);
		if (err)
			return err;
		path = bytes_from(path, segment.len);
	}
	return 0;
}

int route_pattern_parse(struct bytes text, struct route_pattern *ret_pattern,
			struct route_error *ret_error)
{
	const struct source source = {text, ret_error};
	int err;

	ret_pattern->segment_count = 0;
	if (text.len > ROUTE_MATCH_MAX)
		return fail_at(&source, text.at, "longer than %d bytes", ROUTE_MATCH_MAX);
	err = read_method(&source, &text, &ret_pattern->method);
	if (!err)
		err = read_host(&source, &text, &ret_pattern->host);
	return err ? err : read_path(&source, text, ret_pattern);
}
