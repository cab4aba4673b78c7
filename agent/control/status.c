/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/status, /healthz, /readyz. */
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/http_status.h"
#include "control/overview.h"
#include "control/input.h"
#include "control/told.h"

static json_t *policy_json(const struct agent *agent)
{
	char loaded[TIMESTAMP_TEXT_MAX];

	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I}", "path", json_text(agent->loaded_path),
			 "loaded", timestamp_format(agent->loaded_unix_ns, loaded), "reloads",
			 (json_int_t)agent->reloads, "failed_reloads",
			 (json_int_t)agent->failed_reloads, "tiers",
			 (json_int_t)agent->policy->tier_count, "prefixes",
			 (json_int_t)agent->policy->source_count);
}

static json_t *interfaces_json(const struct overview *overview)
{
	json_t *list = json_array();

	for (size_t i = 0; i < overview->interface_count; i++) {
		const struct interface_status *at = &overview->interfaces[i];
		struct sl_count all = overview_sum(at->reasons, SL_VERDICT_COUNT);
		struct sl_count dropped = overview_sum(at->reasons, SL_DROP);

		json_array_append_new(
			list,
			json_pack("{s:o, s:I, s:s, s:b, s:b, s:o, s:I, s:I, s:o}", "name",
				  json_text(at->name), "ifindex", (json_int_t)at->ifindex, "mode",
				  overview_mode_label(at->mode), "adopted", (int)at->adopted,
				  "flags", (int)at->flags, "why", json_text(at->why), "packets",
				  (json_int_t)all.packets, "bytes", (json_int_t)all.bytes,
				  "dropped", json_count(&dropped)));
	}
	return list;
}

static json_t *reasons_json(const struct overview *overview)
{
	json_t *json = json_object();

	for (int reason = 0; reason < SL_REASON_COUNT; reason++) {
		struct sl_count sum = overview_reason(overview, reason);

		json_object_set_new(json, overview_reason_label(reason),
				    json_pack("{s:s, s:I, s:I}", "verdict",
					      overview_verdict_label(overview_verdict(reason)),
					      "packets", (json_int_t)sum.packets, "bytes",
					      (json_int_t)sum.bytes));
	}
	return json;
}

static json_t *tiers_json(const struct overview *overview)
{
	json_t *json = json_object();

	for (size_t i = 0; i < overview->tier_count; i++) {
		const struct overview_tier *tier = &overview->tiers[i];

		json_object_set_new(
			json, tier->name,
			json_pack("{s:o, s:o, s:o}", "passed",
				  json_count(&tier->tally.by_verdict[SL_PASS]), "flagged",
				  json_count(&tier->tally.by_verdict[SL_FLAG]), "dropped",
				  json_count(&tier->tally.by_verdict[SL_DROP])));
	}
	return json;
}

static json_t *tables_json(const struct overview *overview)
{
	const struct datapath_fill *fill = &overview->fill;

	return json_pack(
		"{s:{s:I, s:I}, s:{s:I, s:I, s:I}, s:{s:I, s:I}, s:{s:I}, s:{s:I}}", "sources",
		"used", (json_int_t)fill->sources, "max", (json_int_t)fill->sources_max,
		"strangers", "used", (json_int_t)fill->strangers_owing, "max",
		(json_int_t)fill->strangers_words, "bytes",
		(json_int_t)(fill->strangers_words * sizeof(uint64_t)), "bans", "used",
		(json_int_t)fill->bans, "max", (json_int_t)fill->bans_max, "ban_prefixes", "used",
		(json_int_t)fill->ban_prefixes, "allows", "used", (json_int_t)fill->allows);
}

static json_t *faults_json(const struct overview *overview)
{
	json_t *json = json_object();

	for (int fault = 0; fault < SL_FAULT_COUNT; fault++)
		json_object_set_new(json, overview_fault_label(fault),
				    json_integer((json_int_t)overview->faults[fault]));
	return json;
}

static json_t *overview_json(const struct agent *agent, const struct moment *at,
			     const struct overview *overview, json_t *http)
{
	char started[TIMESTAMP_TEXT_MAX];

	return json_pack(
		"{s:s, s:i, s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:b, s:o}",
		"version", SLUICE_VERSION, "pid", (int)getpid(), "started",
		timestamp_format(agent->started_unix_ns, started), "uptime",
		(json_int_t)((at->now_ns - agent->started_ns) / NS_PER_SEC), "state",
		agent_state_name(agent_state(agent)), "generation",
		(json_int_t)agent_generation(agent), "policy", policy_json(agent), "interfaces",
		interfaces_json(overview), "reasons", reasons_json(overview), "tiers",
		tiers_json(overview), "tables", tables_json(overview), "faults",
		faults_json(overview), "events_lost",
		(json_int_t)overview->faults[SL_FAULT_EVENT_LOST], "pinned",
		(int)(agent->datapath && datapath_is_pinned(agent->datapath)), "packet_plane",
		(int)agent->policy->has_packet_plane, "http", http);
}

enum question_result status_ask(struct agent *agent, const struct request *request,
				struct question *ret_question, struct response *response)
{
	if (!agent_has_http(agent))
		return QUESTION_NONE;
	ret_question->topic = AGENT_HTTP_STATS;
	ret_question->patience_ns = TOLD_SOON_NS;
	return QUESTION_ASKED;
}

void status_get(struct agent *agent, const struct request *request, struct response *response)
{
	auto_overview struct overview overview = {0};

	if (overview_read(agent, request->at.now_ns, &overview))
		response_problem(response, 500, "no memory for the answer");
	else
		response_json(response, overview_json(agent, &request->at, &overview,
						      http_status_json(agent, request)));
}

void status_health(struct agent *agent, const struct request *request, struct response *response)
{
	response_text(response, "text/plain");
	buffer_add_text(&response->body, "alive\n");
}

void status_ready(struct agent *agent, const struct request *request, struct response *response)
{
	enum agent_state state = agent_state(agent);
	bool is_up = state == AGENT_PROTECTING || state == AGENT_SERVING;
	bool has_http = !agent_has_http(agent) || agent_http_state(agent).serves;

	response_text(response, "text/plain");
	if (!is_up || !has_http)
		response->status = 503;
	buffer_printf(&response->body, "%s%s\n", agent_state_name(state),
		      is_up && !has_http ? ", but no HTTP child serves at present" : "");
}
