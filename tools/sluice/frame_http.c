/* SPDX-License-Identifier: BSD-2-Clause */
/* What `sluice top` shows of the HTTP plane. */
#include "ask.h"
#include "frame.h"

#define SERVER_WIDTH 32

void frame_draw_http(struct frame *frame, const struct rates *rates)
{
	static const char *const classes[RATES_CLASS_COUNT] = {"2xx", "3xx", "4xx", "5xx"};
	static const enum colour colours[RATES_CLASS_COUNT] = {COLOUR_GOOD, COLOUR_PLAIN,
							       COLOUR_CAUTION, COLOUR_BAD};
	const struct rates_http *http = &rates->http;
	char text[TEXT_MAX];

	if (!http->is_there)
		return;
	frame_add(frame, COLOUR_DIM, "http    ");
	frame_add(frame, COLOUR_STRONG, "%9s/s",
		  rates->is_valid ? text_count(text_round(http->requests), text) : "-");
	for (int i = 0; i < RATES_CLASS_COUNT; i++)
		frame_add(frame, http->answers[i] > 0 ? colours[i] : COLOUR_DIM, "  %s %s",
			  classes[i], text_count(text_round(http->answers[i]), text));
	frame_add(frame, COLOUR_PLAIN, "  hits %s", text_share(http->hits, http->lookups, text));
	frame_add(frame, COLOUR_DIM, "  conns %s", text_count(http->connections, text));
	frame_end_row(frame);
}

static void draw_server(struct frame *frame, const json_t *server)
{
	char upstream[TEXT_CELL_MAX], name[TEXT_CELL_MAX], count[TEXT_MAX];
	bool is_ejected = json_is_true(json_object_get(server, "ejected"));
	bool is_up = json_is_true(json_object_get(server, "up"));

	frame_add(frame, COLOUR_PLAIN, "%-16.16s %-*.*s ",
		  text_clean(field_text(server, "upstream"), upstream, sizeof(upstream)),
		  SERVER_WIDTH, SERVER_WIDTH,
		  text_clean(field_text(server, "server"), name, sizeof(name)));
	frame_add(frame,
		  is_ejected ? COLOUR_CAUTION
		  : is_up    ? COLOUR_GOOD
			     : COLOUR_BAD,
		  "%-8s",
		  is_ejected ? "ejected"
		  : is_up    ? "up"
			     : "down");
	frame_add(frame, COLOUR_PLAIN, " %9s",
		  text_count(field_count(server, "outstanding"), count));
	frame_end_row(frame);
}

void frame_draw_servers(struct frame *frame, const struct rates *rates)
{
	const json_t *http = json_object_get(rates->status, "http");
	const json_t *server;
	size_t i;

	if (!json_is_object(http))
		return;
	if (!json_is_true(json_object_get(http, "answering"))) {
		frame_add(frame, COLOUR_BAD, "the HTTP child does not answer");
		frame_end_row(frame);
		return;
	}
	frame_add(frame, COLOUR_DIM, "%-16s %-*s %-8s %9s", "UPSTREAM", SERVER_WIDTH, "SERVER",
		  "STATE", "REQUESTS");
	frame_end_row(frame);
	json_array_foreach(json_object_get(http, "upstreams"), i, server)
		draw_server(frame, server);
}
