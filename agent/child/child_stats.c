/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_stats.h"

#include <inttypes.h>

#include "http/cache_view.h"
#include "http/json_text.h"
#include "http/limit_view.h"

static void write_counters(const struct http_counters *counters, struct buffer *out)
{
	const char *before = "";

	buffer_add_text(out, "{\"counters\": {");
#define X(name, help)                                                            \
	buffer_printf(out, "%s\"" #name "\": %" PRIu64, before, counters->name); \
	before = ", ";
	HTTP_COUNTERS(X)
#undef X
	buffer_printf(out, "}, \"connections\": %" PRId64, counters->connections);
}

static void write_refused(const struct http_counters *counters, struct buffer *out)
{
	buffer_add_text(out, ", \"refused\": {");
	for (int i = MESSAGE_BAD_METHOD; i < MESSAGE_RESULT_COUNT; i++)
		buffer_printf(out, "%s\"%s\": %" PRIu64, i == MESSAGE_BAD_METHOD ? "" : ", ",
			      message_label((enum message_result)i), counters->refused[i]);
	buffer_add_text(out, "}");
}

static void write_times(const struct http_counters *counters, struct buffer *out)
{
	buffer_add_text(out, ", \"upstream_time\": {\"count\": [");
	for (size_t i = 0; i <= HTTP_TIME_BOUNDS; i++)
		buffer_printf(out, "%s%" PRIu64, i ? ", " : "", counters->upstream_time[i]);
	buffer_printf(out, "], \"sum_ns\": %" PRIu64 "}", counters->upstream_time_ns);
}

struct server_list {
	struct buffer *out;
	size_t count;
};

static void write_server(void *context, const struct http_server_state *state)
{
	struct server_list *list = context;

	buffer_add_text(list->out, list->count++ ? ", {\"name\": " : "{\"name\": ");
	json_text_add(list->out, bytes_of(state->name));
	buffer_printf(list->out, ", \"outstanding\": %u, \"down\": %s, \"ejected\": %s}",
		      state->outstanding, state->is_down ? "true" : "false",
		      state->is_ejected ? "true" : "false");
}

void child_stats_write(struct http *http, struct buffer *out)
{
	struct server_list list = {.out = out};
	struct http_counters counters = {0};

	http_counters_read(http, &counters);
	write_counters(&counters, out);
	write_refused(&counters, out);
	buffer_printf(out, ", \"connections_max\": %" PRIu64, http_connections_max(http));
	buffer_printf(out, ", \"memory\": {\"used\": %" PRIu64 ", \"max\": %" PRIu64 "}",
		      http_memory_used(http), http_memory_max(http));
	write_times(&counters, out);
	buffer_add_text(out, ", \"servers\": [");
	http_servers(http, write_server, &list);
	buffer_add_text(out, "], \"cache\": ");
	cache_view_stats(http, &counters, out);
	buffer_add_text(out, ", \"limits\": ");
	limit_view_counts(http, out);
	buffer_add_text(out, "}");
}
