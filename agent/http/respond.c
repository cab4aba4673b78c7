/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/respond.h"

#include "limit/limit_fields.h"
#include "message/date.h"

static void write_status(const struct response_head *resp, struct text *out)
{
	text_put(out, "HTTP/1.1 ");
	text_number(out, resp->status);
	text_put(out, " ");
	text_add(out, resp->reason);
	text_put(out, "\r\n");
}

static bool begins(struct bytes name, struct bytes with)
{
	return name.len >= with.len && bytes_equal_nocase((struct bytes){name.at, with.len}, with);
}

/* Whether ours say what this field says: the newest names of a family, and those of older drafts. */
static bool is_replaced(const struct field *field, unsigned families)
{
	if (families & LIMIT_FIELDS_X_RATELIMIT && begins(field->name, BYTES("x-ratelimit-")))
		return true;
	return families & LIMIT_FIELDS_RATELIMIT &&
	       (field->id == FIELD_RATELIMIT || begins(field->name, BYTES("ratelimit-")));
}

/* Framing is ours. A field with an underscore is the client's business, not a gateway's. */
static void write_copied(const struct respond *respond, struct text *out)
{
	const struct fields *fields = &respond->resp->fields;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (field->id == FIELD_CONTENT_LENGTH ||
		    field_set_has(&respond->connection->hop, i) ||
		    (respond->limit_families && is_replaced(field, respond->limit_families)))
			continue;
		text_field(out, field->name, field->value);
	}
}

static void write_via(const struct respond *respond, struct text *out)
{
	text_add(out, respond->resp->minor ? BYTES("Via: 1.1 ") : BYTES("Via: 1.0 "));
	text_add(out, bytes_of(respond->name));
	text_put(out, "\r\n");
}

/* A length is told where there is one, also where only a GET would have had that content. */
static void write_framing(const struct respond *respond, struct text *out)
{
	bool tells_length =
		respond->body->length_given && respond->resp->status != 204 &&
		respond->resp->status >= 200 &&
		(respond->framing == FRAMING_LENGTH || respond->framing == FRAMING_NONE);

	if (tells_length) {
		text_put(out, "Content-Length: ");
		text_number(out, respond->body->length);
		text_put(out, "\r\n");
	}
	if (respond->framing == FRAMING_CHUNKED)
		text_put(out, "Transfer-Encoding: chunked\r\n");
}

static void write_connection(const struct respond *respond, struct text *out)
{
	if (respond->is_upgrade)
		text_put(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	else if (!respond->keeps_alive)
		text_put(out, "Connection: close\r\n");
	else if (!respond->client_minor)
		text_put(out, "Connection: keep-alive\r\n");
}

void respond_write(const struct respond *respond, struct text *out)
{
	write_status(respond->resp, out);
	write_copied(respond, out);
	write_framing(respond, out);
	if (!fields_first(&respond->resp->fields, FIELD_DATE) && respond->resp->status >= 200)
		text_field(out, BYTES("Date"), (struct bytes){respond->date, DATE_TEXT_LEN});
	write_via(respond, out);
	if (respond->cache_status.len)
		text_field(out, BYTES("Cache-Status"), respond->cache_status);
	text_add(out, respond->limit_fields);
	write_connection(respond, out);
	text_put(out, "\r\n");
}

/* RFC 9111 section 3.1; Age and Cache-Status are said anew each time, limits are the client's own. */
static bool is_stored(const struct respond *respond, unsigned index)
{
	const struct field *field = &respond->resp->fields.field[index];

	if (field_set_has(&respond->connection->hop, index) || field->id == FIELD_AGE ||
	    field->id == FIELD_CACHE_STATUS || field->id == FIELD_CONTENT_LENGTH)
		return false;
	return !is_replaced(field, LIMIT_FIELDS_ALL) &&
	       !(field_flags((enum field_name)field->id, field->name) &
		 (FIELD_NOT_STORED | FIELD_IS_LIMITS));
}

void respond_write_stored(const struct respond *respond, struct text *out)
{
	const struct fields *fields = &respond->resp->fields;

	write_status(respond->resp, out);
	for (unsigned i = 0; i < fields->count; i++)
		if (is_stored(respond, i))
			text_field(out, fields->field[i].name, fields->field[i].value);
	if (!fields_first(fields, FIELD_DATE))
		text_field(out, BYTES("Date"), (struct bytes){respond->date, DATE_TEXT_LEN});
	write_via(respond, out);
}

void respond_write_interim(const struct respond *respond, struct text *out)
{
	write_status(respond->resp, out);
	write_copied(respond, out);
	text_put(out, "\r\n");
}
