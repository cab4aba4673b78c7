/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice cache stats, show, top; sluice log reopen */
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "ask.h"
#include "cache.h"
#include "memory.h"
#include "table.h"

#define BAR_CELLS 20

/* ---- Counts ---------------------------------------------------------------------------------- */

struct share {
	const char *what;
	uint64_t part;
	uint64_t whole;
	enum colour colour; /* of its bar */
};

static void add_share(struct table *table, const struct look *look, const struct share *share)
{
	char text[TEXT_MAX], bar[TEXT_BAR_MAX];

	table_add(table, COLOUR_PLAIN, "%s", share->what);
	table_add(table, share->part ? COLOUR_PLAIN : COLOUR_DIM, "%s",
		  text_count(share->part, text));
	table_add(table, COLOUR_PLAIN, "%s", text_share(share->part, share->whole, text));
	table_add(table, share->colour, "%s",
		  text_bar(look, share->whole ? (double)share->part / share->whole : 0, BAR_CELLS,
			   bar));
}

static void print_lookups(const struct cli *cli, const json_t *stats)
{
	static const struct column columns[] = {
		{"LOOKUPS", false}, {"TIMES", true}, {"SHARE", true}, {"", false}, {NULL, false}};
	auto_table struct table table = table_new(columns);
	uint64_t hits = field_count(stats, "hits"), all = hits + field_count(stats, "misses");
	const struct share shares[] = {
		{"hit", hits, all, COLOUR_GOOD},
		{"fed by another's fetch", field_count(stats, "collapsed"), all, COLOUR_GOOD},
		{"confirmed by the upstream", field_count(stats, "revalidated"), all, COLOUR_GOOD},
		{"stale, as the upstream failed", field_count(stats, "stale"), all, COLOUR_CAUTION},
		{"missed", field_count(stats, "misses"), all, COLOUR_CAUTION},
	};

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		add_share(&table, &cli->look, &shares[i]);
	table_print(&table, &cli->look);
}

/* A table of the reasons that occurred; nothing where none did. */
static void print_reasons(const struct cli *cli, const char *title, const json_t *reasons)
{
	const struct column columns[] = {
		{title, false}, {"TIMES", true}, {"SHARE", true}, {"", false}, {NULL, false}};
	auto_table struct table table = table_new(columns);
	json_t *counts = (json_t *)reasons; /* iterating wants it so */
	uint64_t all = 0;
	const char *label;
	json_t *count;

	json_object_foreach(counts, label, count) all += field_count(reasons, label);
	json_object_foreach(counts, label, count)
	{
		const struct share share = {label, field_count(reasons, label), all, COLOUR_DIM};

		if (share.part)
			add_share(&table, &cli->look, &share);
	}
	if (table_rows(&table))
		putchar('\n');
	table_print(&table, &cli->look);
}

static void print_memory(const struct cli *cli, const json_t *stats)
{
	uint64_t used = field_count(stats, "bytes") + field_count(stats, "tables_bytes");
	uint64_t max = field_count(stats, "max_bytes");
	char objects[TEXT_MAX], text[TEXT_MAX], of[TEXT_MAX], tags[TEXT_MAX], bar[TEXT_BAR_MAX];
	char tables[TEXT_MAX];

	printf("%s response%s, %s tag%s, %s of %s (%s of it tables)  %s\n",
	       text_count(field_count(stats, "objects"), objects),
	       field_count(stats, "objects") == 1 ? "" : "s",
	       text_count(field_count(stats, "tags"), tags),
	       field_count(stats, "tags") == 1 ? "" : "s", text_bytes(used, text),
	       text_bytes(max, of), text_bytes(field_count(stats, "tables_bytes"), tables),
	       text_bar(&cli->look, max ? (double)used / max : 0, BAR_CELLS, bar));
	printf("%llu stored, %llu evicted, %llu purged, %llu being fetched\n\n",
	       (unsigned long long)field_count(stats, "stored"),
	       (unsigned long long)field_count(stats, "evicted"),
	       (unsigned long long)field_count(stats, "purged"),
	       (unsigned long long)field_count(stats, "fetching"));
}

static enum exit_code cache_stats(const struct cli *cli, const char *none)
{
	auto_json json_t *stats = NULL;
	enum exit_code code = ask_print(
		cli, &(struct ask){.what = "show the cache", .target = "/v1/cache/stats"}, &stats);

	if (!stats)
		return code;
	if (json_is_false(json_object_get(stats, "enabled"))) {
		puts("this policy has no cache");
		return EXIT_DONE;
	}
	print_memory(cli, stats);
	print_lookups(cli, stats);
	print_reasons(cli, "NOT FROM THE CACHE", json_object_get(stats, "forwarded"));
	print_reasons(cli, "NOT STORED", json_object_get(stats, "not_stored"));
	return EXIT_DONE;
}

/* ---- One URL --------------------------------------------------------------------------------- */

static char *joined(const json_t *list)
{
	char *text = memory_copy("");
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		char *longer = memory_printf("%s%s%s", text, i ? ", " : "",
					     json_is_string(item) ? json_string_value(item) : "");

		free(text);
		text = longer;
	}
	return text;
}

/* "58s", "-3s": what is left of a lifetime. */
static const char *left_of(const json_t *variant, char out[static TEXT_MAX])
{
	json_int_t ttl = json_integer_value(json_object_get(variant, "ttl"));
	char span[TEXT_MAX];

	snprintf(out, TEXT_MAX, "%s%.40s", ttl < 0 ? "-" : "",
		 text_span(ttl < 0 ? -ttl : ttl, span));
	return out;
}

static void add_variant(struct table *table, const json_t *variant)
{
	bool is_hit = json_is_true(json_object_get(variant, "hit"));
	auto_text char *vary = joined(json_object_get(variant, "vary"));
	auto_text char *tags = joined(json_object_get(variant, "tags"));
	char text[TEXT_MAX];

	table_add(table, is_hit ? COLOUR_GOOD : COLOUR_CAUTION, "%s", is_hit ? "hit" : "miss");
	table_add(table, COLOUR_PLAIN, "%s", field_text(variant, "verdict"));
	table_add(table, COLOUR_PLAIN, "%llu", (unsigned long long)field_count(variant, "status"));
	table_add(table, COLOUR_PLAIN, "%s", text_span(field_count(variant, "age"), text));
	table_add(table, COLOUR_PLAIN, "%s", left_of(variant, text));
	table_add(table, COLOUR_DIM, "%s", field_text(variant, "lifetime_from"));
	table_add(table, COLOUR_PLAIN, "%s", text_bytes(field_count(variant, "size"), text));
	table_add(table, COLOUR_PLAIN, "%s", text_count(field_count(variant, "hits"), text));
	table_add(table, COLOUR_PLAIN, "%s%s%s", vary,
		  *vary && *field_text(variant, "key") ? "; " : "", field_text(variant, "key"));
	table_add(table, COLOUR_PLAIN, "%s", tags);
}

static void tell_nothing_stored(const json_t *shown)
{
	bool is_cached = json_is_true(json_object_get(shown, "route_cached"));

	puts(is_cached ? "nothing is stored: a request would be forwarded (uri-miss).\n"
			 "Cache-Status of its answer says why it was not stored, if it was not"
		       : "nothing is stored: the route is not cached");
}

static enum exit_code cache_show(const struct cli *cli, const char *url)
{
	static const struct column columns[] = {
		{"NOW", false},	      {"WHY", false},	 {"STATUS", true}, {"AGE", true},
		{"LEFT", true},	      {"SET BY", false}, {"SIZE", true},   {"HITS", true},
		{"VARY, KEY", false}, {"TAGS", false},	 {NULL, false},
	};
	auto_text char *target = ask_target("/v1/cache/show?url=", url);
	const struct ask ask = {
		.what = "show what is stored", .target = target, .timeout_ms = CLIENT_SLOW_MS};
	auto_table struct table table = table_new(columns);
	auto_json json_t *shown = NULL;
	enum exit_code code = ask_print(cli, &ask, &shown);
	char clean[TEXT_CELL_MAX];
	bool is_told_apart = false;
	const json_t *variant;
	size_t i;

	if (!shown)
		return code;
	printf("%s\n", text_clean(field_text(shown, "url"), clean, sizeof(clean)));
	printf("route %s\n\n", *field_text(shown, "route") ? text_clean(field_text(shown, "route"),
									clean, sizeof(clean))
							   : "of no line: what matches no other");
	json_array_foreach(json_object_get(shown, "variants"), i, variant)
	{
		add_variant(&table, variant);
		is_told_apart |= *field_text(variant, "key") ||
				 json_array_size(json_object_get(variant, "vary"));
	}
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		tell_nothing_stored(shown);
	else if (is_told_apart)
		puts("\nNOW is what a plain GET gets that fits VARY and KEY of its row.");
	return EXIT_DONE;
}

/* ---- The largest ----------------------------------------------------------------------------- */

static void add_top(struct table *table, const json_t *object)
{
	char text[TEXT_MAX];

	table_add(table, COLOUR_PLAIN, "%s", text_count(field_count(object, "hits"), text));
	table_add(table, COLOUR_PLAIN, "%s", text_bytes(field_count(object, "bytes"), text));
	table_add(table, COLOUR_PLAIN, "%llu", (unsigned long long)field_count(object, "status"));
	table_add(table, COLOUR_PLAIN, "%s", text_span(field_count(object, "age"), text));
	table_add(table, COLOUR_PLAIN, "%s", left_of(object, text));
	table_add(table, COLOUR_STRONG, "%s%s", field_text(object, "url"),
		  field_text(object, "key"));
}

static enum exit_code cache_top(const struct cli *cli, const char *none)
{
	static const struct column columns[] = {
		{"HITS", true}, {"MEMORY", true}, {"STATUS", true}, {"AGE", true},
		{"LEFT", true}, {"URL", false},	  {NULL, false},
	};
	const char *by = cli->option[OPTION_BY] ? cli->option[OPTION_BY] : "hits";
	unsigned count = SL_CACHE_TOP_DEFAULT;
	auto_table struct table table = table_new(columns);
	auto_text char *target = NULL;
	auto_json json_t *top = NULL;
	const json_t *object;
	enum exit_code code;
	size_t i;

	if (!cli_number(cli, OPTION_TOP, SL_CACHE_TOP_MAX, &count))
		return EXIT_USAGE;
	if (strcmp(by, "hits") != 0 && strcmp(by, "bytes") != 0) {
		fputs("sluice: --by must be hits or bytes\n", stderr);
		return EXIT_USAGE;
	}
	target = memory_printf("/v1/cache/top?by=%s&top=%u", by, count);
	code = ask_print(cli,
			 &(struct ask){.what = "list what is stored",
				       .target = target,
				       .timeout_ms = CLIENT_SLOW_MS},
			 &top);
	if (!top)
		return code;
	json_array_foreach(top, i, object) add_top(&table, object);
	table_print(&table, &cli->look);
	if (!table_rows(&table))
		puts("nothing is stored");
	return EXIT_DONE;
}

/* ---- Which of them --------------------------------------------------------------------------- */

/* Options that make sense with one verb only. */
#define OF_PURGE                                                                     \
	(OPTION_BIT(PREFIX) | OPTION_BIT(GLOB) | OPTION_BIT(TAG) | OPTION_BIT(ALL) | \
	 OPTION_BIT(SOFT))
#define OF_TOP (OPTION_BIT(BY) | OPTION_BIT(TOP))

static bool has_others(const struct cli *cli, unsigned own)
{
	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (cli->option[i] && ((OF_PURGE | OF_TOP) & ~own & 1u << i))
			return true;
	return false;
}

enum exit_code run_cache(const struct cli *cli)
{
	static const struct {
		const char *name;
		enum exit_code (*run)(const struct cli *cli, const char *url);
		size_t min_words, max_words;
		unsigned options;
		const char *takes;
	} verbs[] = {
		{"purge", cache_purge, 1, 2, OF_PURGE,
		 "a URL, --prefix, --glob, --tag or --all, and --soft"},
		{"stats", cache_stats, 1, 1, 0, "nothing more"},
		{"show", cache_show, 2, 2, 0, "a URL"},
		{"top", cache_top, 1, 1, OF_TOP, "--by and --top"},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(cli->words[0], verbs[i].name) != 0)
			continue;
		if (cli->word_count >= verbs[i].min_words &&
		    cli->word_count <= verbs[i].max_words && !has_others(cli, verbs[i].options))
			return verbs[i].run(cli, cli->words[1]);
		fprintf(stderr, "sluice: cache %s takes %s\n", verbs[i].name, verbs[i].takes);
		return EXIT_USAGE;
	}
	fputs("sluice: cache what? One of purge, stats, show URL, top\n", stderr);
	return EXIT_USAGE;
}

enum exit_code run_log(const struct cli *cli)
{
	const struct ask ask = {
		.what = "reopen the access log", .method = "POST", .target = "/v1/log/reopen"};
	auto_json json_t *answer = NULL;
	enum exit_code code;

	if (strcmp(cli->words[0], "reopen") != 0) {
		fputs("sluice: log what? There is only reopen\n", stderr);
		return EXIT_USAGE;
	}
	code = ask_print(cli, &ask, &answer);
	if (answer)
		puts("the access log is written to its file anew");
	return code;
}
