/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /metrics: read everything, write it down, and keep the text for a second. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "control/commands.h"
#include "control/input.h"
#include "control/metrics.h"
#include "control/metrics_http.h"
#include "control/sources.h"
#include "control/told.h"

#define KEEP_NS NS_PER_SEC

static bool count_ban(void *context, const struct ban *ban)
{
	uint64_t *count = context;

	++*count;
	return true;
}

static void take_source(const struct agent *agent, const struct sources_entry *entry,
			struct metrics_source *ret_source)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);
	const struct policy_source *rule = NULL;
	struct prefix prefix;

	source_format(&entry->source, bits, ret_source->source);
	if (source_prefix(&entry->source, bits, &prefix))
		rule = policy_find_source(agent->policy, &prefix);
	ret_source->tier =
		policy_tier_name(agent->policy, rule ? rule->tier : agent->policy->default_tier);
	ret_source->tally.by_verdict[SL_PASS] = entry->tracked.passed;
	ret_source->tally.by_verdict[SL_FLAG] = entry->tracked.flagged;
	ret_source->tally.by_verdict[SL_DROP] = entry->tracked.dropped;
}

/* The metrics' sources, to be freed; none without a packet plane. */
static int read_sources(const struct agent *agent, struct metrics_source **ret_sources,
			size_t *ret_count)
{
	auto_free struct sources_entry *entries = NULL;
	struct metrics_source *sources;
	size_t count = 0;
	int status;

	if (!agent->datapath)
		return 0;
	status = sources_top(agent->datapath, SOURCES_BY_DROPPED, agent->options->metrics_top,
			     &entries, &count);
	if (status)
		return status;
	sources = calloc(count ? count : 1, sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		take_source(agent, &entries[i], &sources[i]);
	*ret_sources = sources;
	*ret_count = count;
	return 0;
}

static int write_metrics(struct agent *agent, uint64_t now_ns, const struct metrics_http *http)
{
	auto_overview struct overview overview = {0};
	auto_free struct metrics_source *sources = NULL;
	struct metrics metrics = {
		.version = SLUICE_VERSION,
		.state = agent_state(agent),
		.started_unix_ns = agent->started_unix_ns,
		.loaded_unix_ns = agent->loaded_unix_ns,
		.generation = agent_generation(agent),
		.reloads = agent->reloads,
		.failed_reloads = agent->failed_reloads,
		.overview = &overview,
		.http = http,
	};
	int status = overview_read(agent, now_ns, &overview);

	if (!status)
		status = read_sources(agent, &sources, &metrics.source_count);
	if (!status && agent->datapath)
		status = datapath_each_ban(agent->datapath, now_ns, count_ban,
					   &metrics.bans_in_force);
	if (status)
		return status;
	for (int kind = 0; kind < SL_EVENT_COUNT; kind++)
		metrics.events[kind] = journal_count(agent->journal, kind);
	metrics.sources = sources;

	buffer_free(&agent->metrics_text);
	agent->metrics_text = buffer_new(METRICS_TEXT_MAX);
	metrics_write(&metrics, &agent->metrics_text);
	return agent->metrics_text.error;
}

static bool is_kept(const struct agent *agent, uint64_t now_ns)
{
	return agent->metrics_at_ns && now_ns - agent->metrics_at_ns < KEEP_NS;
}

enum question_result scrape_ask(struct agent *agent, const struct request *request,
				struct question *ret_question, struct response *response)
{
	if (!agent_has_http(agent) || is_kept(agent, request->at.now_ns))
		return QUESTION_NONE;
	ret_question->topic = AGENT_HTTP_STATS;
	ret_question->patience_ns = TOLD_SOON_NS;
	return QUESTION_ASKED;
}

static int make_metrics(struct agent *agent, const struct request *request)
{
	json_t *told = told_quietly(request);
	const struct metrics_http http = {
		.policy = agent->policy->http, .state = agent_http_state(agent), .told = told};
	int status = write_metrics(agent, request->at.now_ns, agent_has_http(agent) ? &http : NULL);

	json_decref(told);
	agent->metrics_at_ns = status ? 0 : request->at.now_ns;
	return status;
}

void scrape_get(struct agent *agent, const struct request *request, struct response *response)
{
	int status = 0;
	bool all;

	if (!input_flag(request, "all", &all)) {
		response_problem(response, 400, "all is 0 or 1");
		return;
	}
	if (all) {
		if (input_has_plane(agent, response))
			sources_stream_all(agent, &request->at, response);
		return;
	}

	if (!is_kept(agent, request->at.now_ns))
		status = make_metrics(agent, request);
	if (status) {
		response_problem(response, 500, "reading the counters: %s", strerror(-status));
		return;
	}
	response_text(response, METRICS_TYPE);
	buffer_add(&response->body,
		   (struct bytes){agent->metrics_text.at, agent->metrics_text.len});
}
