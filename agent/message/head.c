/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/head.h"

#include "message/chars.h"
#include "message/field_line.h"

#define VERSION_LEN 8 /* "HTTP/1.1" */
#define STATUS_MIN  100

static enum method method_of(struct bytes text)
{
	switch (text.len) {
	case 3:
		if (!memcmp(text.at, "GET", 3))
			return METHOD_GET;
		return memcmp(text.at, "PUT", 3) ? METHOD_OTHER : METHOD_PUT;
	case 4:
		if (!memcmp(text.at, "POST", 4))
			return METHOD_POST;
		return memcmp(text.at, "HEAD", 4) ? METHOD_OTHER : METHOD_HEAD;
	case 5:
		return memcmp(text.at, "PATCH", 5) ? METHOD_OTHER : METHOD_PATCH;
	case 6:
		return memcmp(text.at, "DELETE", 6) ? METHOD_OTHER : METHOD_DELETE;
	case 7:
		return memcmp(text.at, "OPTIONS", 7) ? METHOD_OTHER : METHOD_OPTIONS;
	default:
		return METHOD_OTHER;
	}
}

#define METHOD_LEN_MAX 7 /* of those that have a name here: OPTIONS */

enum method method_in_any_case(struct bytes text)
{
	char capitals[METHOD_LEN_MAX];

	if (text.len > sizeof(capitals))
		return METHOD_OTHER;
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.at[i];

		capitals[i] = byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte;
	}
	return method_of((struct bytes){capitals, text.len});
}

/*
 * CONNECT would make a tunnel of us; TRACE shows a script what its browser hid from it. However they are written:
 * methods tell capitals from small letters, and some origins do not.
 */
static bool is_carried(struct bytes method)
{
	return method.len <= HEAD_METHOD_MAX && !bytes_equal_nocase(method, BYTES("CONNECT")) &&
	       !bytes_equal_nocase(method, BYTES("TRACE"));
}

static enum message_result take_method(struct cursor *cur, struct request_head *head)
{
	struct bytes rest = {cur->at, (size_t)(cur->end - cur->at)};
	struct bytes method = {cur->at, bytes_span(rest, CHAR_TOKEN)};

	if (method.len == rest.len)
		return method.len > HEAD_METHOD_MAX ? MESSAGE_METHOD_REFUSED : MESSAGE_MORE;
	if (!method.len || method.at[method.len] != ' ')
		return MESSAGE_BAD_METHOD;
	if (!is_carried(method))
		return MESSAGE_METHOD_REFUSED;

	head->method_text = method;
	head->method = method_of(method);
	cur->at += method.len + 1;
	return MESSAGE_DONE;
}

static enum message_result take_target(struct cursor *cur, unsigned max_target,
				       struct request_head *head)
{
	struct bytes rest = {cur->at, (size_t)(cur->end - cur->at)};
	struct bytes target = {cur->at, bytes_span(rest, CHAR_TARGET)};

	if (target.len > max_target)
		return MESSAGE_TARGET_TOO_LONG;
	if (target.len == rest.len)
		return MESSAGE_MORE;
	if (target.at[target.len] == '\r' || target.at[target.len] == '\n')
		return MESSAGE_BAD_VERSION;
	if (!target.len || target.at[target.len] != ' ')
		return MESSAGE_BAD_TARGET;

	head->target = target;
	cur->at += target.len + 1;
	return MESSAGE_DONE;
}

/* "HTTP/1.0" or "HTTP/1.1"; bad is what anything else is. */
static enum message_result take_version(struct cursor *cur, enum message_result bad,
					uint8_t *ret_minor)
{
	size_t len = (size_t)(cur->end - cur->at);

	if (len < VERSION_LEN)
		return memcmp(cur->at, "HTTP/1.", len) ? bad : MESSAGE_MORE;
	if (memcmp(cur->at, "HTTP/1.", VERSION_LEN - 1))
		return bad;
	if (cur->at[VERSION_LEN - 1] != '0' && cur->at[VERSION_LEN - 1] != '1')
		return bad;

	*ret_minor = (uint8_t)(cur->at[VERSION_LEN - 1] - '0');
	cur->at += VERSION_LEN;
	return MESSAGE_DONE;
}

static enum message_result take_request_line(struct cursor *cur, unsigned max_target,
					     struct request_head *head)
{
	enum message_result result = take_method(cur, head);

	if (result == MESSAGE_DONE)
		result = take_target(cur, max_target, head);
	if (result == MESSAGE_DONE)
		result = take_version(cur, MESSAGE_BAD_VERSION, &head->minor);
	if (result != MESSAGE_DONE)
		return result;
	/* A third blank, or "HTTP/1.11". */
	if (cur->at < cur->end && *cur->at != '\r' && *cur->at != '\n')
		return MESSAGE_BAD_VERSION;
	return cursor_take_line_end(cur);
}

static enum message_result judge_host(struct request_head *head)
{
	const struct field *field = fields_first(&head->fields, FIELD_HOST);

	head->has_host = field;
	if (!field)
		return head->minor ? MESSAGE_NO_HOST : MESSAGE_DONE;
	if (field->next)
		return MESSAGE_SECOND_HOST;
	return host_parse(field->value, &head->host) ? MESSAGE_DONE : MESSAGE_BAD_HOST;
}

static enum message_result read_request(struct bytes window, const struct head_limits *limits,
					struct request_head *head)
{
	struct cursor cur = {window.at, window.at + window.len};
	enum message_result result = MESSAGE_DONE;

	head->target = (struct bytes){0};
	if (window.len && window.at[0] == '\r')
		result = cursor_take_line_end(&cur);
	if (result == MESSAGE_DONE)
		result = take_request_line(&cur, limits->max_target, head);
	if (result == MESSAGE_DONE)
		result = fields_read(&cur, limits->max_fields, &head->fields);
	if (result == MESSAGE_DONE)
		result = judge_host(head);
	head->len = (size_t)(cur.at - window.at);
	return result;
}

enum message_result head_parse_request(struct bytes input, const struct head_limits *limits,
				       size_t *scanned, struct request_head *ret_head)
{
	enum message_result result = MESSAGE_MORE;
	struct bytes window;

	if (section_open(input, limits->max_bytes, *scanned, &window))
		result = read_request(window, limits, ret_head);
	if (result != MESSAGE_MORE) {
		*scanned = 0;
		return result;
	}
	*scanned = input.len;
	if (input.len < limits->max_bytes)
		return MESSAGE_MORE;
	return ret_head->target.len ? MESSAGE_HEAD_TOO_LARGE : MESSAGE_TARGET_TOO_LONG;
}

/*
 * "HTTP/1.1 200 OK". The blank after the code is not asked for where there is no reason:
 * many origins leave it out, and nobody can read the line in another way.
 */
static enum message_result take_status_line(struct cursor *cur, struct response_head *head)
{
	enum message_result result = take_version(cur, MESSAGE_BAD_STATUS_LINE, &head->minor);
	const char *at = cur->at;
	unsigned status = 0;

	if (result != MESSAGE_DONE)
		return result;
	for (unsigned i = 0; i < 4; i++, at++) {
		if (at == cur->end)
			return MESSAGE_MORE;
		if (i ? !char_is(*at, CHAR_DIGIT) : *at != ' ')
			return MESSAGE_BAD_STATUS_LINE;
		status = i ? status * 10 + (unsigned)(*at - '0') : 0;
	}
	if (status < STATUS_MIN)
		return MESSAGE_BAD_STATUS_LINE;
	if (at < cur->end && *at != ' ' && *at != '\r' && *at != '\n')
		return MESSAGE_BAD_STATUS_LINE;

	cur->at = field_value_end(at, cur->end);
	head->reason = bytes_trim((struct bytes){at, (size_t)(cur->at - at)});
	head->status = (uint16_t)status;
	return cursor_take_line_end(cur);
}

static enum message_result read_response(struct bytes window, const struct head_limits *limits,
					 struct response_head *head)
{
	struct cursor cur = {window.at, window.at + window.len};
	enum message_result result = take_status_line(&cur, head);

	if (result == MESSAGE_DONE)
		result = fields_read(&cur, limits->max_fields, &head->fields);
	head->len = (size_t)(cur.at - window.at);
	return result;
}

enum message_result head_parse_response(struct bytes input, const struct head_limits *limits,
					size_t *scanned, struct response_head *ret_head)
{
	enum message_result result = MESSAGE_MORE;
	struct bytes window;

	if (section_open(input, limits->max_bytes, *scanned, &window))
		result = read_response(window, limits, ret_head);
	if (result != MESSAGE_MORE) {
		*scanned = 0;
		return result;
	}
	*scanned = input.len;
	return input.len < limits->max_bytes ? MESSAGE_MORE : MESSAGE_HEAD_TOO_LARGE;
}
