/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice status */
#include <string.h>

#include "ask.h"
#include "memory.h"
#include "rates.h"
#include "status.h"
#include "table.h"

#define BAR_CELLS 20

static enum colour colour_of_state(const char *state)
{
	if (!strcmp(state, "protecting") || !strcmp(state, "serving"))
		return COLOUR_GOOD;
	return strcmp(state, "detached") ? COLOUR_CAUTION : COLOUR_BAD;
}

static bool has_packet_plane(const json_t *status)
{
	return !json_is_false(json_object_get(status, "packet_plane"));
}

static void print_title(const struct cli *cli, const json_t *status)
{
	const char *state = field_text(status, "state");
	enum colour colour = colour_of_state(state);
	char clean[TEXT_CELL_MAX], span[TEXT_MAX];

	printf("sluice %s  ", text_clean(field_text(status, "version"), clean, sizeof(clean)));
	printf("%s%s %s%s", colour_on(&cli->look, colour), cli->look.has_unicode ? "●" : "*",
	       text_clean(state, clean, sizeof(clean)), colour_off(&cli->look, colour));
	/* Detached, or without packets to limit, there is nothing that could be pinned. */
	printf("  up %s, process %llu%s\n", text_span(field_count(status, "uptime"), span),
	       (unsigned long long)field_count(status, "pid"),
	       has_packet_plane(status) && json_is_false(json_object_get(status, "pinned")) &&
			       strcmp(state, "detached")
		       ? ", not pinned"
		       : "");
}

static void print_policy(const struct cli *cli, const json_t *status)
{
	const json_t *policy = json_object_get(status, "policy");
	uint64_t failed = field_count(policy, "failed_reloads");
	char clean[TEXT_CELL_MAX], ago[TEXT_MAX], prefixes[TEXT_MAX];

	printf("policy  %s, generation %llu, loaded %s\n",
	       text_clean(field_text(policy, "path"), clean, sizeof(clean)),
	       (unsigned long long)field_count(status, "generation"),
	       text_since(field_text(policy, "loaded"), cli->now_unix_s, ago));
	fputs("        ", stdout);
	if (has_packet_plane(status))
		printf("%llu tier%s, %s prefix%s, ",
		       (unsigned long long)field_count(policy, "tiers"),
		       field_count(policy, "tiers") == 1 ? "" : "s",
		       text_count(field_count(policy, "prefixes"), prefixes),
		       field_count(policy, "prefixes") == 1 ? "" : "es");
	printf("%llu reload%s", (unsigned long long)field_count(policy, "reloads"),
	       field_count(policy, "reloads") == 1 ? "" : "s");
	if (failed)
		printf(", %s%llu failed%s", colour_on(&cli->look, COLOUR_BAD),
		       (unsigned long long)failed, colour_off(&cli->look, COLOUR_BAD));
	putchar('\n');
}

/* A member that may be a word, or a switch: the word, or what true is called. */
static const char *word_or(const json_t *object, const char *key, const char *when_true)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		return json_string_value(value);
	return json_is_true(value) ? when_true : "";
}

static void print_interfaces(const struct cli *cli, const json_t *status)
{
	static const struct column columns[] = {
		{"INTERFACE", false}, {"MODE", false},	 {"PACKETS", true},
		{"BYTES", true},      {"DROPPED", true}, {"DROP %", true},
		{"", false},	      {"", false},	 {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	const json_t *interface;
	size_t i;

	json_array_foreach(json_object_get(status, "interfaces"), i, interface)
	{
		uint64_t packets = field_count(interface, "packets");
		uint64_t dropped = field_packets(interface, "dropped");
		bool is_native = strncmp(field_text(interface, "mode"), "generic", 7) != 0;
		char text[TEXT_MAX];

		table_add(&table, COLOUR_STRONG, "%s", field_text(interface, "name"));
		table_add(&table, is_native ? COLOUR_PLAIN : COLOUR_CAUTION, "%s",
			  field_text(interface, "mode"));
		table_add(&table, COLOUR_PLAIN, "%s", text_count(packets, text));
		table_add(&table, COLOUR_PLAIN, "%s",
			  text_bytes(field_count(interface, "bytes"), text));
		table_add(&table, dropped ? COLOUR_BAD : COLOUR_DIM, "%s",
			  text_count(dropped, text));
		table_add(&table, COLOUR_PLAIN, "%s", text_share(dropped, packets, text));
		table_add(&table, COLOUR_PLAIN, "%s", word_or(interface, "adopted", "adopted"));
		table_add(&table, COLOUR_DIM, "%s", field_text(interface, "why"));
	}
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

struct reason {
	const char *label;
	const json_t *counts;
	uint64_t packets;
};

static int by_packets(const void *left, const void *right)
{
	const struct reason *a = left, *b = right;

	return (a->packets < b->packets) - (a->packets > b->packets);
}

static enum colour colour_of_verdict(const char *verdict)
{
	if (!strcmp(verdict, "drop"))
		return COLOUR_BAD;
	return strcmp(verdict, "flag") ? COLOUR_GOOD : COLOUR_CAUTION;
}

static void add_reason(struct table *table, const struct look *look, const struct reason *reason,
		       double all)
{
	const char *verdict = field_text(reason->counts, "verdict");
	enum colour colour = colour_of_verdict(verdict);
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_PLAIN, "%s", reason->label);
	table_add(table, colour, "%s", verdict);
	table_add(table, COLOUR_PLAIN, "%s", text_count(reason->packets, text));
	table_add(table, COLOUR_PLAIN, "%s",
		  text_bytes(field_count(reason->counts, "bytes"), text));
	table_add(table, COLOUR_PLAIN, "%s", text_share(reason->packets, all, text));
	table_add(table, colour, "%s",
		  text_bar(look, all > 0 ? reason->packets / all : 0, BAR_CELLS, bar));
}

/* Every reason that occurred, the commonest first. */
static void print_reasons(const struct cli *cli, json_t *status)
{
	static const struct column columns[] = {
		{"REASON", false}, {"VERDICT", false}, {"PACKETS", true}, {"BYTES", true},
		{"SHARE", true},   {"", false},	       {NULL, false},
	};
	json_t *counted = json_object_get(status, "reasons");
	struct reason *reasons = memory_resize(NULL, json_object_size(counted) * sizeof(*reasons));
	auto_table struct table table = table_new(columns);
	size_t count = 0;
	double all = 0;
	const char *label;
	json_t *counts;

	json_object_foreach(counted, label, counts)
	{
		uint64_t packets = field_count(counts, "packets");

		all += packets;
		if (packets)
			reasons[count++] = (struct reason){label, counts, packets};
	}
	qsort(reasons, count, sizeof(*reasons), by_packets);
	for (size_t i = 0; i < count; i++)
		add_reason(&table, &cli->look, &reasons[i], all);
	free(reasons);

	puts(count ? "" : "\nno packet has been judged yet");
	table_print(&table, &cli->look);
}

static void print_tiers(const struct cli *cli, json_t *status)
{
	static const struct column columns[] = {
		{"TIER", false},   {"PASSED", true}, {"FLAGGED", true},
		{"DROPPED", true}, {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	const char *name;
	json_t *tier;

	json_object_foreach(json_object_get(status, "tiers"), name, tier)
	{
		uint64_t flagged = field_packets(tier, "flagged");
		uint64_t dropped = field_packets(tier, "dropped");
		char text[TEXT_MAX];

		table_add(&table, COLOUR_PLAIN, "%s", name);
		table_add(&table, COLOUR_PLAIN, "%s",
			  text_count(field_packets(tier, "passed"), text));
		table_add(&table, flagged ? COLOUR_CAUTION : COLOUR_DIM, "%s",
			  text_count(flagged, text));
		table_add(&table, dropped ? COLOUR_BAD : COLOUR_DIM, "%s",
			  text_count(dropped, text));
	}
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

static void add_fill(struct table *table, const struct look *look, const char *name,
		     const json_t *fill)
{
	uint64_t used = field_count(fill, "used");
	uint64_t max = field_count(fill, "max");
	double share = max ? (double)used / max : 0;
	enum colour colour = share < 0.75   ? COLOUR_GOOD
			     : share < 0.95 ? COLOUR_CAUTION
					    : COLOUR_BAD;
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_PLAIN, "%s", name);
	table_add(table, COLOUR_PLAIN, "%s", text_count(used, text));
	table_add(table, COLOUR_PLAIN, "%s", max ? text_count(max, text) : "");
	table_add(table, COLOUR_PLAIN, "%s", max ? text_share(used, max, text) : "");
	table_add(table, colour, "%s", max ? text_bar(look, share, BAR_CELLS, bar) : "");
}

static void print_tables(const struct cli *cli, json_t *status)
{
	static const struct column columns[] = {
		{"TABLE", false}, {"USED", true}, {"OF", true},
		{"FILL", true},	  {"", false},	  {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	const char *name;
	json_t *fill;

	json_object_foreach(json_object_get(status, "tables"), name, fill)
		add_fill(&table, &cli->look, name, fill);
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

static void add_fault(struct table *table, const char *label, uint64_t count)
{
	char text[TEXT_MAX];

	if (!count)
		return;
	table_add(table, COLOUR_CAUTION, "%s", label);
	table_add(table, COLOUR_CAUTION, "%s", text_count(count, text));
}

/* What went wrong; nothing where nothing did. */
static void print_faults(const struct cli *cli, json_t *status)
{
	static const struct column columns[] = {{"FAULT", false}, {"TIMES", true}, {NULL, false}};
	auto_table struct table table = table_new(columns);
	const char *label;
	json_t *count;

	json_object_foreach(json_object_get(status, "faults"), label, count)
		add_fault(&table, label, json_is_integer(count) ? json_integer_value(count) : 0);
	add_fault(&table, "events lost by the agent", field_count(status, "events_lost"));
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

static void print_packets(const struct cli *cli, json_t *status)
{
	print_interfaces(cli, status);
	print_reasons(cli, status);
	print_tiers(cli, status);
	print_tables(cli, status);
	print_faults(cli, status);
}

enum exit_code run_status(const struct cli *cli)
{
	auto_json json_t *status = NULL;
	enum exit_code code = ask_print(
		cli, &(struct ask){.what = "show status", .target = "/v1/status"}, &status);

	if (!status)
		return code;
	print_title(cli, status);
	print_policy(cli, status);
	if (status_has_packets(status))
		print_packets(cli, status);
	else if (has_packet_plane(status))
		puts("\nno packet is limited until sluiced is started again");
	status_print_http(cli, json_object_get(status, "http"));
	return EXIT_DONE;
}
