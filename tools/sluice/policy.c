/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice policy load, check, diff, show; sluice reload */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "check.h"
#include "memory.h"

static void print_lines(const json_t *lines, const char *mark)
{
	char clean[TEXT_CELL_MAX];
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		const char *text = json_string_value(line);

		printf("  %s %s\n", mark, text_clean(text ? text : "", clean, sizeof(clean)));
	}
}

static void print_warnings(const json_t *warnings, const char *file)
{
	char clean[TEXT_CELL_MAX];
	const json_t *warning;
	size_t i;

	json_array_foreach(warnings, i, warning)
		fprintf(stderr, "%s:%llu:%llu: warning: %s\n", file,
			(unsigned long long)field_count(warning, "line"),
			(unsigned long long)field_count(warning, "column"),
			text_clean(field_text(warning, "text"), clean, sizeof(clean)));
}

/* Send the load and tell what came of it. */
static enum exit_code load(const struct cli *cli, const struct ask *ask)
{
	auto_json json_t *answer = NULL;
	enum exit_code code = ask_print(cli, ask, &answer);
	const json_t *changes = json_object_get(answer, "changes");

	if (!answer)
		return code;
	printf("policy %llu is in force (%.2f s), %s\n",
	       (unsigned long long)field_count(answer, "generation"),
	       field_number(answer, "seconds"),
	       json_array_size(changes) ? "with these changes:" : "nothing has changed");
	print_lines(changes, "*");
	print_lines(json_object_get(answer, "notes"), "note:");
	fflush(stdout);
	print_warnings(json_object_get(answer, "warnings"), ask->file);
	return EXIT_DONE;
}

enum exit_code run_reload(const struct cli *cli)
{
	const struct ask ask = {
		.what = "reload the policy",
		.method = "POST",
		.target = "/v1/policy/load",
		.type = "application/yaml",
		.body = "",
		.file = "the agent's policy",
		.timeout_ms = CLIENT_SLOW_MS,
	};

	return load(cli, &ask);
}

/*
 * A body that is empty means "the agent's own file" to the agent; here it can only be a mistake.
 */
static enum exit_code read_policy(struct ask *ask, char **ret_text)
{
	enum exit_code code = file_read(ask->file, ret_text, &ask->body_len);

	if (code != EXIT_DONE)
		return code;
	if (!ask->body_len) {
		fprintf(stderr, "sluice: cannot %s: the file is empty\n", ask->what);
		return EXIT_REFUSED;
	}
	ask->body = *ret_text;
	return EXIT_DONE;
}

static enum exit_code policy_load(const struct cli *cli, const char *file)
{
	bool is_stdin = !strcmp(file, "-");
	auto_text char *full = is_stdin ? NULL : realpath(file, NULL);
	auto_text char *what = memory_printf("load %s", file);
	auto_text char *target =
		full ? ask_target("/v1/policy/load?path=", full) : memory_copy("/v1/policy/load");
	auto_text char *text = NULL;
	struct ask ask = {
		.what = what,
		.method = "POST",
		.target = target,
		.type = "application/yaml",
		.file = file,
		.timeout_ms = CLIENT_SLOW_MS,
	};
	enum exit_code code = read_policy(&ask, &text);

	return code == EXIT_DONE ? load(cli, &ask) : code;
}

static enum exit_code policy_diff(const struct cli *cli, const char *file)
{
	auto_text char *what = memory_printf("compare %s", file);
	auto_text char *text = NULL;
	struct ask ask = {
		.what = what,
		.method = "POST",
		.target = "/v1/policy/diff",
		.type = "application/yaml",
		.file = file,
		.timeout_ms = CLIENT_SLOW_MS,
	};
	auto_json json_t *answer = NULL;
	enum exit_code code = read_policy(&ask, &text);

	if (code == EXIT_DONE)
		code = ask_print(cli, &ask, &answer);
	if (!answer)
		return code;
	if (!json_array_size(json_object_get(answer, "changes")))
		puts("loading it would change nothing");
	print_lines(json_object_get(answer, "changes"), "*");
	fflush(stdout);
	print_warnings(json_object_get(answer, "warnings"), file);
	return EXIT_DONE;
}

static enum exit_code policy_show(const struct cli *cli, const char *file)
{
	auto_answer struct client_answer answer = {};
	const struct ask ask = {
		.what = "show the policy", .target = "/v1/policy", .timeout_ms = CLIENT_SLOW_MS};
	enum exit_code code = ask_text(cli, &ask, &answer);

	return code == EXIT_DONE ? print_text(cli, "policy", &answer) : code;
}

enum exit_code run_policy(const struct cli *cli)
{
	static const struct {
		const char *name;
		enum exit_code (*run)(const struct cli *cli, const char *file);
		bool needs_file;
	} verbs[] = {
		{"load", policy_load, true},
		{"check", policy_check, true},
		{"diff", policy_diff, true},
		{"show", policy_show, false},
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(cli->words[0], verbs[i].name) != 0)
			continue;
		if (verbs[i].needs_file == (cli->word_count == 2))
			return verbs[i].run(cli, cli->words[1]);
		fprintf(stderr, "sluice: policy %s takes %s\n", verbs[i].name,
			verbs[i].needs_file ? "a file" : "no file");
		return EXIT_USAGE;
	}
	fputs("sluice: policy what? One of load FILE, check FILE, diff FILE, show\n", stderr);
	return EXIT_USAGE;
}
