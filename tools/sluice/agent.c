/* SPDX-License-Identifier: BSD-2-Clause */
/* sluice detach, metrics, version, help */
#include <string.h>

#include "ask.h"
#include "memory.h"

enum exit_code run_detach(const struct cli *cli)
{
	const struct ask ask = {.what = "detach",
				.method = "POST",
				.target = "/v1/detach",
				.timeout_ms = CLIENT_SLOW_MS};
	auto_json json_t *answer = NULL;
	enum exit_code code = ask_print(cli, &ask, &answer);
	unsigned long long count = field_count(answer, "interfaces");

	if (answer)
		printf("detached from %llu interface%s; no packet is limited until the agent is "
		       "started again\n",
		       count, count == 1 ? "" : "s");
	return code;
}

enum exit_code run_metrics(const struct cli *cli)
{
	auto_answer struct client_answer answer = {};
	const struct ask ask = {.what = "read metrics", .target = "/metrics"};
	enum exit_code code = ask_text(cli, &ask, &answer);

	return code == EXIT_DONE ? print_text(cli, "metrics", &answer) : code;
}

enum exit_code run_version(const struct cli *cli)
{
	if (cli->json)
		puts("{\n  \"version\": \"" SLUICE_VERSION "\"\n}");
	else
		puts("sluice " SLUICE_VERSION);
	return EXIT_DONE;
}

enum exit_code run_help(const struct cli *cli)
{
	const struct command *command = NULL;
	char clean[TEXT_CELL_MAX];

	if (!cli->word_count) {
		help_print();
		return EXIT_DONE;
	}
	command = command_find(cli->words[0]);
	if (!command) {
		fprintf(stderr, "sluice: there is no command %s; `sluice help` lists them\n",
			text_clean(cli->words[0], clean, sizeof(clean)));
		return EXIT_USAGE;
	}
	help_print_command(command);
	return EXIT_DONE;
}
