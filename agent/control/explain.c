/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET /v1/explain/ADDR|KEY: what the maps hold of an address, and what follows from it; what the HTTP child counts of
 * it, or of a key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/bucket.h>

#include "base/cleanup.h"
#include "control/commands.h"
#include "control/explanation.h"
#include "control/json.h"
#include "control/overview.h"
#include "control/input.h"
#include "control/told.h"
#include "policy/rate.h"

struct findings {
	struct prefix address;
	struct sl_source source;
	struct sl_policy *compiled;
	struct allow allow;
	struct ban ban;
	struct sl_tracked tracked;
	bool is_tracked;
	struct explanation_input input;
};

static void find_owed(const struct agent *agent, struct findings *found)
{
	struct explanation_input *input = &found->input;

	found->is_tracked = !datapath_find_source(agent->datapath, &found->source, &found->tracked);
	if (!input->tier)
		return;
	if (!found->is_tracked) {
		datapath_stranger_owed(agent->datapath, &found->source, input->tier, input->now_ns,
				       input->owed_ns);
		return;
	}
	for (int kind = 0; kind < SL_KIND_COUNT; kind++)
		input->owed_ns[kind] =
			sl_bucket_owed(found->tracked.full_at_ns[kind],
				       input->tier->limit[kind].burst_ns, input->now_ns);
}

/* The tier as the datapath reads it: from the compiled policy, by the tier's number there. */
static void find_tier(const struct agent *agent, struct findings *found)
{
	const struct policy *policy = agent->policy;
	uint8_t index = found->input.rule ? found->input.rule->tier : policy->default_tier;
	int number;

	if (index == SL_TIER_ALLOW || index == SL_TIER_DENY)
		return;
	number = numbering_tier(datapath_numbering(agent->datapath), policy->tiers[index].name);
	if (number >= 0 && number < SL_TIERS_MAX)
		found->input.tier = &found->compiled->tier[number];
}

static int find_all(const struct agent *agent, const struct moment *at, struct findings *found)
{
	struct explanation_input *input = &found->input;
	int status = datapath_policy(agent->datapath, found->compiled);

	if (status)
		return status;
	input->now_ns = at->now_ns;
	input->unix_offset_ns = at->unix_offset_ns;
	input->policy = agent->policy;
	input->rule = policy_find_source(agent->policy, &found->address);
	if (!datapath_find_allow(agent->datapath, &found->address, at->now_ns, &found->allow))
		input->allow = &found->allow;
	if (!datapath_find_ban(agent->datapath, &found->address, at->now_ns, &found->ban))
		input->ban = &found->ban;
	find_tier(agent, found);
	find_owed(agent, found);
	return 0;
}

static json_t *limits_json(const struct findings *found, const struct explanation *explanation)
{
	const struct policy *policy = found->input.policy;
	uint8_t tier = found->input.rule ? found->input.rule->tier : policy->default_tier;
	json_t *list = json_array();

	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct explained_limit *limit = &explanation->limits[kind];
		const struct rate *rate;
		char text[RATE_TEXT_MAX];

		if (!limit->is_limited)
			continue;
		rate = &policy->tiers[tier].rate[kind];
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:f}", "kind", explanation_kind(kind),
					"rate", rate_format(rate, kind, text), "burst",
					(json_int_t)rate->burst, "tokens",
					(json_int_t)limit->tokens, "share", limit->share));
	}
	return list;
}

static json_t *rule_json(const struct agent *agent, const struct policy_source *rule)
{
	struct sl_tally tally;

	if (!rule)
		return json_null();
	datapath_rule_tally(agent->datapath,
			    numbering_rule(datapath_numbering(agent->datapath), &rule->prefix),
			    &tally);
	return json_pack("{s:o, s:I, s:o, s:o, s:o}", "prefix", json_prefix(&rule->prefix), "line",
			 (json_int_t)rule->place.line, "passed",
			 json_count(&tally.by_verdict[SL_PASS]), "flagged",
			 json_count(&tally.by_verdict[SL_FLAG]), "dropped",
			 json_count(&tally.by_verdict[SL_DROP]));
}

static json_t *findings_json(const struct agent *agent, const struct moment *at,
			     const struct findings *found)
{
	const struct explanation_input *input = &found->input;
	struct explanation explanation;
	char source[PREFIX_TEXT_MAX];
	uint8_t tier = input->rule ? input->rule->tier : input->policy->default_tier;

	explain(input, &explanation);
	return json_pack(
		"{s:o, s:s, s:o, s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o}", "address",
		json_prefix(&found->address), "source",
		source_format(&found->source, datapath_source_bits(agent->datapath), source),
		"tier", json_text(policy_tier_name(input->policy, tier)), "rule",
		rule_json(agent, input->rule), "verdict",
		overview_verdict_label(explanation.verdict), "reason",
		overview_reason_label(explanation.reason), "why", json_text(explanation.why),
		"tracked", (int)found->is_tracked, "limits", limits_json(found, &explanation),
		"ban", input->ban ? json_ban(at, input->ban) : json_null(), "allow",
		input->allow ? json_allow(at, input->allow) : json_null(), "counts",
		found->is_tracked ? json_source(agent, at, &found->source, &found->tracked)
				  : json_null());
}

/* ---- The packet plane's part ------------------------------------------------------------------- */

static json_t *explain_packets(const struct agent *agent, const struct request *request,
			       const struct prefix *address, struct response *response)
{
	auto_free struct sl_policy *compiled = malloc(sizeof(*compiled));
	struct findings found = {.compiled = compiled, .address = *address};
	int status = compiled ? 0 : -ENOMEM;

	if (!status) {
		found.source = source_of(&found.address, datapath_source_bits(agent->datapath));
		status = find_all(agent, &request->at, &found);
	}
	if (!status)
		return findings_json(agent, &request->at, &found);
	response_problem(response, 500, "reading the policy: %s", strerror(-status));
	return NULL;
}

/* ---- Both --------------------------------------------------------------------------------------- */

#define WHO_MAX 256 /* bytes of an address, or of the name of a key */

enum question_result explain_ask(struct agent *agent, const struct request *request,
				 struct question *ret_question, struct response *response)
{
	char who[WHO_MAX];

	if (!agent_has_http(agent))
		return QUESTION_NONE;
	if (request_decode(request->rest, who, sizeof(who)) != PARAM_OK || !who[0] ||
	    strchr(who, '/')) {
		response_problem(response, 400, "expected one address, or the name of an API key");
		return QUESTION_ANSWERED;
	}
	ret_question->topic = AGENT_LIMIT_EXPLAIN;
	ret_question->patience_ns = TOLD_SOON_NS;
	buffer_add_text(&ret_question->text, who);
	return QUESTION_ASKED;
}

/* Adds how many limits would refuse a request now. */
static json_t *http_json(json_t *told)
{
	json_int_t over = 0;
	const json_t *limit;
	size_t i;

	json_array_foreach(json_object_get(told, "limits"), i, limit) over +=
		json_is_true(json_object_get(limit, "over")) &&
		!json_is_true(json_object_get(limit, "dry_run"));
	(void)json_object_set_new(told, "over", json_integer(over)); /* fails without memory only */
	return told;
}

/* A name, not an address: then only the HTTP plane can know it. */
static void explain_key(const struct request *request, struct response *response)
{
	char who[WHO_MAX] = "";
	json_t *told = told_json(request, response);

	if (!told)
		return;
	(void)request_decode(request->rest, who, sizeof(who)); /* it went well before */
	response_json(response,
		      json_pack("{s:o, s:o}", "key", json_text(who), "http", http_json(told)));
}

static void explain_address(struct agent *agent, const struct request *request,
			    const struct prefix *address, struct response *response)
{
	json_t *told, *json;

	if (!agent->datapath && !agent_has_http(agent)) {
		(void)input_has_plane(agent, response); /* it says which is missing */
		return;
	}
	json = agent->datapath ? explain_packets(agent, request, address, response)
			       : json_pack("{s:o}", "address", json_prefix(address));
	if (!json)
		return;
	told = told_quietly(request);
	if (told)
		told = http_json(told);
	else if (agent_has_http(agent))
		told = json_pack("{s:b}", "answering", 0);
	else
		told = json_null();
	(void)json_object_set_new(json, "http", told);
	response_json(response, json);
}

void explain_get(struct agent *agent, const struct request *request, struct response *response)
{
	struct prefix address;
	auto_response struct response refusal = response_new();

	if (input_address(request->rest, &address, &refusal))
		explain_address(agent, request, &address, response);
	else if (agent_has_http(agent))
		explain_key(request, response);
	else
		(void)input_address(request->rest, &address, response); /* it says what is wrong */
}
