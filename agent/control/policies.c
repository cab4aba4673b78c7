/* SPDX-License-Identifier: BSD-2-Clause */
/* /v1/policy and its commands, /v1/detach. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

#define PATH_TEXT_MAX 4096

void policy_get(struct agent *agent, const struct request *request, struct response *response)
{
	response_text(response, "application/yaml");
	policy_print(agent->policy, &response->body);
	if (response->body.error)
		response_problem(response, 500, "writing the policy: %s",
				 strerror(-response->body.error));
}

static json_t *warnings_json(const struct policy_problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->count; i++)
		if (problems->at[i].is_warning)
			json_array_append_new(list, json_problem(&problems->at[i]));
	return list;
}

static void answer_load(struct agent *agent, const struct load_result *result, double seconds,
			struct response *response)
{
	response_json(response, json_pack("{s:I, s:o, s:o, s:o, s:f}", "generation",
					  (json_int_t)agent_generation(agent), "changes",
					  json_lines(&result->changes), "warnings",
					  warnings_json(&result->problems), "notes",
					  json_lines(&result->notes), "seconds", seconds));
}

/* Whether the operator, not we, can mend it: what the policy names is missing, taken, or not ready yet. */
static bool is_refused(int status)
{
	static const int refusals[] = {EINVAL,	   EEXIST,	  ENOENT, EACCES, EISDIR,
				       EADDRINUSE, EADDRNOTAVAIL, EBUSY,  EAGAIN};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (status == -refusals[i])
			return true;
	return false;
}

static void answer_failure(const struct load_result *result, int status, struct response *response)
{
	if (result->problems.errors)
		response_policy_problems(response, &result->problems);
	else if (status == -EFBIG)
		response_problem(response, 413, "the policy is larger than %u bytes",
				 POLICY_TEXT_MAX);
	else
		response_problem(response, is_refused(status) ? 409 : 500,
				 "%s; the policy in force is untouched",
				 result->error[0] ? result->error : strerror(-status));
}

/* NULL: there is none. */
static const struct policy_problem *first_error(const struct policy_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++)
		if (!problems->at[i].is_warning)
			return &problems->at[i];
	return NULL;
}

static void log_refusal(const char *quoted, const struct load_result *result, int status)
{
	const struct policy_problem *first = first_error(&result->problems);

	if (first && first->place.line)
		log_warning("policy %s not loaded: line %u: %s (%zu error%s); the one in force is "
			    "untouched",
			    quoted, first->place.line, first->text, result->problems.errors,
			    result->problems.errors == 1 ? "" : "s");
	else
		log_warning("policy %s not loaded: %s; the one in force is untouched", quoted,
			    first	       ? first->text
			    : result->error[0] ? result->error
					       : strerror(-status));
}

void policy_load_body(struct agent *agent, const struct request *request, struct response *response)
{
	auto_load_result struct load_result result = load_result_new();
	char path[PATH_TEXT_MAX];
	char quoted[LOG_QUOTE_MAX];
	int status;

	if (request_param(request, "path", path, sizeof(path)) == PARAM_BAD) {
		response_problem(response, 400, "path is too long or badly escaped");
		return;
	}
	if (!path[0])
		strcpy(path, request->body.len ? "control socket" : agent->options->policy_path);

	status = request->body.len ? agent_load(agent, request->body, path, &result)
				   : agent_reload(agent, &result);
	log_quote(path, quoted, sizeof(quoted));
	if (status) {
		log_refusal(quoted, &result, status);
		answer_failure(&result, status, response);
		return;
	}
	log_notice("policy %s loaded, generation %llu", quoted,
		   (unsigned long long)agent_generation(agent));
	answer_load(agent, &result,
		    (double)(clock_now_ns() - request->at.now_ns) / (double)NS_PER_SEC, response);
}

void policy_diff_body(struct agent *agent, const struct request *request, struct response *response)
{
	auto_load_result struct load_result result = load_result_new();
	struct policy *policy = NULL;
	int status = policy_parse(request->body, &result.problems, &policy);

	if (status) {
		answer_failure(&result, status, response);
		return;
	}
	(void)policy_diff(agent->policy, policy, &result.changes);
	policy_free(policy);
	response_json(response, json_pack("{s:o, s:o}", "changes", json_lines(&result.changes),
					  "warnings", warnings_json(&result.problems)));
}

void policy_detach(struct agent *agent, const struct request *request, struct response *response)
{
	size_t count;

	/* A second time is fine; but an agent of HTTP alone would be "detached" and serve on. */
	if (!agent->detached && !input_has_plane(agent, response))
		return;
	count = agent_detach(agent);
	response_json(response, json_pack("{s:I}", "interfaces", (json_int_t)count));
}
