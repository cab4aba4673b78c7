/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice rules */
#include <sluice/control.h>

#include "ask.h"
#include "memory.h"
#include "table.h"

#define TOP_MAX 100000

static const struct column columns[] = {
	{"PREFIX", false}, {"LINE", true},    {"TIER", false},	{"PASSED", true},
	{"FLAGGED", true}, {"DROPPED", true}, {"DROP %", true}, {NULL, false},
};

static void add_count(struct table *table, const json_t *rule, const char *key, enum colour colour)
{
	uint64_t count = field_packets(rule, key);
	char text[TEXT_MAX];

	table_add(table, count ? colour : COLOUR_DIM, "%s", text_count(count, text));
}

static void add_rule(struct table *table, const json_t *rule)
{
	uint64_t dropped = field_packets(rule, "dropped");
	double all =
		(double)dropped + field_packets(rule, "passed") + field_packets(rule, "flagged");
	char text[TEXT_MAX];

	table_add(table, COLOUR_STRONG, "%s", field_text(rule, "prefix"));
	table_add(table, COLOUR_DIM, "%llu", (unsigned long long)field_count(rule, "line"));
	table_add(table, COLOUR_PLAIN, "%s", field_text(rule, "tier"));
	add_count(table, rule, "passed", COLOUR_PLAIN);
	add_count(table, rule, "flagged", COLOUR_CAUTION);
	add_count(table, rule, "dropped", COLOUR_BAD);
	table_add(table, COLOUR_PLAIN, "%s", text_share(dropped, all, text));
}

enum exit_code run_rules(const struct cli *cli)
{
	const char *by = sources_order(cli);
	unsigned top = SL_TOP_DEFAULT;
	auto_table struct table table = table_new(columns);
	auto_text char *target = NULL;
	auto_json json_t *rules = NULL;
	const json_t *rule;
	enum exit_code code;
	size_t i;

	if (!by || !cli_number(cli, OPTION_TOP, TOP_MAX, &top))
		return EXIT_USAGE;
	target = memory_printf("/v1/rules?top=%u&by=%s", top, by);
	code = ask_print(cli, &(struct ask){.what = "list rules", .target = target}, &rules);
	if (!rules)
		return code;

	json_array_foreach(rules, i, rule) add_rule(&table, rule);
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		puts("no packet came from a prefix of the policy yet");
	return EXIT_DONE;
}
