/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/input.h"

#include <string.h>

#include "base/duration.h"
#include "message/identity.h"

bool input_flag(const struct request *request, const char *name, bool *ret_flag)
{
	char text[4];
	enum param_result result = request_param(request, name, text, sizeof(text));

	*ret_flag = strcmp(text, "1") == 0;
	return result == PARAM_ABSENT || strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
}

bool input_number(const struct request *request, const char *name, uint64_t fallback, uint64_t max,
		  uint64_t *ret_number)
{
	char text[21];
	enum param_result result = request_param(request, name, text, sizeof(text));
	uint64_t number = 0;

	if (result == PARAM_ABSENT) {
		*ret_number = fallback;
		return true;
	}
	if (!text[0])
		return false;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > max)
			return false;
	}
	*ret_number = number;
	return true;
}

bool input_prefix(struct bytes text, struct prefix *ret_prefix, const char **ret_why)
{
	switch (prefix_parse(text, ret_prefix, NULL)) {
	case PREFIX_OK:
		*ret_prefix = identity_unmapped(ret_prefix);
		return true;
	case PREFIX_BAD_ADDRESS:
		*ret_why = "no IPv4 or IPv6 address";
		return false;
	case PREFIX_BAD_LENGTH:
		*ret_why = "no prefix length behind the '/'";
		return false;
	case PREFIX_HOST_BITS:
		*ret_why = "bits beyond the prefix length are set";
		return false;
	}
	return false;
}

bool input_address(struct bytes text, struct prefix *ret_address, struct response *response)
{
	char plain[PREFIX_TEXT_MAX];
	bool whole = false;

	if (request_decode(text, plain, sizeof(plain)) == PARAM_OK &&
	    prefix_parse(bytes_of(plain), ret_address, &whole) == PREFIX_OK &&
	    (whole || ret_address->bits == (ret_address->family == ADDRESS_IPV4 ? 32 : 128))) {
		*ret_address = identity_unmapped(ret_address);
		return true;
	}
	response_problem(response, 400, "expected one IPv4 or IPv6 address, such as 192.0.2.7");
	return false;
}

bool input_prefix_param(const struct request *request, struct prefix *ret_prefix,
			struct response *response)
{
	char text[PREFIX_TEXT_MAX];
	const char *why = "longer than any prefix";

	switch (request_param(request, "prefix", text, sizeof(text))) {
	case PARAM_ABSENT:
		response_problem(response, 400, "say which: ?prefix=ADDR or ?prefix=ADDR/LEN");
		return false;
	case PARAM_BAD:
		break;
	case PARAM_OK:
		if (input_prefix(bytes_of(text), ret_prefix, &why))
			return true;
		break;
	}
	response_problem(response, 400, "prefix: %s", why);
	return false;
}

json_t *input_object(const struct request *request, struct response *response)
{
	json_error_t error;
	json_t *json = json_loadb(request->body.at ? request->body.at : "", request->body.len,
				  JSON_REJECT_DUPLICATES, &error);

	if (json && json_is_object(json))
		return json;
	if (json)
		response_problem(response, 400, "expected one JSON object");
	else
		response_problem(response, 400, "expected one JSON object: line %d, column %d: %s",
				 error.line, error.column, error.text);
	json_decref(json);
	return NULL;
}

bool input_has_plane(const struct agent *agent, struct response *response)
{
	if (agent->datapath)
		return true;
	if (agent->detached)
		response_problem(response, 409,
				 "detached: start sluiced again to protect this host");
	else
		response_problem(response, 409,
				 "no packet plane: the policy in force names no interfaces");
	return false;
}

static bool take_span(const json_t *json, struct entry_text *entry)
{
	if (json_is_integer(json) && json_integer_value(json) >= 0 &&
	    (uint64_t)json_integer_value(json) <= DURATION_MAX_NS / NS_PER_SEC) {
		entry->span_ns = (uint64_t)json_integer_value(json) * NS_PER_SEC;
		return true;
	}
	return json_is_string(json) &&
	       !duration_parse((struct bytes){json_string_value(json), json_string_length(json)},
			       &entry->span_ns);
}

/* Cut to what the datapath's structs hold, at the end of a UTF-8 character. */
static void take_reason(const char *text, char out[static 64])
{
	size_t len = strnlen(text, 64);

	if (len > 63)
		for (len = 63; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	memcpy(out, text, len);
	out[len] = '\0';
	for (char *at = out; *at; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
}

static bool find_unknown_key(const json_t *json)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)json, key, value) if (strcmp(key, "prefix") != 0 &&
							    strcmp(key, "for") != 0 &&
							    strcmp(key, "reason") != 0) return true;
	return false;
}

bool input_entry(const json_t *json, struct entry_text *ret_entry, const char **ret_why)
{
	const json_t *prefix = json_object_get(json, "prefix");
	const json_t *span = json_object_get(json, "for");
	const json_t *reason = json_object_get(json, "reason");
	struct entry_text entry = {.has_span = span && !json_is_null(span)};

	*ret_why = "expected {\"prefix\": TEXT, \"for\": \"10m\" or seconds, \"reason\": TEXT}, "
		   "the last two if wanted";
	if (!json_is_object(json) || !json_is_string(prefix) || find_unknown_key(json))
		return false;
	if (!input_prefix((struct bytes){json_string_value(prefix), json_string_length(prefix)},
			  &entry.prefix, ret_why))
		return false;
	if (entry.has_span && (!take_span(span, &entry) || !entry.span_ns)) {
		*ret_why =
			"for is no span of time, such as \"10m\", above zero and up to ten years";
		return false;
	}
	if (reason && !json_is_null(reason) && !json_is_string(reason)) {
		*ret_why = "reason is no text";
		return false;
	}
	if (json_is_string(reason))
		take_reason(json_string_value(reason), entry.reason);
	*ret_entry = entry;
	return true;
}
