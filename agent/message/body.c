/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/body.h"

#include "message/chars.h"
#include "message/fields.h"

/* Digits and nothing else, up to INT64_MAX. */
static bool parse_length(struct bytes text, uint64_t *ret_length)
{
	uint64_t length = 0;

	if (!text.len)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)(text.at[i] - '0');

		if (!char_is(text.at[i], CHAR_DIGIT) || length > (INT64_MAX - digit) / 10)
			return false;
		length = length * 10 + digit;
	}
	*ret_length = length;
	return true;
}

/* DONE with kind and length set by Content-Length alone; without one kind is left as it is. */
static enum message_result judge_length(const struct fields *fields, struct body *body)
{
	const struct field *field = fields_first(fields, FIELD_CONTENT_LENGTH);

	if (!field)
		return MESSAGE_DONE;
	if (field->next || !parse_length(field->value, &body->length))
		return MESSAGE_BAD_LENGTH;
	body->length_given = true;
	body->kind = BODY_LENGTH;
	return MESSAGE_DONE;
}

/* Empty members and parameters are refused with the rest: some parsers see chunked in them. */
static enum message_result judge_coding(const struct fields *fields, uint8_t minor)
{
	const struct field *field = fields_first(fields, FIELD_TRANSFER_ENCODING);

	if (fields_first(fields, FIELD_CONTENT_LENGTH))
		return MESSAGE_LENGTH_AND_CODING;
	if (!minor)
		return MESSAGE_CODING_IN_1_0;
	if (!field->next && bytes_equal_nocase(field->value, BYTES("chunked")))
		return MESSAGE_DONE;
	return coding_list_is_sound(fields) ? MESSAGE_CODING_UNKNOWN : MESSAGE_BAD_CODING;
}

static enum message_result judge_framing(const struct fields *fields, uint8_t minor,
					 struct body *body)
{
	enum message_result result;

	if (!fields_first(fields, FIELD_TRANSFER_ENCODING))
		return judge_length(fields, body);

	result = judge_coding(fields, minor);
	if (result == MESSAGE_DONE)
		body->kind = BODY_CHUNKED;
	return result;
}

enum message_result body_of_request(const struct request_head *head, struct body *ret_body)
{
	struct body body = {.kind = BODY_NONE};
	enum message_result result = judge_framing(&head->fields, head->minor, &body);

	if (result == MESSAGE_DONE)
		*ret_body = body;
	return result;
}

/* RFC 9112 section 6.3, items 1 and 2 */
static bool has_no_body(unsigned status, enum method method)
{
	return method == METHOD_HEAD || status < 200 || status == 204 || status == 304;
}

enum message_result body_of_response(const struct response_head *head, enum method method,
				     struct body *ret_body)
{
	struct body body = {.kind = BODY_UNTIL_CLOSE};
	enum message_result result = judge_framing(&head->fields, head->minor, &body);

	if (has_no_body(head->status, method)) {
		if (result != MESSAGE_DONE)
			body = (struct body){0};
		body.kind = BODY_NONE;
		result = MESSAGE_DONE;
	}
	if (result == MESSAGE_DONE)
		*ret_body = body;
	return result;
}
