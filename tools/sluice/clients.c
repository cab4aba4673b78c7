/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice clients, limit reset */
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "ask.h"
#include "clients.h"
#include "memory.h"

#define BAR_CELLS 16

const struct column client_columns[] = {
	{"CLIENT", false}, {"ROUTE", false},	{"LIMIT", false}, {"LEFT", false}, {"", true},
	{"OF", true},	   {"RESETS IN", true}, {"NOW", false},	  {NULL, false},
};

/* Rounded up: who waits so long is let in. */
static uint64_t whole_seconds(const json_t *seconds)
{
	double value = json_number_value(seconds);

	return text_round(value) + (value > (double)text_round(value));
}

/* "let in", "refused for 12s", ... */
static char *verdict_of(const json_t *client)
{
	const json_t *wait = json_object_get(client, "wait");
	const char *dry = json_is_true(json_object_get(client, "dry_run")) ? " (dry run)" : "";
	char span[TEXT_MAX];

	if (!json_is_true(json_object_get(client, "over")))
		return memory_printf("let in%s", dry);
	if (!json_is_number(wait))
		return memory_printf("refused%s", dry);
	return memory_printf("refused for %s%s", text_span(whole_seconds(wait), span), dry);
}

/* Routes without a line of their own, and limits that are in no policy any more, have no name. */
static const char *route_of(const json_t *client)
{
	if (json_is_null(json_object_get(client, "route")))
		return "(no longer)";
	return *field_text(client, "route") ? field_text(client, "route") : "all";
}

void client_add(struct table *table, const struct look *look, const json_t *client)
{
	uint64_t quota = field_count(client, "quota"), left = field_count(client, "remaining");
	bool is_over = json_is_true(json_object_get(client, "over"));
	double share = quota ? (double)left / quota : 0;
	enum colour colour = is_over ? COLOUR_BAD : share <= 0.25 ? COLOUR_CAUTION : COLOUR_GOOD;
	const char *method = field_text(client, "method");
	auto_text char *verdict = verdict_of(client);
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_STRONG, "%s", field_text(client, "client"));
	table_add(table, COLOUR_PLAIN, "%s%s%s", route_of(client), *method ? " " : "", method);
	table_add(table, COLOUR_PLAIN, "%s", field_text(client, "limit"));
	table_add(table, colour, "%s", text_bar(look, share, BAR_CELLS, bar));
	table_add(table, COLOUR_PLAIN, "%s", text_count(left, text));
	table_add(table, COLOUR_PLAIN, "%s", text_count(quota, text));
	table_add(table, COLOUR_PLAIN, "%s",
		  text_span(whole_seconds(json_object_get(client, "reset")), text));
	table_add(table, colour, "%s", verdict);
}

/* Who is over first, then who has least left. */
static int by_need(const void *left, const void *right)
{
	const json_t *const *a = left, *const *b = right;
	int over_a = json_is_true(json_object_get(*a, "over"));
	int over_b = json_is_true(json_object_get(*b, "over"));
	double share_a = field_number(*a, "remaining") / (field_number(*a, "quota") + 1);
	double share_b = field_number(*b, "remaining") / (field_number(*b, "quota") + 1);

	if (over_a != over_b)
		return over_b - over_a;
	return (share_a > share_b) - (share_a < share_b);
}

static void print_clients(const struct cli *cli, const json_t *list)
{
	auto_table struct table table = table_new(client_columns);
	size_t count = json_array_size(list);
	const json_t **sorted = memory_resize(NULL, (count + 1) * sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, count, sizeof(*sorted), by_need);
	for (size_t i = 0; i < count; i++)
		client_add(&table, &cli->look, sorted[i]);
	free(sorted);
	table_print(&table, &cli->look);
}

enum exit_code run_clients(const struct cli *cli)
{
	const char *key = cli->word_count ? cli->words[0] : "";
	unsigned count = SL_TOP_DEFAULT;
	auto_text char *path = NULL, *target = NULL;
	auto_json json_t *answer = NULL;
	const json_t *list;
	enum exit_code code;

	if (!cli_number(cli, OPTION_TOP, SL_CLIENTS_MAX, &count))
		return EXIT_USAGE;
	path = memory_printf("/v1/clients?top=%u&over=%d&key=", count,
			     cli->option[OPTION_OVER] != NULL);
	target = ask_target(path, key);
	code = ask_print(cli,
			 &(struct ask){.what = "list clients",
				       .target = target,
				       .timeout_ms = CLIENT_SLOW_MS},
			 &answer);
	if (!answer)
		return code;
	list = json_object_get(answer, "clients");
	print_clients(cli, list);
	if (!json_array_size(list))
		puts(cli->option[OPTION_OVER] ? "nobody is over a limit" : "nobody is counted");
	if (field_count(answer, "more"))
		printf("and %llu more; --top N shows more of them\n",
		       (unsigned long long)field_count(answer, "more"));
	return EXIT_DONE;
}

enum exit_code run_limit(const struct cli *cli)
{
	auto_json json_t *answer = NULL, *body = NULL;
	auto_text char *text = NULL;
	struct ask ask = {.what = "reset the limits",
			  .method = "POST",
			  .target = "/v1/limits/reset",
			  .type = "application/json",
			  .timeout_ms = CLIENT_SLOW_MS};
	enum exit_code code;

	if (strcmp(cli->words[0], "reset") != 0) {
		fputs("sluice: limit what? There is only reset ADDR|KEY\n", stderr);
		return EXIT_USAGE;
	}
	body = json_pack("{s:s}", "client", cli->words[1]);
	text = body ? json_dumps(body, JSON_COMPACT) : memory_copy("{}");
	ask.body = text;
	ask.body_len = strlen(text);
	code = ask_print(cli, &ask, &answer);
	if (answer)
		printf("%s begins anew: %llu count%s forgotten\n", cli->words[1],
		       (unsigned long long)field_count(answer, "reset"),
		       field_count(answer, "reset") == 1 ? "" : "s");
	return code;
}
