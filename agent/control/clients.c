/* SPDX-License-Identifier: BSD-2-Clause */
/* /v1/clients and /v1/limits: whom the HTTP plane counts. The HTTP child knows. */
#include <errno.h>
#include <string.h>

#include <sluice/control.h>

#include "base/log.h"
#include "control/commands.h"
#include "control/input.h"
#include "control/told.h"

#define WHO_MAX 256 /* bytes of an address, or of the name of a key */

void clients_answer(struct agent *agent, const struct request *request, struct response *response)
{
	told_pass_on(request, response);
}

enum question_result clients_ask(struct agent *agent, const struct request *request,
				 struct question *ret_question, struct response *response)
{
	char text[WHO_MAX];
	uint64_t count;
	bool is_over;

	if (request_param(request, "key", text, sizeof(text)) == PARAM_BAD ||
	    !input_flag(request, "over", &is_over) ||
	    !input_number(request, "top", SL_TOP_DEFAULT, SL_CLIENTS_MAX, &count) || !count) {
		response_problem(response, 400,
				 "key is a part of a client's name, over is 0 or 1, top a number "
				 "from 1 to %d",
				 SL_CLIENTS_MAX);
		return QUESTION_ANSWERED;
	}
	ret_question->topic = AGENT_LIMIT_CLIENTS;
	ret_question->patience_ns = TOLD_PATIENCE_NS;
	buffer_printf(&ret_question->text, "%s %u %s", is_over ? "over" : "all", (unsigned)count,
		      text);
	return QUESTION_ASKED;
}

/* ---- Forgetting one -------------------------------------------------------------------------- */

enum question_result limit_ask_reset(struct agent *agent, const struct request *request,
				     struct question *ret_question, struct response *response)
{
	json_t *json = input_object(request, response);
	const char *who = json_string_value(json_object_get(json, "client"));
	size_t len = who ? strlen(who) : 0;

	if (!json)
		return QUESTION_ANSWERED;
	ret_question->topic = AGENT_LIMIT_RESET;
	ret_question->patience_ns = TOLD_PATIENCE_NS;
	if (who)
		buffer_add_text(&ret_question->text, who);
	json_decref(json);
	if (len && len < WHO_MAX)
		return QUESTION_ASKED;
	response_problem(response, 400,
			 "expected {\"client\": an address, or the name of an API key}");
	return QUESTION_ANSWERED;
}

void limit_reset_done(struct agent *agent, const struct request *request, struct response *response)
{
	json_t *json = told_json(request, response);
	const char *who = json_string_value(json_object_get(json, "client"));
	char quoted[LOG_QUOTE_MAX];

	if (!json)
		return;
	if (!json_integer_value(json_object_get(json, "reset"))) {
		json_decref(json);
		response_problem(response, 404, "nothing is counted of it at present");
		return;
	}
	log_info("http: %lld counts of %s are forgotten, as told",
		 (long long)json_integer_value(json_object_get(json, "reset")),
		 log_quote_bytes(bytes_of(who ? who : ""), quoted, sizeof(quoted)));
	response_json(response, json);
}
