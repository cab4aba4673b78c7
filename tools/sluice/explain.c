/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice explain */
#include <string.h>

#include "ask.h"
#include "clients.h"
#include "memory.h"
#include "table.h"

#define BAR_CELLS 24

/* "  label     " of a line of the story. */
#define LABEL "  %-8s "

static void tell(const char *label, const char *text)
{
	char clean[TEXT_CELL_MAX];

	printf(LABEL "%s\n", label, text_clean(text, clean, sizeof(clean)));
}

static enum colour colour_of_verdict(const char *verdict)
{
	if (!strcmp(verdict, "drop"))
		return COLOUR_BAD;
	return strcmp(verdict, "flag") ? COLOUR_GOOD : COLOUR_CAUTION;
}

static void tell_verdict(const struct cli *cli, const json_t *story)
{
	const char *verdict = field_text(story, "verdict");
	enum colour colour = colour_of_verdict(verdict);
	char clean[TEXT_CELL_MAX];

	printf("%s", text_clean(field_text(story, "address"), clean, sizeof(clean)));
	printf(": a packet now would %s%s%s", colour_on(&cli->look, colour),
	       !strcmp(verdict, "drop")	  ? "be dropped"
	       : !strcmp(verdict, "flag") ? "pass, flagged"
					  : "pass",
	       colour_off(&cli->look, colour));
	printf(" (%s)\n", text_clean(field_text(story, "reason"), clean, sizeof(clean)));
	if (*field_text(story, "why"))
		tell("why", field_text(story, "why"));
}

static void tell_tier(const json_t *story)
{
	const json_t *rule = json_object_get(story, "rule");
	auto_text char *text = NULL;

	if (json_is_object(rule))
		text = memory_printf(
			"%s, from line %llu of the policy: %s", field_text(story, "tier"),
			(unsigned long long)field_count(rule, "line"), field_text(rule, "prefix"));
	else
		text = memory_printf("%s, the default", field_text(story, "tier"));
	tell("tier", text);
}

static void tell_source(const struct cli *cli, const json_t *story)
{
	const json_t *counts = json_object_get(story, "counts");
	bool is_tracked = json_is_true(json_object_get(story, "tracked"));
	bool is_limited = json_array_size(json_object_get(story, "limits")) > 0;
	bool has_rule = json_is_object(json_object_get(story, "rule"));
	char first[TEXT_MAX], last[TEXT_MAX];
	auto_text char *text = NULL;

	if (is_tracked && json_is_object(counts))
		text = memory_printf(
			"%s, tracked: first seen %s, last %s", field_text(story, "source"),
			text_since(field_text(counts, "first_seen"), cli->now_unix_s, first),
			text_since(field_text(counts, "last_seen"), cli->now_unix_s, last));
	else
		text = memory_printf("%s, %s", field_text(story, "source"),
				     is_tracked	  ? "tracked"
				     : is_limited ? "a stranger: limited like all, not counted"
				     : has_rule	  ? "counted with its line of the policy"
						  : "counted with its tier only");
	tell("source", text);
}

/* A bucket's share may be told as a fraction left. Bytes are shown as bytes. */
static const char *amount(const json_t *limit, const char *key, char out[static TEXT_MAX])
{
	uint64_t count = field_count(limit, key);
	bool is_bytes = !strcmp(field_text(limit, "kind"), "bytes");

	return is_bytes ? text_bytes(count, out) : text_count(count, out);
}

/* Rates come as text ("2000/second") or as a number a second. */
static const char *rate_of(const json_t *limit, char out[static TEXT_MAX])
{
	char count[TEXT_MAX];

	if (json_is_string(json_object_get(limit, "rate")))
		snprintf(out, TEXT_MAX, "%s", field_text(limit, "rate"));
	else
		snprintf(out, TEXT_MAX, "%.40s/second", amount(limit, "rate", count));
	return out;
}

static void tell_limits(const struct cli *cli, const json_t *story)
{
	static const struct column columns[] = {
		{"  LIMIT", false}, {"LEFT", false}, {"", true},
		{"OF", true},	    {"RATE", false}, {NULL, false},
	};
	auto_table struct table table = table_new(columns);
	const json_t *limit;
	size_t i;

	json_array_foreach(json_object_get(story, "limits"), i, limit)
	{
		double share = field_number(limit, "share");
		enum colour colour = share <= 0.1   ? COLOUR_BAD
				     : share <= 0.5 ? COLOUR_CAUTION
						    : COLOUR_GOOD;
		char text[TEXT_MAX], bar[TEXT_BAR_MAX];

		table_add(&table, COLOUR_PLAIN, "  %s", field_text(limit, "kind"));
		table_add(&table, colour, "%s", text_bar(&cli->look, share, BAR_CELLS, bar));
		table_add(&table, COLOUR_PLAIN, "%s", amount(limit, "tokens", text));
		table_add(&table, COLOUR_PLAIN, "%s", amount(limit, "burst", text));
		table_add(&table, COLOUR_DIM, "%s", rate_of(limit, text));
	}
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

static void tell_ban(const json_t *ban)
{
	auto_text char *text = NULL;
	char left[TEXT_MAX];
	const char *reason = field_text(ban, "reason");

	if (!json_is_object(ban))
		return;
	text = memory_printf("%s for another %s, strike %llu, cause: %s%s%s",
			     field_text(ban, "prefix"),
			     text_span(field_count(ban, "remaining"), left),
			     (unsigned long long)field_count(ban, "strikes"),
			     field_text(ban, "cause"), *reason ? ", " : "", reason);
	tell("banned", text);
}

static void tell_allow(const json_t *allow)
{
	auto_text char *text = NULL;
	char left[TEXT_MAX];
	const char *reason = field_text(allow, "reason");
	bool has_end = *field_text(allow, "until");

	if (!json_is_object(allow))
		return;
	text = memory_printf("%s %s%s%s%s", field_text(allow, "prefix"),
			     has_end ? "for another " : "until disallowed",
			     has_end ? text_span(field_count(allow, "remaining"), left) : "",
			     *reason ? ", " : "", reason);
	tell("allowed", text);
}

/* counts: of a source, or of a line of the policy, from which perhaps nothing came yet. */
static void tell_counts(const char *label, const json_t *counts)
{
	char passed[TEXT_MAX], flagged[TEXT_MAX], dropped[TEXT_MAX];
	auto_text char *text = NULL;

	if (!field_packets(counts, "passed") && !field_packets(counts, "flagged") &&
	    !field_packets(counts, "dropped"))
		return;
	text = memory_printf("passed %s, flagged %s, dropped %s packets",
			     text_count(field_packets(counts, "passed"), passed),
			     text_count(field_packets(counts, "flagged"), flagged),
			     text_count(field_packets(counts, "dropped"), dropped));
	tell(label, text);
}

static void tell_packets(const struct cli *cli, const json_t *story)
{
	tell_verdict(cli, story);
	tell_tier(story);
	tell_source(cli, story);
	tell_allow(json_object_get(story, "allow"));
	tell_ban(json_object_get(story, "ban"));
	tell_counts("so far", json_object_get(story, "counts"));
	tell_counts("rule", json_object_get(story, "rule"));
	tell_limits(cli, story);
}

/* What the HTTP plane counts of it; nothing where there is no such plane. */
static void tell_http(const struct cli *cli, const json_t *story)
{
	const json_t *http = json_object_get(story, "http");
	const char *who = *field_text(story, "key") ? "key" : "address";
	unsigned long long over = field_count(http, "over");
	auto_table struct table table = table_new(client_columns);
	char clean[TEXT_CELL_MAX];
	const json_t *client;
	size_t i;

	if (!json_is_object(http))
		return;
	if (json_object_get(story, "verdict"))
		putchar('\n');
	if (json_is_false(json_object_get(http, "answering"))) {
		puts("what a request would meet is not known: the HTTP child does not answer");
		return;
	}
	printf("%s: a request now would %s%s%s\n",
	       text_clean(field_text(story, who), clean, sizeof(clean)),
	       colour_on(&cli->look, over ? COLOUR_BAD : COLOUR_GOOD),
	       over ? "be refused, where these limits hold" : "be let in by every limit",
	       colour_off(&cli->look, over ? COLOUR_BAD : COLOUR_GOOD));
	json_array_foreach(json_object_get(http, "limits"), i, client)
		client_add(&table, &cli->look, client);
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

enum exit_code run_explain(const struct cli *cli)
{
	auto_text char *what = memory_printf("explain %s", cli->words[0]);
	auto_text char *target = ask_target("/v1/explain/", cli->words[0]);
	auto_json json_t *story = NULL;
	enum exit_code code = ask_print(cli, &(struct ask){.what = what, .target = target}, &story);

	if (!story)
		return code;
	if (json_object_get(story, "verdict"))
		tell_packets(cli, story);
	tell_http(cli, story);
	return EXIT_DONE;
}
