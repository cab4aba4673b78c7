/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/request.h"

#include <sluice/control.h>

#include "message/body.h"
#include "message/head.h"

static const struct head_limits limits = {
	.max_bytes = SL_CONTROL_HEAD_MAX,
	.max_target = SL_CONTROL_HEAD_MAX / 2,
	.max_fields = 64,
};

static enum request_result refuse(struct request_error *error, unsigned status, const char *detail)
{
	*error = (struct request_error){.status = status, .detail = detail};
	return REQUEST_BAD;
}

/* The form "/path?query"; an absolute target's authority says nothing here, so it is not taken. */
static bool split_target(struct bytes target, struct request *request)
{
	const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;

	if (!target.len || target.at[0] != '/')
		return false;
	request->path = target;
	request->query = (struct bytes){0};
	if (mark) {
		request->path.len = (size_t)(mark - target.at);
		request->query = (struct bytes){mark + 1, target.len - request->path.len - 1};
	}
	return true;
}

static bool has_connection_option(const struct fields *fields, struct bytes option)
{
	const struct field *field = fields_first(fields, FIELD_CONNECTION);

	for (; field; field = fields_next(fields, field))
		if (bytes_equal_nocase(field->value, option))
			return true;
	return false;
}

static enum request_result take_framing(const struct request_head *head, struct request *request,
					struct request_error *ret_error)
{
	const struct field *expect = fields_first(&head->fields, FIELD_EXPECT);
	struct body body = {0};
	enum message_result result = body_of_request(head, &body);

	if (result != MESSAGE_DONE)
		return refuse(ret_error, message_status(result), message_text(result));
	if (body.kind == BODY_CHUNKED)
		return refuse(ret_error, 411, "send the body with a Content-Length, not chunked");
	if (expect && !bytes_equal_nocase(expect->value, BYTES("100-continue")))
		return refuse(ret_error, 417, "Expect asks for something other than 100-continue");

	request->body_len = body.length;
	request->expects_continue = expect && request->body_len && head->minor;
	request->http10 = !head->minor;
	request->keep_alive = head->minor && !has_connection_option(&head->fields, BYTES("close"));
	return REQUEST_DONE;
}

enum request_result request_parse(struct bytes in, size_t *scanned, struct request *ret_request,
				  size_t *ret_head_len, struct request_error *ret_error)
{
	struct request_head head;
	struct request request = {0};
	enum message_result result = head_parse_request(in, &limits, scanned, &head);

	if (result == MESSAGE_MORE)
		return REQUEST_MORE;
	if (result != MESSAGE_DONE)
		return refuse(ret_error, message_status(result), message_text(result));

	request.method = head.method_text;
	request.is_head = head.method == METHOD_HEAD;
	if (!split_target(head.target, &request))
		return refuse(ret_error, 400, "the target is not a path");
	if (take_framing(&head, &request, ret_error) == REQUEST_BAD)
		return REQUEST_BAD;

	*ret_request = request;
	*ret_head_len = head.len;
	return REQUEST_DONE;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" at `at` stands for, or -1. NUL is none. */
static int unescape(const char *at, size_t len)
{
	int high = len >= 3 ? hex_digit(at[1]) : -1;
	int low = len >= 3 ? hex_digit(at[2]) : -1;

	if (high < 0 || low < 0 || !(high | low))
		return -1;
	return high << 4 | low;
}

enum param_result request_decode(struct bytes text, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < text.len; i++) {
		int c = (unsigned char)text.at[i];

		if (c == '%') {
			c = unescape(text.at + i, text.len - i);
			i += 2;
		}
		if (c < 0 || used + 1 >= size) {
			out[0] = '\0';
			return PARAM_BAD;
		}
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return PARAM_OK;
}

/* Take "NAME=VALUE" off the front of a query. Returns false at its end. */
static bool next_param(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value)
{
	const char *end;
	const char *equals;

	if (!query->len)
		return false;
	end = memchr(query->at, '&', query->len);
	*ret_name = (struct bytes){query->at, end ? (size_t)(end - query->at) : query->len};
	query->at += ret_name->len + (end != NULL);
	query->len -= ret_name->len + (end != NULL);

	*ret_value = (struct bytes){0};
	equals = ret_name->len ? memchr(ret_name->at, '=', ret_name->len) : NULL;
	if (equals) {
		size_t name_len = (size_t)(equals - ret_name->at);

		*ret_value = (struct bytes){equals + 1, ret_name->len - name_len - 1};
		ret_name->len = name_len;
	}
	return true;
}

enum param_result request_param(const struct request *request, const char *name, char *out,
				size_t size)
{
	struct bytes query = request->query;
	struct bytes found;
	struct bytes value;

	while (next_param(&query, &found, &value))
		if (bytes_equal(found, bytes_of(name)))
			return request_decode(value, out, size);
	out[0] = '\0';
	return PARAM_ABSENT;
}
