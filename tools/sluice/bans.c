/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice ban, unban, bans, allow, disallow, allows */
#include <string.h>

#include <sluice/control.h>

#include "ask.h"
#include "memory.h"
#include "table.h"

/* POST {"prefix", "for", "reason"} to target; span and reason may be NULL. */
static enum exit_code post_entry(const struct cli *cli, struct ask ask, const char *span,
				 json_t **ret_entry)
{
	auto_json json_t *body = json_pack("{s:s, s:s*, s:s*}", "prefix", cli->words[0], "for",
					   span, "reason", cli->option[OPTION_REASON]);
	auto_text char *text = body ? json_dumps(body, 0) : NULL;

	if (!text) {
		fprintf(stderr, "sluice: cannot %s: what was typed is not UTF-8\n", ask.what);
		return EXIT_USAGE;
	}
	ask.method = "POST";
	ask.type = "application/json";
	ask.body = text;
	ask.body_len = strlen(text);
	return ask_print(cli, &ask, ret_entry);
}

static enum exit_code delete_entry(const struct cli *cli, const char *verb, const char *path)
{
	auto_text char *what = memory_printf("%s %s", verb, cli->words[0]);
	auto_text char *target = ask_target(path, cli->words[0]);
	const struct ask ask = {.what = what, .method = "DELETE", .target = target};
	auto_json json_t *answer = NULL;
	enum exit_code code = ask_print(cli, &ask, &answer);
	char clean[TEXT_CELL_MAX];

	if (!answer)
		return code;
	printf("%s: %s ended\n", text_clean(field_text(answer, "prefix"), clean, sizeof(clean)),
	       !strcmp(verb, "unban") ? "ban" : "allow");
	return EXIT_DONE;
}

enum exit_code run_ban(const struct cli *cli)
{
	auto_text char *what = memory_printf("ban %s", cli->words[0]);
	auto_text char *standard = memory_printf("%ds", SL_BAN_DEFAULT_SECONDS);
	const char *span = cli->option[OPTION_FOR] ? cli->option[OPTION_FOR] : standard;
	auto_json json_t *ban = NULL;
	auto_text char *target =
		cli->option[OPTION_FORCE] ? memory_copy("/v1/bans") : ask_careful("/v1/bans");
	enum exit_code code =
		post_entry(cli, (struct ask){.what = what, .target = target}, span, &ban);
	char prefix[TEXT_CELL_MAX], until[TEXT_CELL_MAX], left[TEXT_MAX];

	if (!ban)
		return code;
	printf("%s is banned for %s, until %s%s\n",
	       text_clean(field_text(ban, "prefix"), prefix, sizeof(prefix)),
	       text_span(field_count(ban, "remaining"), left),
	       text_clean(field_text(ban, "until"), until, sizeof(until)),
	       json_is_true(json_object_get(ban, "stays"))
		       ? ": an earlier, longer ban stays; `sluice unban` ends it"
		       : "");
	return EXIT_DONE;
}

enum exit_code run_allow(const struct cli *cli)
{
	auto_text char *what = memory_printf("allow %s", cli->words[0]);
	auto_json json_t *allow = NULL;
	enum exit_code code = post_entry(cli, (struct ask){.what = what, .target = "/v1/allows"},
					 cli->option[OPTION_FOR], &allow);
	char prefix[TEXT_CELL_MAX], until[TEXT_CELL_MAX];

	if (!allow)
		return code;
	text_clean(field_text(allow, "until"), until, sizeof(until));
	printf("%s is allowed until %s\n",
	       text_clean(field_text(allow, "prefix"), prefix, sizeof(prefix)),
	       *until ? until : "disallowed");
	return EXIT_DONE;
}

enum exit_code run_unban(const struct cli *cli)
{
	return delete_entry(cli, "unban", "/v1/bans?prefix=");
}

enum exit_code run_disallow(const struct cli *cli)
{
	return delete_entry(cli, "disallow", "/v1/allows?prefix=");
}

static void add_ban(struct table *table, const json_t *ban, int64_t now_unix_s)
{
	char text[TEXT_MAX];

	table_add(table, COLOUR_STRONG, "%s", field_text(ban, "prefix"));
	table_add(table, COLOUR_BAD, "%s", text_span(field_count(ban, "remaining"), text));
	table_add(table, COLOUR_PLAIN, "%s",
		  text_since(field_text(ban, "since"), now_unix_s, text));
	table_add(table, COLOUR_PLAIN, "%llu", (unsigned long long)field_count(ban, "strikes"));
	table_add(table, COLOUR_PLAIN, "%s", field_text(ban, "cause"));
	table_add(table, COLOUR_PLAIN, "%s", field_text(ban, "reason"));
}

enum exit_code run_bans(const struct cli *cli)
{
	static const struct column columns[] = {
		{"PREFIX", false}, {"ENDS IN", true}, {"BEGAN", true}, {"STRIKES", true},
		{"CAUSE", false},  {"REASON", false}, {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	auto_json json_t *bans = NULL;
	enum exit_code code =
		ask_print(cli, &(struct ask){.what = "list bans", .target = "/v1/bans"}, &bans);
	const json_t *ban;
	size_t i;

	if (!bans)
		return code;
	json_array_foreach(bans, i, ban) add_ban(&table, ban, cli->now_unix_s);
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		puts("nobody is banned");
	return EXIT_DONE;
}

static void add_allow(struct table *table, const json_t *allow)
{
	bool has_end = *field_text(allow, "until");
	char text[TEXT_MAX];

	table_add(table, COLOUR_STRONG, "%s", field_text(allow, "prefix"));
	table_add(table, COLOUR_PLAIN, "%s",
		  has_end ? text_span(field_count(allow, "remaining"), text) : "never");
	table_add(table, COLOUR_PLAIN, "%s", field_text(allow, "reason"));
}

enum exit_code run_allows(const struct cli *cli)
{
	static const struct column columns[] = {
		{"PREFIX", false}, {"ENDS IN", true}, {"REASON", false}, {NULL, false}};
	auto_table struct table table = table_new(columns);
	auto_json json_t *allows = NULL;
	enum exit_code code = ask_print(
		cli, &(struct ask){.what = "list allows", .target = "/v1/allows"}, &allows);
	const json_t *allow;
	size_t i;

	if (!allows)
		return code;
	json_array_foreach(allows, i, allow) add_allow(&table, allow);
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		puts("nobody is allowed beyond the policy");
	return EXIT_DONE;
}
