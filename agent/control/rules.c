/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/rules: prefixes of the policy that packets came from, and what became of those; the largest first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "control/commands.h"
#include "control/input.h"
#include "control/json.h"
#include "control/sources.h"

#define TOP_MAX 100000

struct hit {
	uint64_t weight; /* what they are ordered by */
	uint32_t id;
};

/* At most one entry for each prefix of a policy, of 16 bytes. */
struct hits {
	struct hit *at;
	size_t count;
	size_t room;
	enum sources_order by;
	bool no_memory;
};

static uint64_t weight_of(const struct sl_tally *tally, enum sources_order by)
{
	const struct sl_count *of = tally->by_verdict;

	switch (by) {
	case SOURCES_BY_DROPPED:
		return of[SL_DROP].packets;
	case SOURCES_BY_PASSED:
		return of[SL_PASS].packets;
	case SOURCES_BY_BYTES:
		return of[SL_PASS].bytes + of[SL_FLAG].bytes + of[SL_DROP].bytes;
	}
	return 0;
}

static bool collect(void *context, uint32_t id, const struct sl_tally *tally)
{
	struct hits *hits = context;

	if (hits->count == hits->room) {
		size_t room = hits->room ? 2 * hits->room : 256;
		struct hit *grown = reallocarray(hits->at, room, sizeof(*hits->at));

		if (!grown) {
			hits->no_memory = true;
			return false;
		}
		hits->at = grown;
		hits->room = room;
	}
	hits->at[hits->count++] = (struct hit){weight_of(tally, hits->by), id};
	return true;
}

static int heavier_first(const void *a, const void *b)
{
	const struct hit *left = a, *right = b;

	if (left->weight != right->weight)
		return left->weight < right->weight ? 1 : -1;
	return left->id < right->id ? -1 : left->id > right->id;
}

static int compare_source(const void *prefix, const void *source)
{
	return prefix_compare(prefix, &((const struct policy_source *)source)->prefix);
}

/* NULL for a number that rests: its prefix is in the policy no more. */
static const struct policy_source *source_of_rule(const struct agent *agent, uint32_t id)
{
	const struct policy *policy = agent->policy;
	struct prefix prefix;

	if (!policy->source_count ||
	    !numbering_rule_prefix(datapath_numbering(agent->datapath), id, &prefix))
		return NULL;
	return bsearch(&prefix, policy->sources, policy->source_count, sizeof(*policy->sources),
		       compare_source);
}

static json_t *json_rule(const struct agent *agent, const struct policy_source *source, uint32_t id)
{
	struct sl_tally tally;

	datapath_rule_tally(agent->datapath, id, &tally);
	return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "prefix", json_prefix(&source->prefix),
			 "line", (json_int_t)source->place.line, "tier",
			 json_text(policy_tier_name(agent->policy, source->tier)), "passed",
			 json_count(&tally.by_verdict[SL_PASS]), "flagged",
			 json_count(&tally.by_verdict[SL_FLAG]), "dropped",
			 json_count(&tally.by_verdict[SL_DROP]));
}

static void answer_top(const struct agent *agent, const struct hits *hits, uint64_t top,
		       struct response *response)
{
	struct json_list list = json_list_begin(&response->body, false);

	for (size_t i = 0; i < hits->count && top; i++) {
		const struct policy_source *source = source_of_rule(agent, hits->at[i].id);

		if (!source)
			continue;
		if (!json_list_add(&list, json_rule(agent, source, hits->at[i].id)))
			break;
		top--;
	}
	json_list_end(&list);
}

void rules_list(struct agent *agent, const struct request *request, struct response *response)
{
	struct hits hits = {0};
	uint64_t top;
	int status;

	if (!input_number(request, "top", SL_TOP_DEFAULT, TOP_MAX, &top)) {
		response_problem(response, 400, "top is a number up to %d", TOP_MAX);
		return;
	}
	if (!sources_order_of(request, &hits.by)) {
		response_problem(response, 400, "by is dropped, passed or bytes");
		return;
	}
	if (!input_has_plane(agent, response))
		return;

	status = datapath_each_rule(agent->datapath, collect, &hits);
	if (!status && hits.no_memory)
		status = -ENOMEM;
	if (status) {
		response_problem(response, 500, "reading the rules: %s", strerror(-status));
	} else {
		if (hits.count)
			qsort(hits.at, hits.count, sizeof(*hits.at), heavier_first);
		answer_top(agent, &hits, top, response);
	}
	free(hits.at);
}
