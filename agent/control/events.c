/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/events: what was told last, and what comes. */
#include <stdlib.h>

#include "base/clock.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

#define SOME_EVENTS 256 /* at a time: some 64 KiB */

static void list_last(struct agent *agent, const struct moment *at, uint64_t last,
		      struct response *response)
{
	uint64_t next = journal_next(agent->journal);
	uint64_t id = next > last ? next - last : 1;
	struct json_list list = json_list_begin(&response->body, false);

	if (id < journal_first(agent->journal))
		id = journal_first(agent->journal);
	for (; id < next; id++)
		if (!json_list_add(&list, json_event(agent, at, journal_at(agent->journal, id))))
			break;
	json_list_end(&list);
}

/* ---- Following ----------------------------------------------------------------------- */

struct follower {
	struct agent *agent;
	uint64_t next;
};

/* A follower that was too slow for the ring goes on with what is left of it; the numbers show the gap. */
static enum stream_result more_events(void *context, struct buffer *out)
{
	struct follower *follower = context;
	const struct journal *journal = follower->agent->journal;
	struct moment at = {clock_now_ns(), clock_unix_offset_ns()};
	struct json_list list = json_list_begin(out, true);

	if (follower->next < journal_first(journal))
		follower->next = journal_first(journal);
	for (int i = 0; i < SOME_EVENTS && follower->next < journal_next(journal); i++)
		json_list_add(&list, json_event(follower->agent, &at,
						journal_at(journal, follower->next++)));
	json_list_end(&list);
	return STREAM_MORE;
}

static void follow(struct agent *agent, uint64_t last, struct response *response)
{
	struct follower *follower = calloc(1, sizeof(*follower));
	uint64_t next = journal_next(agent->journal);

	if (!follower) {
		response_problem(response, 500, "no memory for the answer");
		return;
	}
	follower->agent = agent;
	follower->next = next > last ? next - last : 1;
	response_stream(response, "application/jsonl", more_events, follower, free,
			sizeof(*follower));
}

void events_get(struct agent *agent, const struct request *request, struct response *response)
{
	uint64_t last;
	bool is_following;

	if (!input_flag(request, "follow", &is_following) ||
	    !input_number(request, "last", is_following ? 0 : JOURNAL_MAX, JOURNAL_MAX, &last)) {
		response_problem(response, 400, "follow is 0 or 1, last a number up to %d",
				 JOURNAL_MAX);
		return;
	}
	if (is_following)
		follow(agent, last, response);
	else
		list_last(agent, &request->at, last, response);
}
