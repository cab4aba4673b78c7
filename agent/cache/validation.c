/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/validation.h"

static bool is_date(struct maybe_time time)
{
	return time.is_given && time.is_valid;
}

static bool is_strong(struct bytes text)
{
	struct etag tag;

	return etag_parse(text, &tag) && !tag.is_weak;
}

/* Texts that are no entity tags equal nothing (RFC 9110 section 8.8.3.2). */
static bool equal_strong(struct bytes a, struct bytes b)
{
	struct etag ours, theirs;

	return etag_parse(a, &ours) && etag_parse(b, &theirs) && etag_equal_strong(&ours, &theirs);
}

static bool equal_weak(struct bytes a, struct bytes b)
{
	struct etag ours, theirs;

	return etag_parse(a, &ours) && etag_parse(b, &theirs) && etag_equal_weak(&ours, &theirs);
}

/* RFC 9111 section 4.3.2: Last-Modified, else Date, else when it was received. */
static int64_t modified_at(const struct validators *stored)
{
	if (is_date(stored->last_modified))
		return stored->last_modified.unix_s;
	if (is_date(stored->date))
		return stored->date.unix_s;
	return stored->received_unix_s;
}

enum condition_result validation_condition(const struct conditions *conditions,
					   const struct validators *stored, unsigned status)
{
	/* RFC 9111 section 4.3.2: these two are for the origin alone. */
	if (conditions->has_if_match || conditions->has_if_unmodified_since)
		return CONDITION_ORIGIN;
	/* RFC 9110 section 13.2.1: a condition changes nothing but a success. */
	if (status < 200 || status > 299)
		return CONDITION_SEND;
	/* Section 13.2.2: If-Modified-Since is ignored beside If-None-Match, however that ends. */
	if (conditions->if_none_match != ETAG_ABSENT)
		return conditions->if_none_match == ETAG_MATCHES ? CONDITION_304 : CONDITION_SEND;
	if (is_date(conditions->if_modified_since) &&
	    modified_at(stored) <= conditions->if_modified_since.unix_s)
		return CONDITION_304;
	return CONDITION_SEND;
}

static bool matches_weakly(const struct validators *answer, const struct validators *stored)
{
	if (answer->etag.len && !equal_weak(answer->etag, stored->etag))
		return false;
	if (is_date(answer->last_modified) &&
	    (!is_date(stored->last_modified) ||
	     answer->last_modified.unix_s != stored->last_modified.unix_s))
		return false;
	return true;
}

static bool has_validator(const struct validators *of)
{
	return of->etag.len || is_date(of->last_modified);
}

static size_t choose_strong(struct bytes etag, const struct validators *stored, size_t count,
			    bool *is_chosen)
{
	size_t chosen = 0;

	for (size_t i = 0; i < count; i++) {
		is_chosen[i] = equal_strong(etag, stored[i].etag);
		chosen += is_chosen[i];
	}
	return chosen;
}

static size_t choose_weak(const struct validators *answer, const struct validators *stored,
			  size_t count, bool *is_chosen)
{
	for (size_t i = 0; i < count; i++) {
		if (!matches_weakly(answer, &stored[i]))
			continue;
		is_chosen[i] = true;
		return 1;
	}
	return 0;
}

size_t validation_choose(const struct validators *answer, const struct validators *stored,
			 size_t count, bool *is_chosen)
{
	memset(is_chosen, 0, count * sizeof(*is_chosen));

	if (is_strong(answer->etag))
		return choose_strong(answer->etag, stored, count, is_chosen);
	if (has_validator(answer))
		return choose_weak(answer, stored, count, is_chosen);
	/* No validator at all: only where there is nothing to confuse it with. */
	if (count == 1 && !has_validator(&stored[0])) {
		is_chosen[0] = true;
		return 1;
	}
	return 0;
}

enum head_update validation_head(const struct validators *answer, int64_t answer_len,
				 const struct validators *stored, int64_t stored_len)
{
	if (!matches_weakly(answer, stored))
		return HEAD_INVALIDATES;
	if (answer_len >= 0 && stored_len >= 0 && answer_len != stored_len)
		return HEAD_INVALIDATES;
	return HEAD_UPDATES;
}

/* Checksums of the stored bytes; there are no numbers for these names. */
static bool is_digest(struct bytes name)
{
	static const char *const names[] = {"content-md5", "content-digest", "repr-digest",
					    "digest"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (bytes_equal_nocase(name, bytes_of(names[i])))
			return true;
	return false;
}

/*
 * Whether a 304 may put its field of this name into a stored response (RFC 9111 sections 3.1,
 * 3.2, 4.3.4): not what belongs to the connection, the proxy or the framing, and not what
 * describes the stored bytes.
 */
static bool may_update(const struct field *field)
{
	switch (field->id) {
	case FIELD_CONTENT_ENCODING: /* these describe the bytes that are stored, */
	case FIELD_CONTENT_LENGTH:
	case FIELD_CONTENT_RANGE:
	case FIELD_ETAG:
	case FIELD_AGE: /* and this one is computed, never stored */
		return false;
	}
	if (field->id == FIELD_OTHER && is_digest(field->name))
		return false;
	return !(field_flags(field->id, field->name) & (FIELD_IS_HOP | FIELD_NOT_STORED));
}

static bool is_taken(const struct head_merge *merge, const struct field *field)
{
	return may_update(field) &&
	       !(merge->is_dropped && merge->is_dropped(merge->context, field));
}

/* Else what has just been confirmed would go on being as old as what was stored first. */
static bool is_dated_here(const struct head_merge *merge)
{
	return merge->date.len && !fields_first(merge->answer, FIELD_DATE);
}

static bool is_replaced(const struct head_merge *merge, struct bytes name)
{
	if (is_dated_here(merge) && bytes_equal_nocase(name, BYTES("date")))
		return true;
	for (const struct field *field = fields_find(merge->answer, name, NULL); field;
	     field = fields_find(merge->answer, name, field))
		if (is_taken(merge, field))
			return true;
	return false;
}

/* The next line with its CR LF; false when there is none. */
static bool next_line(struct bytes *text, struct bytes *ret_line)
{
	const char *end = text->len ? memchr(text->at, '\n', text->len) : NULL;
	size_t len;

	if (!end)
		return false;
	len = (size_t)(end - text->at) + 1;
	*ret_line = (struct bytes){text->at, len};
	*text = (struct bytes){text->at + len, text->len - len};
	return true;
}

static void add_field(struct buffer *out, struct bytes name, struct bytes value)
{
	buffer_add(out, name);
	buffer_add(out, BYTES(": "));
	buffer_add(out, value);
	buffer_add(out, BYTES("\r\n"));
}

void validation_merge(const struct head_merge *merge, struct buffer *out)
{
	struct bytes rest = merge->stored_head, line;

	if (next_line(&rest, &line))
		buffer_add(
			out,
			line); /* the status line stays: a 304 is no status of the representation */
	while (next_line(&rest, &line)) {
		const char *colon = memchr(line.at, ':', line.len);

		if (colon && is_replaced(merge, (struct bytes){line.at, (size_t)(colon - line.at)}))
			continue;
		buffer_add(out, line);
	}
	for (size_t i = 0; i < merge->answer->count; i++) {
		const struct field *field = &merge->answer->field[i];

		if (is_taken(merge, field))
			add_field(out, field->name, field->value);
	}
	if (is_dated_here(merge))
		add_field(out, BYTES("Date"), merge->date);
}
