/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/invalidation.h"

#include <errno.h>

#include "message/chars.h"
#include "message/host.h"
#include "message/path.h"

bool invalidation_applies(enum asked_method method, unsigned status)
{
	/* A non-error answer is 2xx or 3xx (RFC 9111 section 4.4). */
	return method == ASKS_UNSAFE && status >= 200 && status <= 399;
}

/* A reference taken apart as in RFC 3986 appendix B; at == NULL is "undefined". */
struct reference {
	struct bytes scheme;
	struct bytes authority;
	struct bytes path;
	struct bytes query;
};

/* Cut text at the first of these bytes; what follows that byte goes to *ret_rest (at NULL: none found). */
static struct bytes cut_at(struct bytes text, const char *stops, struct bytes *ret_rest)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] && strchr(stops, text.at[i])) {
			*ret_rest = (struct bytes){text.at + i + 1, text.len - i - 1};
			return (struct bytes){text.at, i};
		}
	}
	*ret_rest = (struct bytes){NULL, 0};
	return text;
}

static bool has_scheme(struct bytes text, size_t *ret_len)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (c == ':' && i > 0) {
			*ret_len = i;
			return true;
		}
		if (!is_letter && !(i > 0 && ((c >= '0' && c <= '9') || strchr("+-.", c))))
			return false;
	}
	return false;
}

static struct reference take_apart(struct bytes text)
{
	struct reference ref = {0};
	struct bytes fragment;
	size_t len = 0;

	text = cut_at(text, "#", &fragment);
	text = cut_at(text, "?", &ref.query);
	if (has_scheme(text, &len)) {
		ref.scheme = (struct bytes){text.at, len};
		text = (struct bytes){text.at + len + 1, text.len - len - 1};
	}
	if (text.len >= 2 && text.at[0] == '/' && text.at[1] == '/') {
		const char *slash = memchr(text.at + 2, '/', text.len - 2);
		size_t end = slash ? (size_t)(slash - text.at) : text.len;

		ref.authority = (struct bytes){text.at + 2, end - 2};
		text = (struct bytes){text.at + end, text.len - end};
	}
	ref.path = text;
	return ref;
}

static uint16_t default_port(struct bytes scheme)
{
	if (bytes_equal_nocase(scheme, BYTES("http")))
		return 80;
	return bytes_equal_nocase(scheme, BYTES("https")) ? 443 : 0;
}

/* RFC 9110 section 4.3.1: same scheme, host and port. */
static int check_origin(const struct reference *base, const struct reference *ref)
{
	struct host ours, theirs;

	if (!ref->scheme.at && !ref->authority.at)
		return 0;
	if (ref->scheme.at && !default_port(ref->scheme))
		return -EINVAL;
	if (ref->scheme.at && !ref->authority.at) /* "http:path" is a relic nobody reads alike */
		return -EINVAL;
	if (!host_parse(base->authority, &ours) || !host_parse(ref->authority, &theirs))
		return -EINVAL;
	if (ref->scheme.at && !bytes_equal_nocase(ref->scheme, base->scheme))
		return -EXDEV;
	return host_equal(&ours, &theirs, default_port(base->scheme)) ? 0 : -EXDEV;
}

/* RFC 3986 section 5.2.2, the path before its dots are removed. */
static void add_raw_path(struct buffer *out, const struct reference *base,
			 const struct reference *ref)
{
	size_t keep = base->path.len;

	if (ref->path.len && ref->path.at[0] == '/') {
		buffer_add(out, ref->path);
	} else if (ref->authority.at) {
		buffer_add(out, BYTES("/"));
	} else if (ref->path.len) {
		/* Section 5.2.3: all of the base's path up to its last slash, then the reference's. */
		while (keep > 0 && base->path.at[keep - 1] != '/')
			keep--;
		buffer_add(out, keep ? (struct bytes){base->path.at, keep} : BYTES("/"));
		buffer_add(out, ref->path);
	} else {
		buffer_add(out, base->path.len ? base->path : BYTES("/"));
	}
}

/* Append the path in the normal form that keys have. */
static int add_path(struct buffer *out, const struct reference *base, const struct reference *ref)
{
	auto_buffer struct buffer raw = buffer_new(out->max);
	auto_buffer struct buffer room = buffer_new(3 * out->max);
	struct path path;

	add_raw_path(&raw, base, ref);
	if (raw.error || buffer_reserve(&room, 3 * raw.len))
		return raw.error ? raw.error : room.error;
	if (bytes_span((struct bytes){raw.at, raw.len}, CHAR_TARGET) != raw.len ||
	    path_normalise((struct bytes){raw.at, raw.len},
			   (struct path_room){room.at, 3 * raw.len}, &path) != MESSAGE_DONE)
		return -EINVAL;
	buffer_add(out, path.text);
	return 0;
}

static int add_path_and_query(struct buffer *out, const struct reference *base,
			      const struct reference *ref)
{
	struct bytes query = ref->query;
	int err = add_path(out, base, ref);

	if (!ref->path.len && !ref->authority.at && !query.at)
		query = base->query;
	if (query.at) {
		buffer_add(out, BYTES("?"));
		buffer_add(out, query);
	}
	return err ? err : out->error;
}

int invalidation_resolve(struct bytes url, struct bytes reference, struct buffer *out)
{
	struct reference base = take_apart(url), ref = take_apart(reference);
	int err = check_origin(&base, &ref);

	if (err)
		return err;
	out->len = 0;
	out->error = 0;
	buffer_add(out, base.scheme);
	buffer_add(out, BYTES("://"));
	buffer_add(out, base.authority);
	return add_path_and_query(out, &base, &ref);
}
