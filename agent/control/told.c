/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/told.h"

#include <errno.h>
#include <string.h>

#include "control/json.h"

static void explain_silence(int status, struct response *response)
{
	switch (status) {
	case -ENOENT:
		response_problem(response, 409,
				 "no HTTP plane serves at present: see `sluice status`");
		break;
	case -ETIMEDOUT:
		response_problem(response, 504, "the HTTP child did not answer in time");
		break;
	case -ECONNRESET:
	case -EPIPE:
		response_problem(response, 503, "the HTTP child ended meanwhile; try again");
		break;
	case -EAGAIN:
	case -EBUSY:
		response_problem(response, 503,
				 "the HTTP child is asked too much at once; try again");
		break;
	default:
		response_problem(response, 500, "asking the HTTP child: %s", strerror(-status));
	}
}

static json_t *parse(struct bytes told)
{
	return json_loadb(told.at ? told.at : "", told.len, JSON_REJECT_DUPLICATES, NULL);
}

json_t *told_quietly(const struct request *request)
{
	json_t *json = request->told_status ? NULL : parse(request->told);

	if (json && (!json_is_object(json) || json_object_get(json, "error"))) {
		json_decref(json);
		return NULL;
	}
	return json;
}

/* A refusal is a status of ours and one sentence. */
static bool is_refusal(const json_t *json, struct response *response)
{
	const char *sentence = json_string_value(json_object_get(json, "error"));
	json_int_t status = json_integer_value(json_object_get(json, "status"));

	if (!sentence)
		return false;
	if (status < 400 || status > 599)
		status = 500;
	response_problem(response, (unsigned)status, "%.400s", sentence);
	return true;
}

json_t *told_json(const struct request *request, struct response *response)
{
	json_t *json;

	if (request->told_status) {
		explain_silence(request->told_status, response);
		return NULL;
	}
	json = parse(request->told);
	if (!json) {
		response_problem(response, 502, "what the HTTP child answered makes no sense");
		return NULL;
	}
	if (!is_refusal(json, response))
		return json;
	json_decref(json);
	return NULL;
}

void told_pass_on(const struct request *request, struct response *response)
{
	json_t *json = told_json(request, response);

	if (json)
		response_json(response, json);
}
