/* SPDX-License-Identifier: BSD-2-Clause */
/* The HTTP plane in `sluice status`. */
#include <string.h>

#include "ask.h"
#include "memory.h"
#include "status.h"
#include "table.h"

#define BAR_CELLS 20

static void print_listeners(const json_t *listeners)
{
	char clean[TEXT_CELL_MAX];
	const json_t *address;
	size_t i;

	json_array_foreach(listeners, i, address)
	{
		const char *text = json_string_value(address);

		printf("%s%s", i ? ", " : " ", text_clean(text ? text : "", clean, sizeof(clean)));
	}
}

static void print_line(const struct cli *cli, const json_t *http)
{
	bool is_draining = json_is_true(json_object_get(http, "draining"));
	bool is_serving = json_is_true(json_object_get(http, "serving"));
	enum colour colour = is_draining ? COLOUR_CAUTION : is_serving ? COLOUR_GOOD : COLOUR_BAD;
	uint64_t restarts = field_count(http, "restarts");

	printf("\nhttp    %s%s%s", colour_on(&cli->look, colour),
	       is_draining  ? "draining"
	       : is_serving ? "serving"
			    : "no child serves at present",
	       colour_off(&cli->look, colour));
	print_listeners(json_object_get(http, "listen"));
	if (field_count(http, "pid"))
		printf("  process %llu", (unsigned long long)field_count(http, "pid"));
	if (restarts)
		printf(", %sstarted again %llu time%s%s", colour_on(&cli->look, COLOUR_BAD),
		       (unsigned long long)restarts, restarts == 1 ? "" : "s",
		       colour_off(&cli->look, COLOUR_BAD));
	putchar('\n');
}

static void print_counts(const json_t *http)
{
	static const char *const classes[] = {"2xx", "3xx", "4xx", "5xx"};
	const json_t *connections = json_object_get(http, "connections");
	const json_t *answers = json_object_get(http, "answers");
	char open[TEXT_MAX], max[TEXT_MAX], requests[TEXT_MAX], count[TEXT_MAX];

	printf("        %s of %s connections, %s request%s:",
	       text_count(field_count(connections, "open"), open),
	       text_count(field_count(connections, "max"), max),
	       text_count(field_count(http, "requests"), requests),
	       field_count(http, "requests") == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		printf("%s %s %s", i ? "," : "", classes[i],
		       text_count(field_count(answers, classes[i]), count));
	putchar('\n');
}

static void print_cache(const json_t *http)
{
	const json_t *cache = json_object_get(http, "cache");
	uint64_t hits = field_count(cache, "hits"), all = hits + field_count(cache, "misses");
	char objects[TEXT_MAX], share[TEXT_MAX], count[TEXT_MAX];

	if (!json_is_true(json_object_get(cache, "enabled")))
		return;
	printf("        cache: %s response%s", text_count(field_count(cache, "objects"), objects),
	       field_count(cache, "objects") == 1 ? "" : "s");
	if (all)
		printf(", %s hits of %s lookup%s", text_share(hits, all, share),
		       text_count(all, count), all == 1 ? "" : "s");
	putchar('\n');
}

static void add_memory(struct table *table, const struct look *look, const char *what,
		       const uint64_t fill[2])
{
	double share = fill[1] ? (double)fill[0] / fill[1] : 0;
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_PLAIN, "%s", what);
	table_add(table, COLOUR_PLAIN, "%s", text_bytes(fill[0], text));
	table_add(table, COLOUR_PLAIN, "%s", text_bytes(fill[1], text));
	table_add(table, COLOUR_PLAIN, "%s", text_share(fill[0], fill[1], text));
	table_add(table, share < 0.95 ? COLOUR_GOOD : COLOUR_CAUTION, "%s",
		  text_bar(look, share, BAR_CELLS, bar));
}

static void print_memory(const struct cli *cli, const json_t *http)
{
	static const struct column columns[] = {
		{"MEMORY", false}, {"USED", true}, {"OF", true},
		{"FILL", true},	   {"", false},	   {NULL, false},
	};
	const json_t *memory = json_object_get(http, "memory");
	const json_t *cache = json_object_get(http, "cache");
	auto_table struct table table = table_new(columns);

	putchar('\n');
	add_memory(&table, &cli->look, "all of http",
		   (uint64_t[]){field_count(memory, "used"), field_count(memory, "max")});
	if (json_is_true(json_object_get(cache, "enabled")))
		add_memory(&table, &cli->look, "cache",
			   (uint64_t[]){field_count(cache, "bytes") +
						field_count(cache, "tables_bytes"),
					field_count(cache, "max_bytes")});
	table_print(&table, &cli->look);
}

static void add_server(struct table *table, const json_t *server)
{
	bool is_up = json_is_true(json_object_get(server, "up"));
	bool is_ejected = json_is_true(json_object_get(server, "ejected"));
	enum colour colour = !is_up ? COLOUR_BAD : is_ejected ? COLOUR_CAUTION : COLOUR_GOOD;
	char text[TEXT_MAX];

	table_add(table, COLOUR_PLAIN, "%s", field_text(server, "upstream"));
	table_add(table, COLOUR_STRONG, "%s", field_text(server, "server"));
	table_add(table, colour, "%s", !is_up ? "down" : is_ejected ? "ejected" : "up");
	table_add(table, COLOUR_PLAIN, "%s", text_count(field_count(server, "outstanding"), text));
}

static void print_upstreams(const struct cli *cli, const json_t *http)
{
	static const struct column columns[] = {
		{"UPSTREAM", false},	{"SERVER", false}, {"STATE", false},
		{"REQUESTS NOW", true}, {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	const json_t *server;
	size_t i;

	json_array_foreach(json_object_get(http, "upstreams"), i, server)
		add_server(&table, server);
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

void status_print_http(const struct cli *cli, const json_t *http)
{
	if (!json_is_object(http))
		return;
	print_line(cli, http);
	if (json_is_false(json_object_get(http, "answering"))) {
		if (json_is_true(json_object_get(http, "serving")))
			puts("        its child does not answer questions");
		return;
	}
	print_counts(http);
	print_cache(http);
	print_memory(cli, http);
	print_upstreams(cli, http);
}
