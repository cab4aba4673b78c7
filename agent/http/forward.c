/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/forward.h"

#include <string.h>

#include "message/chars.h"

static bool is_request_id(struct bytes text)
{
	if (!text.len || text.len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.at[i];
		bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';

		if (!is_letter && !char_is(byte, CHAR_DIGIT) && byte != '.' && byte != '_' &&
		    byte != '-')
			return false;
	}
	return true;
}

struct bytes forward_request_id(const struct request *req, struct bytes ours)
{
	const struct field *field = fields_first(&req->head.fields, FIELD_X_REQUEST_ID);

	if (req->peer_is_trusted && field && !field->next && is_request_id(field->value))
		return field->value;
	return ours;
}

/* ---- Start line ---- */

static void write_line(const struct forward *forward, struct text *out)
{
	const struct request *req = forward->req;

	text_add(out, req->head.method_text);
	text_put(out, " ");
	if (req->target.is_asterisk)
		text_put(out, "*");
	else
		text_add(out, req->target.path.text);
	if (req->target.has_query) {
		text_put(out, "?");
		text_add(out, req->target.query);
	}
	text_put(out, " HTTP/1.1\r\n");
	text_field(out, BYTES("Host"),
		   req->target.has_host ? req->authority_text : forward->server_name);
}

/* ---- What is copied ---- */

/* Fields that we write ourselves, whatever came. */
static bool is_ours(enum field_name id)
{
	switch ((unsigned)id) {
	case FIELD_HOST:
	case FIELD_CONTENT_LENGTH:
	case FIELD_EXPECT:
	case FIELD_MAX_FORWARDS:
	case FIELD_X_REQUEST_ID:
	case FIELD_X_FORWARDED_FOR:
	case FIELD_X_FORWARDED_PROTO:
	case FIELD_X_FORWARDED_HOST:
	case FIELD_FORWARDED:
		return true;
	default:
		return false;
	}
}

/* Who asks for a whole, or whether a whole is still the same, asks for himself. */
static bool is_condition(enum field_name id)
{
	return id == FIELD_IF_NONE_MATCH || id == FIELD_IF_MODIFIED_SINCE || id == FIELD_IF_RANGE ||
	       id == FIELD_RANGE;
}

/* Believed from nobody: they would take a request past the route we have judged. */
static bool is_rewriting(enum field_name id)
{
	return id == FIELD_X_ORIGINAL_URL || id == FIELD_X_REWRITE_URL || id == FIELD_X_REAL_IP;
}

static bool is_passed(const struct forward *forward, const struct field *field,
		      struct forward_dropped *dropped)
{
	unsigned flags;

	if (field->underscore) {
		dropped->underscores++;
		return false;
	}
	flags = field_flags((enum field_name)field->id, field->name);
	if (flags & FIELD_SAYS_METHOD && !forward->req->route->method_override) {
		dropped->overrides++;
		return false;
	}
	if (flags & FIELD_SAYS_CLIENT)
		return forward->req->peer_is_trusted && !is_rewriting((enum field_name)field->id);
	return true;
}

static void write_copied(const struct forward *forward, struct text *out,
			 struct forward_dropped *dropped)
{
	const struct request *req = forward->req;
	const struct fields *fields = &req->head.fields;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (is_ours((enum field_name)field->id) || field_set_has(&req->connection.hop, i))
			continue;
		if ((forward->conditions.len || forward->is_refresh) &&
		    is_condition((enum field_name)field->id))
			continue;
		if (is_passed(forward, field, dropped))
			text_field(out, field->name, field->value);
	}
}

/* ---- Who asks ---- */

static struct bytes address_text(const struct prefix *address, char out[static PREFIX_TEXT_MAX])
{
	return address->family ? bytes_of(prefix_format(address, out)) : BYTES("unknown");
}

/* RFC 7239 section 6: IPv6 in brackets, and then in quotes. */
static void write_node(struct text *out, const struct prefix *address)
{
	char text[PREFIX_TEXT_MAX];
	bool is_ipv6 = address->family == ADDRESS_IPV6;

	text_add(out, is_ipv6 ? BYTES("for=\"[") : BYTES("for="));
	text_add(out, address_text(address, text));
	if (is_ipv6)
		text_put(out, "]\"");
}

static void write_list(struct text *out, const struct fields *fields, enum field_name id)
{
	const struct field *field = fields_first(fields, id);

	for (; field; field = fields_next(fields, field)) {
		if (!field->value.len)
			continue;
		text_add(out, field->value);
		text_put(out, ", ");
	}
}

static bool appends(const struct forward *forward, enum identity_family family)
{
	return forward->req->peer_is_trusted && forward->plan->identity.family == family;
}

/* A family that does not decide is written from the one that does: the client, then the peer. */
static void write_x_forwarded_for(const struct forward *forward, struct text *out)
{
	const struct request *req = forward->req;
	char text[PREFIX_TEXT_MAX];

	text_put(out, "X-Forwarded-For: ");
	if (appends(forward, IDENTITY_X_FORWARDED_FOR)) {
		write_list(out, &req->head.fields, FIELD_X_FORWARDED_FOR);
	} else if (req->identity.hops) {
		text_add(out, address_text(&req->identity.address, text));
		text_put(out, ", ");
	}
	text_add(out, address_text(&forward->peer->address, text));
	text_put(out, "\r\n");
}

static void write_forwarded(const struct forward *forward, struct text *out)
{
	const struct request *req = forward->req;
	bool is_quoted = req->authority_text.len &&
			 bytes_span(req->authority_text, CHAR_TOKEN) != req->authority_text.len;

	text_put(out, "Forwarded: ");
	if (appends(forward, IDENTITY_FORWARDED)) {
		write_list(out, &req->head.fields, FIELD_FORWARDED);
	} else if (req->identity.hops) {
		write_node(out, &req->identity.address);
		text_put(out, ", ");
	}
	write_node(out, &forward->peer->address);
	if (req->authority_text.len) {
		text_add(out, is_quoted ? BYTES(";host=\"") : BYTES(";host="));
		text_add(out, req->authority_text);
		if (is_quoted)
			text_put(out, "\"");
	}
	text_add(out, req->is_https ? BYTES(";proto=https\r\n") : BYTES(";proto=http\r\n"));
}

static void write_origin_of(const struct forward *forward, struct text *out)
{
	const struct request *req = forward->req;
	const struct field *host = fields_first(&req->head.fields, FIELD_X_FORWARDED_HOST);

	write_x_forwarded_for(forward, out);
	text_add(out, req->is_https ? BYTES("X-Forwarded-Proto: https\r\n")
				    : BYTES("X-Forwarded-Proto: http\r\n"));
	if (req->peer_is_trusted && host && !host->next)
		text_field(out, BYTES("X-Forwarded-Host"), host->value);
	else if (req->target.has_host)
		text_field(out, BYTES("X-Forwarded-Host"), req->authority_text);
	write_forwarded(forward, out);
	text_field(out, BYTES("X-Request-Id"), forward->request_id);
}

/* ---- Framing ---- */

/* RFC 9110 section 7.6.2; zero was answered here. Nonsense is not passed on. */
static void write_max_forwards(const struct request *req, struct text *out)
{
	const struct field *field = fields_first(&req->head.fields, FIELD_MAX_FORWARDS);
	int64_t left;

	if (req->head.method != METHOD_OPTIONS || !field ||
	    !delta_seconds_parse(field->value, &left) || !left)
		return;
	text_put(out, "Max-Forwards: ");
	text_number(out, (uint64_t)left - 1);
	text_put(out, "\r\n");
}

static void write_framing(const struct request *req, struct text *out)
{
	if (req->body.kind == BODY_LENGTH) {
		text_put(out, "Content-Length: ");
		text_number(out, req->body.length);
		text_put(out, "\r\n");
	} else if (req->body.kind == BODY_CHUNKED) {
		text_put(out, "Transfer-Encoding: chunked\r\n");
	}
	if (req->expects_continue && req->body.kind != BODY_NONE)
		text_put(out, "Expect: 100-continue\r\n");
	if (req->wants_websocket)
		text_put(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
}

void forward_write(const struct forward *forward, struct text *out,
		   struct forward_dropped *ret_dropped)
{
	*ret_dropped = (struct forward_dropped){0};
	write_line(forward, out);
	write_copied(forward, out, ret_dropped);
	text_add(out, forward->conditions);
	write_framing(forward->req, out);
	write_max_forwards(forward->req, out);
	write_origin_of(forward, out);
	text_put(out, "Via: 1.");
	text_add(out, forward->req->head.minor ? BYTES("1 ") : BYTES("0 "));
	text_add(out, bytes_of(forward->plan->http->name));
	text_put(out, "\r\n\r\n");
}
