/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/response.h"

#include <errno.h>

#include "control/json.h"

struct response response_new(void)
{
	return (struct response){
		.status = 200,
		.type = "application/json",
		.body = buffer_new(RESPONSE_BODY_MAX),
	};
}

void response_free(struct response *response)
{
	buffer_free(&response->body);
	if (response->stream_free)
		response->stream_free(response->stream_context);
	response->stream_free = NULL;
	response->stream = NULL;
}

static int add_to_buffer(const char *at, size_t len, void *context)
{
	struct buffer *out = context;

	buffer_add(out, (struct bytes){at, len});
	return out->error ? -1 : 0;
}

static void add_json(struct response *response, json_t *json)
{
	if (!json || json_dump_callback(json, add_to_buffer, &response->body,
					JSON_COMPACT | JSON_REAL_PRECISION(9))) {
		if (!response->body.error)
			response->body.error = -ENOMEM;
	}
	buffer_add_text(&response->body, "\n");
	json_decref(json);
}

void response_json(struct response *response, json_t *json)
{
	add_json(response, json);
	if (response->body.error)
		response_problem(response, 500, "no memory for the answer");
}

static void start_problem(struct response *response, unsigned status)
{
	response_free(response);
	*response = response_new();
	response->status = status;
	response->type = "application/problem+json";
}

void response_problem(struct response *response, unsigned status, const char *format, ...)
{
	char detail[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args); /* cut is fine for people */
	va_end(args);

	start_problem(response, status);
	add_json(response, json_pack("{s:i, s:s, s:o}", "status", (int)status, "title",
				     response_phrase(status), "detail", json_text(detail)));
}

void response_policy_problems(struct response *response, const struct policy_problems *problems)
{
	json_t *list = json_array();
	char detail[96];

	for (size_t i = 0; list && i < problems->count; i++)
		json_array_append_new(list, json_problem(&problems->at[i]));

	(void)snprintf(detail, sizeof(detail),
		       "the policy has %zu error%s; the one in force is untouched",
		       problems->errors, problems->errors == 1 ? "" : "s");
	start_problem(response, 422);
	add_json(response, json_pack("{s:i, s:s, s:s, s:o}", "status", 422, "title",
				     response_phrase(422), "detail", detail, "problems", list));
}

void response_text(struct response *response, const char *type)
{
	response->status = 200;
	response->type = type;
}

void response_stream(struct response *response, const char *type, stream_fn *stream, void *context,
		     void (*release)(void *context), size_t bytes)
{
	response->type = type;
	response->stream = stream;
	response->stream_context = context;
	response->stream_free = release;
	response->stream_bytes = bytes;
}

const char *response_phrase(unsigned status)
{
	static const struct {
		unsigned status;
		const char *phrase;
	} phrases[] = {
		{200, "OK"},
		{400, "Bad Request"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{417, "Expectation Failed"},
		{422, "Unprocessable Content"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
		{507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}
