/* SPDX-License-Identifier: BSD-2-Clause */
/* /v1/cache: purges and what is stored; /v1/log/reopen. The HTTP child does the work. */
#include <errno.h>
#include <string.h>

#include <sluice/control.h>

#include "base/log.h"
#include "control/commands.h"
#include "control/input.h"
#include "control/told.h"

#define URL_MAX 8192

void cache_answer(struct agent *agent, const struct request *request, struct response *response)
{
	told_pass_on(request, response);
}

enum question_result cache_ask_stats(struct agent *agent, const struct request *request,
				     struct question *ret_question, struct response *response)
{
	ret_question->topic = AGENT_CACHE_STATS;
	ret_question->patience_ns = TOLD_SOON_NS;
	return QUESTION_ASKED;
}

enum question_result cache_ask_show(struct agent *agent, const struct request *request,
				    struct question *ret_question, struct response *response)
{
	char url[URL_MAX];

	if (request_param(request, "url", url, sizeof(url)) != PARAM_OK || !url[0]) {
		response_problem(response, 400, "say which: ?url=URL, percent-encoded");
		return QUESTION_ANSWERED;
	}
	ret_question->topic = AGENT_CACHE_SHOW;
	ret_question->patience_ns = TOLD_PATIENCE_NS;
	buffer_add_text(&ret_question->text, url);
	return QUESTION_ASKED;
}

enum question_result cache_ask_top(struct agent *agent, const struct request *request,
				   struct question *ret_question, struct response *response)
{
	uint64_t count;
	char by[8];

	if (request_param(request, "by", by, sizeof(by)) == PARAM_ABSENT)
		strcpy(by, "hits");
	if ((strcmp(by, "hits") != 0 && strcmp(by, "bytes") != 0) ||
	    !input_number(request, "top", SL_CACHE_TOP_DEFAULT, SL_CACHE_TOP_MAX, &count) ||
	    !count) {
		response_problem(response, 400, "by is hits or bytes, top a number from 1 to %d",
				 SL_CACHE_TOP_MAX);
		return QUESTION_ANSWERED;
	}
	ret_question->topic = AGENT_CACHE_TOP;
	ret_question->patience_ns = TOLD_PATIENCE_NS;
	buffer_printf(&ret_question->text, "%s %u", by, (unsigned)count);
	return QUESTION_ASKED;
}

/* ---- Purging --------------------------------------------------------------------------------- */

/* The one member that says what; NULL if there is none, or another one. */
static const char *what_to_purge(const json_t *json)
{
	static const char *const kinds[] = {"url", "prefix", "glob", "tag"};
	const char *what = json_is_true(json_object_get(json, "all")) ? "all" : NULL;
	size_t count = what != NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (json_is_string(json_object_get(json, kinds[i]))) {
			what = kinds[i];
			count++;
		}
	return count == 1 ? what : NULL;
}

static enum question_result refuse_purge(json_t *json, struct response *response)
{
	response_problem(response, 400,
			 "expected exactly one of {\"url\"}, {\"prefix\"}, {\"glob\"}, {\"tag\"}, "
			 "{\"all\": true}, and \"soft\": true or false if at all");
	json_decref(json);
	return QUESTION_ANSWERED;
}

enum question_result cache_ask_purge(struct agent *agent, const struct request *request,
				     struct question *ret_question, struct response *response)
{
	json_t *json = input_object(request, response);
	const json_t *soft = json_object_get(json, "soft");
	const char *what = what_to_purge(json), *value;

	if (!json)
		return QUESTION_ANSWERED;
	if (!what || (soft && !json_is_boolean(soft)))
		return refuse_purge(json, response);
	value = json_string_value(json_object_get(json, what));
	ret_question->topic = AGENT_CACHE_PURGE;
	ret_question->patience_ns = TOLD_PATIENCE_NS;
	buffer_printf(&ret_question->text, "%s %s%s%s", json_is_true(soft) ? "soft" : "hard", what,
		      value ? " " : "", value ? value : "");
	json_decref(json);
	if (!ret_question->text.error)
		return QUESTION_ASKED;
	response_problem(response, 413, "longer than anything that is stored by a name");
	return QUESTION_ANSWERED;
}

/* In the words of the request: it has been read before. */
static void log_purge(const struct request *request)
{
	json_t *asked = json_loadb(request->body.at, request->body.len, 0, NULL);
	const char *kind = what_to_purge(asked);
	const char *what = kind ? json_string_value(json_object_get(asked, kind)) : NULL;
	const char *how = json_is_true(json_object_get(asked, "soft")) ? "made stale" : "purged";
	char quoted[LOG_QUOTE_MAX];

	if (what)
		log_info("cache: %s, as told: %s %s", how, kind,
			 log_quote_bytes(bytes_of(what), quoted, sizeof(quoted)));
	else
		log_info("cache: %s, as told: everything", how);
	json_decref(asked);
}

void cache_purge_done(struct agent *agent, const struct request *request, struct response *response)
{
	json_t *json = told_json(request, response);

	if (!json)
		return;
	log_purge(request);
	response_json(response, json);
}

/* ---- The access log -------------------------------------------------------------------------- */

void log_reopen(struct agent *agent, const struct request *request, struct response *response)
{
	int status = agent->http ? agent->http->reopen_log(agent->http->context) : -ENOENT;

	if (status == -ENOENT)
		response_problem(
			response, 409,
			"the policy in force has no access log: see access_log under http");
	else if (status)
		response_problem(response, 500,
				 "opening the access log: %s; lines go to the old file",
				 strerror(-status));
	else
		response_json(response, json_pack("{s:b}", "reopened", 1));
}
