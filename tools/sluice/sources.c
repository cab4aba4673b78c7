/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice sources */
#include <string.h>

#include <sluice/control.h>

#include "ask.h"
#include "memory.h"
#include "table.h"

#define TOP_MAX	  100000 /* beyond it the agent only streams: --all */
#define BAR_CELLS 16
#define BAR	  6 /* its column: the share beside it says the same */

static const struct column columns[] = {
	{"SOURCE", false},    {"TIER", false},	{"PASSED", true}, {"FLAGGED", true},
	{"DROPPED", true},    {"DROP %", true}, {"", false},	  {"LAST SEEN", true},
	{"BANNED FOR", true}, {NULL, false},
};

static void add_count(struct table *table, const json_t *source, const char *key,
		      enum colour colour)
{
	uint64_t count = field_packets(source, key);
	char text[TEXT_MAX];

	table_add(table, count ? colour : COLOUR_DIM, "%s", text_count(count, text));
}

/* The share is that of the source's own packets: 100 % red means nothing of it gets through. */
static void add_source(struct table *table, const struct cli *cli, const json_t *source)
{
	uint64_t dropped = field_packets(source, "dropped");
	double all = (double)dropped + field_packets(source, "passed") +
		     field_packets(source, "flagged");
	const char *banned_until = field_text(source, "banned_until");
	bool is_over = json_is_true(json_object_get(source, "over"));
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_STRONG, "%s", field_text(source, "source"));
	table_add(table, is_over ? COLOUR_BAD : COLOUR_PLAIN, "%s%s", field_text(source, "tier"),
		  is_over ? ", over" : "");
	add_count(table, source, "passed", COLOUR_PLAIN);
	add_count(table, source, "flagged", COLOUR_CAUTION);
	add_count(table, source, "dropped", COLOUR_BAD);
	table_add(table, COLOUR_PLAIN, "%s", text_share(dropped, all, text));
	table_add(table, COLOUR_BAD, "%s",
		  text_bar(&cli->look, all > 0 ? dropped / all : 0, BAR_CELLS, bar));
	table_add(table, COLOUR_PLAIN, "%s",
		  text_since(field_text(source, "last_seen"), cli->now_unix_s, text));
	table_add(table, *banned_until ? COLOUR_BAD : COLOUR_DIM, "%s",
		  text_until(banned_until, cli->now_unix_s, text));
}

static enum exit_code run_list(const struct cli *cli, const char *by)
{
	unsigned top = SL_TOP_DEFAULT;
	auto_table struct table table = table_new(columns);
	auto_text char *target = NULL;
	auto_json json_t *sources = NULL;
	const json_t *source;
	enum exit_code code;
	size_t i;

	if (!cli_number(cli, OPTION_TOP, TOP_MAX, &top))
		return EXIT_USAGE;
	target = memory_printf("/v1/sources?top=%u&by=%s", top, by);
	code = ask_print(cli, &(struct ask){.what = "list sources", .target = target}, &sources);
	if (!sources)
		return code;

	json_array_foreach(sources, i, source) add_source(&table, cli, source);
	table.gives_way = BAR;
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		puts("no source is tracked: nobody was refused or sent much lately");
	return EXIT_DONE;
}

static enum exit_code run_one(const struct cli *cli, const char *address)
{
	auto_text char *what = memory_printf("show source %s", address);
	auto_text char *target = ask_target("/v1/sources/", address);
	auto_table struct table table = table_new(columns);
	auto_json json_t *source = NULL;
	enum exit_code code =
		ask_print(cli, &(struct ask){.what = what, .target = target}, &source);

	if (!source)
		return code;
	add_source(&table, cli, source);
	table.gives_way = BAR;
	table_print(&table, &cli->look);
	return EXIT_DONE;
}

/* Parsed and printed again, so that a line holds one value and no terminal codes. */
static bool print_line(void *context, const char *line, size_t len)
{
	auto_json json_t *source = json_loadb(line, len, 0, NULL);

	if (source)
		print_json_line(source);
	return !ferror(stdout);
}

static enum exit_code run_all(const struct cli *cli)
{
	const struct ask ask = {.what = "list all sources", .target = "/v1/sources?all=1"};

	return ask_stream(cli, &ask, print_line, NULL);
}

const char *sources_order(const struct cli *cli)
{
	const char *by = cli->option[OPTION_BY] ? cli->option[OPTION_BY] : "dropped";

	if (!strcmp(by, "dropped") || !strcmp(by, "passed") || !strcmp(by, "bytes"))
		return by;
	fputs("sluice: --by must be dropped, passed or bytes\n", stderr);
	return NULL;
}

enum exit_code run_sources(const struct cli *cli)
{
	const char *by = sources_order(cli);

	if (!by)
		return EXIT_USAGE;
	if (cli->option[OPTION_ALL] && cli->word_count) {
		fputs("sluice: either --all or an address, not both\n", stderr);
		return EXIT_USAGE;
	}
	if (cli->option[OPTION_ALL])
		return run_all(cli);
	return cli->word_count ? run_one(cli, cli->words[0]) : run_list(cli, by);
}
