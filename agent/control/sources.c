/* SPDX-License-Identifier: BSD-2-Clause */
/* GET /v1/sources: tracked sources, the largest first, or all of them as a stream. */
#include "control/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "base/cleanup.h"
#include "control/commands.h"
#include "control/json.h"
#include "control/input.h"

#define TOP_MAX	   100000 /* larger answers are streamed: ?all=1 */
#define SOME_LINES 256	  /* of the stream at a time: some 64 KiB */

static uint64_t weight_of(const struct sl_tracked *tracked, enum sources_order by)
{
	switch (by) {
	case SOURCES_BY_DROPPED:
		return tracked->dropped.packets;
	case SOURCES_BY_PASSED:
		return tracked->passed.packets;
	case SOURCES_BY_BYTES:
		return tracked->passed.bytes + tracked->flagged.bytes + tracked->dropped.bytes;
	}
	return 0;
}

/* A binary heap with the lightest on top: the next to leave. */
struct top {
	struct sources_entry *heap;
	size_t count;
	size_t max;
	enum sources_order by;
};

static void swap(struct sources_entry *a, struct sources_entry *b)
{
	struct sources_entry kept = *a;

	*a = *b;
	*b = kept;
}

static void sift_up(struct top *top, size_t at)
{
	while (at && top->heap[at].weight < top->heap[(at - 1) / 2].weight) {
		swap(&top->heap[at], &top->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static void sift_down(struct top *top)
{
	for (size_t at = 0, child; (child = 2 * at + 1) < top->count; at = child) {
		if (child + 1 < top->count && top->heap[child + 1].weight < top->heap[child].weight)
			child++;
		if (top->heap[at].weight <= top->heap[child].weight)
			return;
		swap(&top->heap[at], &top->heap[child]);
	}
}

static bool consider(void *context, const struct sl_source *source,
		     const struct sl_tracked *tracked)
{
	struct top *top = context;
	struct sources_entry entry = {weight_of(tracked, top->by), *source, *tracked};

	if (top->count < top->max) {
		top->heap[top->count] = entry;
		sift_up(top, top->count++);
	} else if (top->max && entry.weight > top->heap[0].weight) {
		top->heap[0] = entry;
		sift_down(top);
	}
	return true;
}

static int heavier_first(const void *a, const void *b)
{
	const struct sources_entry *left = a;
	const struct sources_entry *right = b;

	if (left->weight != right->weight)
		return left->weight < right->weight ? 1 : -1;
	return memcmp(&left->source, &right->source, sizeof(left->source));
}

int sources_top(const struct datapath *datapath, enum sources_order by, size_t max,
		struct sources_entry **ret_entries, size_t *ret_count)
{
	auto_free struct sources_entry *heap = calloc(max ? max : 1, sizeof(*heap));
	struct top top = {.heap = heap, .max = max, .by = by};
	int status;

	if (!heap)
		return -ENOMEM;
	status = datapath_each_source(datapath, consider, &top);
	if (status)
		return status;

	qsort(heap, top.count, sizeof(*heap), heavier_first);
	*ret_entries = take_ptr(heap);
	*ret_count = top.count;
	return 0;
}

/* ---- All of them, as a stream ------------------------------------------------------ */

struct snapshot {
	struct agent *agent;
	struct moment at;
	struct sources_line *lines;
	size_t count;
	size_t room;
	size_t next;
	bool no_memory;
};

static void snapshot_free(void *context)
{
	struct snapshot *snapshot = context;

	if (!snapshot)
		return;
	free(snapshot->lines);
	free(snapshot);
}

static bool copy_line(void *context, const struct sl_source *source,
		      const struct sl_tracked *tracked)
{
	struct snapshot *snapshot = context;

	if (snapshot->count == snapshot->room) {
		size_t room = snapshot->room ? 2 * snapshot->room : 1024;
		struct sources_line *grown =
			reallocarray(snapshot->lines, room, sizeof(*snapshot->lines));

		if (!grown) {
			snapshot->no_memory = true;
			return false;
		}
		snapshot->lines = grown;
		snapshot->room = room;
	}
	snapshot->lines[snapshot->count++] = (struct sources_line){*source, *tracked};
	return true;
}

static enum stream_result more_lines(void *context, struct buffer *out)
{
	struct snapshot *snapshot = context;
	struct json_list list = json_list_begin(out, true);

	if (!snapshot->agent->datapath) /* detached meanwhile: names of tiers are gone */
		return STREAM_END;
	for (size_t i = 0; i < SOME_LINES && snapshot->next < snapshot->count; i++) {
		const struct sources_line *line = &snapshot->lines[snapshot->next++];

		json_list_add(&list, json_source(snapshot->agent, &snapshot->at, &line->source,
						 &line->tracked));
	}
	json_list_end(&list);
	return snapshot->next < snapshot->count ? STREAM_MORE : STREAM_END;
}

void sources_stream_all(struct agent *agent, const struct moment *at, struct response *response)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	int status;

	if (!snapshot) {
		response_problem(response, 500, "no memory for the answer");
		return;
	}
	snapshot->agent = agent;
	snapshot->at = *at;
	status = datapath_each_source(agent->datapath, copy_line, snapshot);
	if (status || snapshot->no_memory) {
		snapshot_free(snapshot);
		response_problem(response, 500, "reading the sources: %s",
				 strerror(status ? -status : ENOMEM));
		return;
	}
	response_stream(response, "application/jsonl", more_lines, snapshot, snapshot_free,
			sizeof(*snapshot) + snapshot->room * sizeof(*snapshot->lines));
}

/* ---- Requests ------------------------------------------------------------------------ */

bool sources_order_of(const struct request *request, enum sources_order *ret_by)
{
	static const struct {
		const char *name;
		enum sources_order by;
	} orders[] = {
		{"", SOURCES_BY_DROPPED},
		{"dropped", SOURCES_BY_DROPPED},
		{"passed", SOURCES_BY_PASSED},
		{"bytes", SOURCES_BY_BYTES},
	};
	char text[16];

	if (request_param(request, "by", text, sizeof(text)) == PARAM_BAD)
		return false;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(text, orders[i].name) == 0) {
			*ret_by = orders[i].by;
			return true;
		}
	}
	return false;
}

static void answer_top(struct agent *agent, const struct request *request,
		       struct response *response, enum sources_order by, uint64_t top)
{
	auto_free struct sources_entry *entries = NULL;
	size_t count = 0;
	int status = sources_top(agent->datapath, by, top, &entries, &count);
	struct json_list list;

	if (status) {
		response_problem(response, 500, "reading the sources: %s", strerror(-status));
		return;
	}
	list = json_list_begin(&response->body, false);
	for (size_t i = 0; i < count; i++)
		if (!json_list_add(&list, json_source(agent, &request->at, &entries[i].source,
						      &entries[i].tracked)))
			break;
	json_list_end(&list);
}

void sources_list(struct agent *agent, const struct request *request, struct response *response)
{
	enum sources_order by;
	uint64_t top;
	bool all;

	if (!input_flag(request, "all", &all) ||
	    !input_number(request, "top", SL_TOP_DEFAULT, TOP_MAX, &top)) {
		response_problem(response, 400, "all is 0 or 1, top a number up to %d", TOP_MAX);
		return;
	}
	if (!sources_order_of(request, &by)) {
		response_problem(response, 400, "by is dropped, passed or bytes");
		return;
	}
	if (!input_has_plane(agent, response))
		return;

	if (all)
		sources_stream_all(agent, &request->at, response);
	else
		answer_top(agent, request, response, by, top);
}

void sources_get(struct agent *agent, const struct request *request, struct response *response)
{
	struct sl_tracked tracked;
	struct sl_source source;
	struct prefix address;

	if (!input_address(request->rest, &address, response) || !input_has_plane(agent, response))
		return;

	source = source_of(&address, datapath_source_bits(agent->datapath));
	if (datapath_find_source(agent->datapath, &source, &tracked)) {
		response_problem(response, 404,
				 "it is not tracked: it never was over a limit nor spent much; "
				 "explain tells what would happen to it");
		return;
	}
	response_json(response, json_source(agent, &request->at, &source, &tracked));
}
