/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice import */
#include <string.h>

#include "ask.h"
#include "memory.h"

static void say_refused_line(const char *file, const json_t *problem)
{
	char name[TEXT_CELL_MAX], clean[TEXT_CELL_MAX];

	fprintf(stderr, "%s:%llu: ", text_clean(file, name, sizeof(name)),
		(unsigned long long)field_count(problem, "line"));
	fprintf(stderr, "%s\n", text_clean(field_text(problem, "text"), clean, sizeof(clean)));
}

/* 1 if any line was refused: a script must not take half a list for the whole. */
static enum exit_code report(const char *file, const json_t *answer)
{
	uint64_t refused = field_count(answer, "refused");
	const json_t *problem;
	size_t i;

	json_array_foreach(json_object_get(answer, "problems"), i, problem)
		say_refused_line(file, problem);
	if (refused)
		fprintf(stderr,
			"sluice: cannot import all of %s: %llu refused; the others are banned\n",
			file, (unsigned long long)refused);
	return refused ? EXIT_REFUSED : EXIT_DONE;
}

/* Lists begin with '[' only where they are JSON: no address does. */
static const char *type_of(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '[' ? "application/json" : "text/plain";
}

enum exit_code run_import(const struct cli *cli)
{
	const char *file = cli->words[0];
	const char *name = strcmp(file, "-") ? file : "stdin";
	auto_text char *what = memory_printf("import %s", name);
	auto_text char *target =
		cli->option[OPTION_FORCE] ? memory_copy("/v1/import") : ask_careful("/v1/import");
	struct ask ask = {.what = what,
			  .method = "POST",
			  .target = target,
			  .file = name,
			  .timeout_ms = CLIENT_SLOW_MS};
	auto_json json_t *answer = NULL;
	auto_text char *text = NULL;
	enum exit_code code = file_read(file, &text, &ask.body_len);

	if (code != EXIT_DONE)
		return code;
	ask.body = text;
	ask.type = type_of(text);
	code = ask_json(cli, &ask, &answer);
	if (code != EXIT_DONE)
		return code;

	if (cli->json)
		print_json(answer);
	else
		printf("%llu banned\n", (unsigned long long)field_count(answer, "imported"));
	fflush(stdout);
	return report(name, answer);
}
