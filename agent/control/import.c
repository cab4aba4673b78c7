/* SPDX-License-Identifier: BSD-2-Clause */
/* POST /v1/import: many bans at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "base/duration.h"
#include "control/ban_care.h"
#include "control/blocklist.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

#define NOT_BANNED 0 /* as the end of a ban */
#define SOME_BANS  256

static void refused(void *context, const struct ban *ban, const char *why)
{
	struct blocklist *list = context;
	bool is_ours = ban >= list->bans && ban < list->bans + list->count;

	if (is_ours)
		list->bans[ban - list->bans].until_ns = NOT_BANNED;
	blocklist_refuse(list, is_ours ? list->lines[ban - list->bans] : 0, why);
}

/* Only those that are meant stay in the list. */
static void sift(struct blocklist *list, const struct ban_care *care)
{
	char why[DATAPATH_ERROR_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!ban_care_accepts(care, &list->bans[i].prefix, why)) {
			blocklist_refuse(list, list->lines[i], why);
			continue;
		}
		list->bans[kept] = list->bans[i];
		list->lines[kept++] = list->lines[i];
	}
	list->count = kept;
}

/* Connections of those that were not refused, some at a time. */
static void close_connections(struct agent *agent, const struct blocklist *list)
{
	struct prefix banned[SOME_BANS];
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->bans[i].until_ns == NOT_BANNED)
			continue;
		banned[count++] = list->bans[i].prefix;
		if (count < SOME_BANS)
			continue;
		agent_banned(agent, banned, count);
		count = 0;
	}
	if (count)
		agent_banned(agent, banned, count);
}

static int by_line(const void *a, const void *b)
{
	const struct blocklist_problem *left = a, *right = b;

	return left->line < right->line ? -1 : left->line > right->line;
}

/* In the order of the file: what the datapath refuses comes after what could not be read. */
static json_t *problems_json(struct blocklist *list)
{
	json_t *problems = json_array();

	if (list->problem_count)
		qsort(list->problems, list->problem_count, sizeof(*list->problems), by_line);
	for (size_t i = 0; i < list->problem_count; i++)
		json_array_append_new(problems,
				      json_pack("{s:I, s:o}", "line",
						(json_int_t)list->problems[i].line, "text",
						json_text(list->problems[i].text)));
	return problems;
}

static void answer_broken(const struct blocklist *list, int status, struct response *response)
{
	const struct blocklist_problem *last =
		list->problem_count ? &list->problems[list->problem_count - 1] : NULL;

	if (status == -E2BIG)
		response_problem(response, 413, "more than %d entries; import them in parts",
				 BLOCKLIST_MAX);
	else if (status == -EINVAL && last)
		response_problem(response, 400, "line %u: %s; nothing was imported", last->line,
				 last->text);
	else
		response_problem(response, 500, "%s; nothing was imported", strerror(-status));
}

void bans_import(struct agent *agent, const struct request *request, struct response *response)
{
	struct blocklist_defaults defaults = {
		.now_ns = request->at.now_ns,
		.span_ns = SL_BAN_DEFAULT_SECONDS * NS_PER_SEC,
	};
	auto_blocklist struct blocklist list = {0};
	auto_ban_care struct ban_care care = {};
	size_t banned = 0;
	int status;

	if (!input_has_plane(agent, response) || !ban_care_read(agent, request, &care, response))
		return;
	status = blocklist_parse(request->body, &defaults, &list);
	if (status) {
		answer_broken(&list, status, response);
		return;
	}

	sift(&list, &care);
	status = datapath_ban_all(agent->datapath, agent->policy, list.bans, list.count, refused,
				  &list, &banned);
	if (banned)
		close_connections(agent, &list);
	if (status) {
		response_problem(response, 500, "after %zu bans: %s", banned, strerror(-status));
		return;
	}
	response_json(response,
		      json_pack("{s:I, s:I, s:o}", "imported", (json_int_t)banned, "refused",
				(json_int_t)list.refused, "problems", problems_json(&list)));
}
