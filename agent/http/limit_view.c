/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/limit_view.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/duration.h"
#include "http/json_text.h"
#include "http/pipe.h"
#include "message/chars.h"

#define COUNTS_MAX 10000 /* limits told of: a megabyte of text */

struct listing {
	struct buffer *out;
	uint64_t count;
};

static void write_text(struct buffer *out, const char *name, const char *text)
{
	buffer_printf(out, ", \"%s\": ", name);
	if (text)
		json_text_add(out, bytes_of(text));
	else
		buffer_add_text(out, "null");
}

static void write_seconds(struct buffer *out, const char *name, uint64_t ns)
{
	if (ns == UINT64_MAX)
		buffer_printf(out, ", \"%s\": null", name);
	else
		buffer_printf(out, ", \"%s\": %" PRIu64 ".%03u", name, (uint64_t)(ns / NS_PER_SEC),
			      (unsigned)(ns % NS_PER_SEC / NS_PER_MS));
}

static void write_client(void *context, const struct http_client *client)
{
	struct listing *list = context;
	struct buffer *out = list->out;

	buffer_add_text(out, list->count++ ? ", {\"client\": " : "{\"client\": ");
	json_text_add(out, bytes_of(client->who));
	write_text(out, "route", client->route);
	write_text(out, "limit", client->limit);
	write_text(out, "method", client->method);
	buffer_printf(out, ", \"quota\": %" PRIu64 ", \"remaining\": %" PRIu64, client->quota,
		      client->remaining);
	write_seconds(out, "reset", client->reset_in_ns);
	write_seconds(out, "wait", client->wait_ns);
	buffer_printf(out, ", \"held\": %" PRIu64 ", \"over\": %s, \"dry_run\": %s}", client->held,
		      client->is_over ? "true" : "false", client->is_dry_run ? "true" : "false");
}

void limit_view_clients(struct http *http, struct bytes text, struct buffer *out)
{
	struct http_client_query query = {0};
	struct listing list = {.out = out};
	char asked[64], which[8] = "";
	unsigned max = 0;
	int at = 0;
	uint64_t more;

	(void)snprintf(asked, sizeof(asked), "%.*s", (int)text.len, text.len ? text.at : "");
	if (sscanf(asked, "%7s %u %n", which, &max, &at) != 2 || !at || !max ||
	    max > PIPE_CLIENTS_MAX || (size_t)at > text.len) {
		json_text_refuse(out, 400, "which clients, and how many, is asked for oddly");
		return;
	}
	query.only_over = !strcmp(which, "over");
	query.max = max;
	query.text = bytes_from(text, (size_t)at);
	buffer_add_text(out, "{\"clients\": [");
	more = http_clients(http, &query, write_client, &list);
	buffer_printf(out, "], \"more\": %" PRIu64 "}", more);
}

static void refuse_name(struct buffer *out)
{
	json_text_refuse(out, 404, "neither an address nor the name of an API key");
}

void limit_view_explain(struct http *http, struct bytes who, struct buffer *out)
{
	struct listing list = {.out = out};

	buffer_add_text(out, "{\"limits\": [");
	if (http_client_explain(http, who, write_client, &list)) {
		buffer_free(out);
		refuse_name(out);
		return;
	}
	buffer_add_text(out, "]}");
}

void limit_view_reset(struct http *http, struct bytes who, struct buffer *out)
{
	int64_t count = http_client_forget(http, who);

	if (count < 0) {
		refuse_name(out);
		return;
	}
	buffer_add_text(out, "{\"client\": ");
	json_text_add(out, who);
	buffer_printf(out, ", \"reset\": %" PRId64 "}", count);
}

static void write_count(void *context, const struct http_limit_count *limit)
{
	struct listing *list = context;

	if (list->count++ >= COUNTS_MAX)
		return;
	buffer_add_text(list->out, list->count > 1 ? ", {\"route\": " : "{\"route\": ");
	json_text_add(list->out, bytes_of(limit->route));
	write_text(list->out, "limit", limit->limit);
	buffer_printf(list->out,
		      ", \"allowed\": %" PRIu64 ", \"refused\": %" PRIu64
		      ", \"dry_run_refused\": %" PRIu64 "}",
		      limit->allowed, limit->refused, limit->dry_run_refused);
}

void limit_view_counts(struct http *http, struct buffer *out)
{
	struct listing list = {.out = out};

	buffer_add_text(out, "[");
	http_limit_counts(http, write_count, &list);
	buffer_add_text(out, "]");
}
