/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice events */
#include <string.h>
#include <time.h>

#include <sluice/control.h>

#include "ask.h"
#include "memory.h"

#define LAST_DEFAULT 20
#define LAST_MAX     10000 /* what the agent keeps */

static enum colour colour_of_event(const char *kind)
{
	if (!strcmp(kind, "banned"))
		return COLOUR_BAD;
	if (!strcmp(kind, "stopped") || !strcmp(kind, "ban_ended"))
		return COLOUR_GOOD;
	return COLOUR_CAUTION;
}

/* "for 1m00s until 2026-11-21T15:19:03Z, strike 1, http" */
static char *ban_details(const json_t *event, const char *on)
{
	const char *until = field_text(event, "until"), *cause = field_text(event, "cause");
	unsigned long long strikes = field_count(event, "strikes");
	int64_t from_s, until_s;
	char span[TEXT_MAX];

	if (!text_instant(field_text(event, "time"), &from_s) || !text_instant(until, &until_s) ||
	    until_s < from_s)
		return memory_printf("until unbanned, %s", cause);
	return memory_printf("for %s until %s, strike %llu%s%s%s",
			     text_span((uint64_t)(until_s - from_s), span), until, strikes,
			     *cause ? ", " : "", cause, on);
}

/* What an event adds to who and when. */
static char *details_of(const json_t *event)
{
	const char *kind = field_text(event, "event");
	const char *interface = field_text(event, "interface");
	auto_text char *on = *interface ? memory_printf(" on %s", interface) : memory_copy("");
	char count[TEXT_MAX];

	if (!strcmp(kind, "banned"))
		return ban_details(event, on);
	if (field_count(event, "requests"))
		return memory_printf("%s request%s",
				     text_count(field_count(event, "requests"), count),
				     field_count(event, "requests") == 1 ? "" : "s");
	if (!strcmp(kind, "stopped") && field_count(event, "packets"))
		return memory_printf("%s packet%s since the last event",
				     text_count(field_count(event, "packets"), count),
				     field_count(event, "packets") == 1 ? "" : "s");
	if (!strcmp(kind, "limited") || !strcmp(kind, "flagged"))
		return memory_printf("%s packet%s, %s%s",
				     text_count(field_count(event, "packets"), count),
				     field_count(event, "packets") == 1 ? "" : "s",
				     field_text(event, "reason"), on);
	return memory_copy("");
}

static void print_event(const struct cli *cli, const json_t *event)
{
	const char *kind = field_text(event, "event");
	auto_text char *details = details_of(event);
	auto_text char *line = memory_printf("%-20s  %-18s  ", field_text(event, "time"),
					     field_text(event, "source"));
	auto_text char *rest = memory_printf("  %-10s  %s", field_text(event, "tier"), details);
	char clean[TEXT_CELL_MAX];
	enum colour colour = colour_of_event(kind);

	fputs(text_clean(line, clean, sizeof(clean)), stdout);
	printf("%s%-9s%s", colour_on(&cli->look, colour), text_clean(kind, clean, sizeof(clean)),
	       colour_off(&cli->look, colour));
	puts(text_clean(rest, clean, sizeof(clean)));
}

static bool tell_event(void *context, const char *line, size_t len)
{
	const struct cli *cli = context;
	auto_json json_t *event = json_loadb(line, len, 0, NULL);

	if (!event)
		return true; /* an empty line keeps the connection alive */
	if (cli->json)
		print_json_line(event);
	else
		print_event(cli, event);
	return !fflush(stdout);
}

static enum exit_code follow(const struct cli *cli, unsigned last)
{
	auto_text char *target = memory_printf("/v1/events?follow=1&last=%u", last);
	const struct ask ask = {.what = "follow events", .target = target};
	enum exit_code code = ask_stream(cli, &ask, tell_event, (void *)cli);

	if (code != EXIT_DONE || ferror(stdout))
		return code;
	fputs("sluice: events end here: the agent closed the connection; was it stopped?\n",
	      stderr);
	return EXIT_REFUSED;
}

enum exit_code run_events(const struct cli *cli)
{
	unsigned last = LAST_DEFAULT;
	auto_text char *target = NULL;
	auto_json json_t *events = NULL;
	const json_t *event;
	enum exit_code code;
	size_t i;

	if (!cli_number(cli, OPTION_LAST, LAST_MAX, &last))
		return EXIT_USAGE;
	if (cli->option[OPTION_FOLLOW])
		return follow(cli, last);

	target = memory_printf("/v1/events?last=%u", last);
	code = ask_print(cli, &(struct ask){.what = "list events", .target = target}, &events);
	json_array_foreach(events, i, event) print_event(cli, event);
	return code;
}
