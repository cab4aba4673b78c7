/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers from the store: whole, a range of it, or that it has not changed. */
#include "cache/facts_read.h"
#include "http/caching.h"
#include "http/exchange.h"
#include "message/chars.h"
#include "message/range.h"

#define SLICES_MAX   8
#define SEND_AT_ONCE (128ull << 10) /* what the kernel does not take of it has to be held */

/* ---- Heads ---- */

/* A stored head, line by line. False: no more. */
static bool next_line(struct bytes *rest, struct bytes *ret_line, struct bytes *ret_name)
{
	const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
	const char *colon;

	if (!end)
		return false;
	*ret_line = (struct bytes){rest->at, (size_t)(end - rest->at) + 1};
	*rest = bytes_from(*rest, ret_line->len);
	colon = memchr(ret_line->at, ':', ret_line->len);
	*ret_name = (struct bytes){ret_line->at, colon ? (size_t)(colon - ret_line->at) : 0};
	return true;
}

static struct bytes find_value(struct bytes head, struct bytes name)
{
	struct bytes line, other;

	while (next_line(&head, &line, &other))
		if (bytes_equal_nocase(other, name))
			return (struct bytes){line.at + name.len + 2, line.len - name.len - 4};
	return (struct bytes){NULL, 0};
}

/* RFC 9110 section 15.4.5: not what describes content that does not come along. */
static bool describes_content(struct bytes name)
{
	return name.len > 8 && !strncasecmp(name.at, "content-", 8) &&
	       !bytes_equal_nocase(name, BYTES("content-location"));
}

/* The stored head under another status; of the fields, with is_bare, those that go without content. */
static void write_fields(struct bytes head, bool is_bare, struct text *out)
{
	struct bytes line, name;

	(void)next_line(&head, &line, &name); /* the status line is the caller's */
	while (next_line(&head, &line, &name))
		if (!is_bare || !describes_content(name))
			text_add(out, line);
}

void caching_write_own(struct exchange *x, struct text *out)
{
	char status[CACHE_STATUS_MAX];

	/* An answer that comes straight from the origin need not say so. */
	if (!x->cache.is_owner || x->cache.age_s) {
		text_put(out, "Age: ");
		text_number(out, x->cache.age_s);
		text_put(out, "\r\n");
	}
	text_field(out, BYTES("Cache-Status"), caching_status(x, status));
	text_add(out, limiting_fields(x));
	if (!x->keeps_conn)
		text_put(out, "Connection: close\r\n");
	else if (!x->minor)
		text_put(out, "Connection: keep-alive\r\n");
	text_put(out, "\r\n");
}

void caching_write_length(struct text *out, uint64_t len)
{
	text_put(out, "Content-Length: ");
	text_number(out, len);
	text_put(out, "\r\n");
}

static void write_range(struct text *out, const struct content_range *range)
{
	char room[CONTENT_RANGE_TEXT_MAX];

	text_field(out, BYTES("Content-Range"), content_range_format(range, room));
}

/* ---- What of it ---- */

static bool if_range_lets(const struct fields *fields, const struct cache_object *object)
{
	const struct field *field = fields_first(fields, FIELD_IF_RANGE);
	struct bytes modified = {NULL, 0};
	struct etag tag;
	bool has_tag = etag_parse(object_validators(object).etag, &tag);
	/* RFC 9110 section 6.6.1: without a Date it is when it came. */
	int64_t date = object->has_date ? object->date_unix_s : object->received_unix_s;

	if (!field)
		return true;
	/* Section 8.8.2.2: what may have changed twice within its second proves nothing. */
	if (object->has_last_modified && object->last_modified_unix_s < date)
		modified = find_value(object_head(object), BYTES("last-modified"));
	return !fields_next(fields, field) &&
	       if_range_holds(field->value, has_tag ? &tag : NULL, modified);
}

/* RFC 9110 section 14.2. Several ranges are answered with the whole, which is always allowed. */
static enum range_result choose_range(struct exchange *x, struct range *ret_range)
{
	const struct fields *fields = &exchange_request(x)->head.fields;
	const struct cache_object *object = x->cache.object;
	const struct field *field = fields_first(fields, FIELD_RANGE);
	enum range_result result;
	struct ranges ranges;

	if (!field || x->method != METHOD_GET || object->status != 200 ||
	    fields_next(fields, field) || !if_range_lets(fields, object))
		return RANGE_WHOLE;
	result = range_parse(field->value, object->body_len, &ranges);
	if (result == RANGE_PARTS && ranges.count != 1)
		return RANGE_WHOLE;
	if (result == RANGE_PARTS)
		*ret_range = ranges.range[0];
	return result;
}

static void write_whole(struct exchange *x, struct text *out)
{
	const struct cache_object *object = x->cache.object;

	x->status = object->status;
	x->cache.offset = 0;
	x->cache.end = x->method == METHOD_HEAD ? 0 : object->body_len;
	text_add(out, object_head(object));
	if (!caching_has_no_content(object->status))
		caching_write_length(out, object->body_len);
}

static void write_part(struct exchange *x, const struct range *range, struct text *out)
{
	const struct cache_object *object = x->cache.object;
	const struct content_range content = {true, *range, object->body_len};

	x->status = 206;
	x->cache.offset = range->first;
	x->cache.end = range->last + 1;
	text_put(out, "HTTP/1.1 206 Partial Content\r\n");
	write_fields(object_head(object), false, out);
	write_range(out, &content);
	caching_write_length(out, range->last - range->first + 1);
}

static void write_unsatisfiable(struct exchange *x, struct text *out)
{
	const struct content_range content = {.complete = x->cache.object->body_len};

	x->status = 416;
	text_put(out, "HTTP/1.1 416 Range Not Satisfiable\r\n");
	write_fields(object_head(x->cache.object), true, out);
	write_range(out, &content);
	caching_write_length(out, 0);
}

void caching_write_not_modified(struct exchange *x, struct bytes head, struct text *out)
{
	x->status = 304;
	text_put(out, "HTTP/1.1 304 Not Modified\r\n");
	write_fields(head, true, out);
}

bool caching_is_unmodified(struct exchange *x, const struct validators *stored, unsigned status)
{
	const struct fields *fields = &exchange_request(x)->head.fields;
	struct conditions asked;

	/* As nearly always: then nothing of what is stored need be read either. */
	if (!fields_first(fields, FIELD_IF_NONE_MATCH) &&
	    !fields_first(fields, FIELD_IF_MODIFIED_SINCE))
		return false;
	asked = facts_of_conditions(fields, stored->etag, x->worker->now_unix_s);
	return validation_condition(&asked, stored, status) == CONDITION_304;
}

static void write_answer(struct exchange *x, struct text *out)
{
	const struct cache_object *object = x->cache.object;
	const struct validators stored = object_validators(object);
	struct range range;

	x->cache.offset = x->cache.end = 0;
	if (caching_is_unmodified(x, &stored, object->status)) {
		caching_write_not_modified(x, object_head(object), out);
		return;
	}
	switch (choose_range(x, &range)) {
	case RANGE_WHOLE:
		write_whole(x, out);
		break;
	case RANGE_PARTS:
		write_part(x, &range, out);
		break;
	case RANGE_UNSATISFIABLE:
		write_unsatisfiable(x, out);
		break;
	}
}

/* ---- From the store ---- */

bool caching_keeps_conn(const struct exchange *x)
{
	return x->client_persists && x->up.has_ended && !x->worker->is_draining;
}

/* Send more of the body, behind head if there is one. False: the client has gone. */
static bool send_body(struct exchange *x, struct bytes head)
{
	struct caching *c = &x->cache;
	struct iovec iov[1 + SLICES_MAX];
	uint64_t left = c->end - c->offset, room = SEND_AT_ONCE;
	int parts = 0, slices;

	if (head.len)
		iov[parts++] = (struct iovec){(void *)head.at, head.len};
	slices = left ? object_slices(c->object, c->offset, iov + parts, SLICES_MAX) : 0;
	for (int i = 0; i < slices && left && room; i++, parts++) {
		uint64_t len = iov[parts].iov_len;

		len = len < left ? len : left;
		len = len < room ? len : room;
		iov[parts].iov_len = len;
		c->offset += len;
		left -= len;
		room -= len;
	}
	x->has_answered = true;
	return wire_send(&x->conn->wire, &x->worker->memory, iov, parts);
}

static bool begin_answer(struct exchange *x)
{
	struct worker *worker = x->worker;
	struct text out = {worker->head_out, worker->head_out + SCRATCH_HEAD, false};

	x->keeps_conn = caching_keeps_conn(x);
	write_answer(x, &out);
	caching_write_own(x, &out);
	if (out.is_cut)
		return false;
	return send_body(x, text_since(&out, worker->head_out));
}

static enum progress serve_object(struct exchange *x)
{
	struct caching *c = &x->cache;

	if (!x->has_answered && !begin_answer(x))
		return PROGRESS_RESET;
	for (int i = 0; i < READS_A_TURN; i++) {
		if (!wire_flush(&x->conn->wire, &x->worker->memory))
			return PROGRESS_RESET;
		if (x->conn->wire.out.len)
			return PROGRESS_WAIT;
		if (c->offset == c->end)
			return go(x, STAGE_FINISH);
		if (!send_body(x, (struct bytes){NULL, 0}))
			return PROGRESS_RESET;
	}
	worker_turn(x->worker, &x->conn->poll);
	return PROGRESS_WAIT;
}

enum progress caching_serve(struct exchange *x)
{
	enum progress progress;

	if (x->cache.fill && !caching_feed(x, &progress))
		return progress;
	if (x->cache.is_left)
		return x->cache.fill && fill_is_wanted(x->cache.fill) ? PROGRESS_WAIT
								      : PROGRESS_RESET;
	return x->cache.waiter.fill ? caching_serve_shared(x) : serve_object(x);
}
