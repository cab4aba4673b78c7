/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice cache purge */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "cache.h"
#include "memory.h"

/* The body of a purge; NULL, and said on stderr, unless exactly one thing is named. */
static json_t *purge_body(const struct cli *cli, const char *url)
{
	const struct {
		const char *key;
		const char *value;
	} named[] = {{"url", url},
		     {"prefix", cli->option[OPTION_PREFIX]},
		     {"glob", cli->option[OPTION_GLOB]},
		     {"tag", cli->option[OPTION_TAG]}};
	json_t *body = json_object();
	size_t count = cli->option[OPTION_ALL] != NULL;

	if (cli->option[OPTION_ALL])
		json_object_set_new(body, "all", json_true());
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (!named[i].value)
			continue;
		json_object_set_new(body, named[i].key, json_string(named[i].value));
		count++;
	}
	json_object_set_new(body, "soft", json_boolean(cli->option[OPTION_SOFT]));
	if (count == 1)
		return body;
	json_decref(body);
	fputs("sluice: cache purge takes one of URL, --prefix, --glob, --tag, --all\n", stderr);
	return NULL;
}

static void tell_purge(const json_t *answer)
{
	const json_t *purged = json_object_get(answer, "purged");
	const char *kinds[] = {"url", "prefix", "glob", "tag"};
	bool is_soft = json_is_true(json_object_get(answer, "soft"));
	char clean[TEXT_CELL_MAX];
	const char *what = "", *value = "everything";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (json_object_get(answer, kinds[i])) {
			what = kinds[i];
			value = field_text(answer, kinds[i]);
		}
	printf("purged%s%s %s", *what ? " " : "", what, text_clean(value, clean, sizeof(clean)));
	if (json_is_integer(purged))
		printf(": %llu response%s", (unsigned long long)json_integer_value(purged),
		       json_integer_value(purged) == 1 ? "" : "s");
	printf("; %s from now on%s\n", is_soft ? "stale" : "gone",
	       json_is_integer(purged) || !*what
		       ? ""
		       : " (not counted: each is met when it is next asked for)");
}

enum exit_code cache_purge(const struct cli *cli, const char *url)
{
	auto_json json_t *body = purge_body(cli, url);
	auto_text char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct ask ask = {.what = "purge the cache",
			  .method = "POST",
			  .target = "/v1/cache/purge",
			  .type = "application/json",
			  .body = text,
			  .body_len = text ? strlen(text) : 0,
			  .timeout_ms = CLIENT_SLOW_MS};
	auto_json json_t *answer = NULL;
	enum exit_code code;

	if (!text)
		return EXIT_USAGE;
	code = ask_print(cli, &ask, &answer);
	if (answer)
		tell_purge(answer);
	return code;
}
