/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line, and the help on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "cli.h"

static const struct {
	const char *text;
	const char *value;
	const char *help;
} options[OPTION_COUNT] = {
#define OPTION_ROW(name, text, value, help) {text, value, help},
	OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

#define EVERYWHERE (OPTION_BIT(CONTROL) | OPTION_BIT(JSON) | OPTION_BIT(HELP))

static enum exit_code misused(const struct command *command)
{
	if (command)
		fprintf(stderr, "usage: sluice %s%s%s\n", command->name,
			*command->arguments ? " " : "", command->arguments);
	else
		fputs("usage: sluice COMMAND [ARGUMENTS]; `sluice help` lists the commands\n",
		      stderr);
	return EXIT_USAGE;
}

/* Which option argument is, "--name" or "--name=value"; OPTION_COUNT if none. */
static enum option option_of(const char *argument)
{
	size_t len = strcspn(argument, "=");
	unsigned i = 0;

	if (!strcmp(argument, "-h"))
		return OPTION_HELP;
	while (i < OPTION_COUNT &&
	       (strlen(options[i].text) != len || strncmp(options[i].text, argument, len) != 0))
		i++;
	return i;
}

static enum exit_code wrong(const struct command *command, const char *what, const char *argument)
{
	char clean[TEXT_CELL_MAX];

	fprintf(stderr, "sluice: %s: %s\n", what, text_clean(argument, clean, sizeof(clean)));
	return misused(command);
}

/* Takes the option at *arguments, and its value; leaves *arguments at the last of what it took. */
static enum exit_code take_option(char ***arguments, struct cli *cli, const struct command *command)
{
	const char *argument = **arguments;
	const char *equals = strchr(argument, '=');
	enum option option = option_of(argument);
	bool takes_value;

	if (option == OPTION_COUNT)
		return wrong(command, "there is no such option", argument);

	takes_value = options[option].value;
	if (!takes_value && equals)
		return wrong(command, "the option takes no value", argument);
	if (takes_value && !equals && !(*arguments)[1])
		return wrong(command, "the option needs a value", argument);

	if (!takes_value)
		cli->option[option] = "";
	else if (equals)
		cli->option[option] = equals + 1;
	else
		cli->option[option] = *++*arguments;
	return EXIT_DONE;
}

static enum exit_code unknown_command(const char *name)
{
	const struct command *near = command_near(name);
	char clean[TEXT_CELL_MAX];

	fprintf(stderr, "sluice: there is no command %s", text_clean(name, clean, sizeof(clean)));
	if (near)
		fprintf(stderr, "; did you mean `sluice %s`?", near->name);
	fputs("\n", stderr);
	return near ? EXIT_USAGE : misused(NULL);
}

static enum exit_code take_word(char *word, struct cli *cli, const struct command **command)
{
	if (!*command) {
		*command = command_find(word);
		return *command ? EXIT_DONE : unknown_command(word);
	}
	if (cli->word_count == (*command)->max_words)
		return wrong(*command, "one argument too many", word);
	cli->words[cli->word_count++] = word;
	return EXIT_DONE;
}

/* Everything has been read; does it fit together? */
static enum exit_code check(struct cli *cli, const struct command *command)
{
	if (cli->option[OPTION_CONTROL])
		cli->control = cli->option[OPTION_CONTROL];
	cli->json = cli->option[OPTION_JSON];
	if (!command || cli->option[OPTION_HELP])
		return EXIT_DONE;

	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (cli->option[i] && !((command->options | EVERYWHERE) & 1u << i))
			return wrong(command, "the command has no such option", options[i].text);
	if (cli->word_count < command->min_words) {
		fprintf(stderr, "sluice: an argument is missing\n");
		return misused(command);
	}
	return EXIT_DONE;
}

enum exit_code cli_parse(char **arguments, struct cli *ret_cli, const struct command **ret_command)
{
	struct cli *cli = ret_cli;
	enum exit_code code = EXIT_DONE;
	bool only_words = false;

	*ret_command = NULL;
	cli->control = SL_CONTROL_SOCKET;
	for (; *arguments && code == EXIT_DONE; arguments++) {
		if (!only_words && !strcmp(*arguments, "--"))
			only_words = true;
		else if (!only_words && !*ret_command && !strcmp(*arguments, "--version"))
			*ret_command = command_find("version");
		else if (!only_words && **arguments == '-' && (*arguments)[1])
			code = take_option(&arguments, cli, *ret_command);
		else
			code = take_word(*arguments, cli, ret_command);
	}
	return code == EXIT_DONE ? check(cli, *ret_command) : code;
}

bool cli_number(const struct cli *cli, enum option option, unsigned max, unsigned *number)
{
	const char *text = cli->option[option];
	unsigned long long parsed;
	char clean[TEXT_CELL_MAX];
	char *end;

	if (!text)
		return true;
	errno = 0;
	parsed = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || parsed < 1 || parsed > max) {
		fprintf(stderr, "sluice: %s must be a number from 1 to %u: %s\n",
			options[option].text, max, text_clean(text, clean, sizeof(clean)));
		return false;
	}
	*number = parsed;
	return true;
}

void help_print(void)
{
	const char *group = "";

	puts("sluice asks and commands sluiced, which limits every source at the network card.\n\n"
	     "usage: sluice COMMAND [ARGUMENTS] [--json] [--control SOCKET]");
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(group, command->group) != 0)
			printf("\n%s\n", command->group);
		group = command->group;
		printf("  %-10s %s\n", command->name, command->help);
	}
	puts("\n`sluice help COMMAND` says more; sluice(8) says all.");
}

void help_print_command(const struct command *command)
{
	printf("usage: sluice %s%s%s\n\n%s\n", command->name, *command->arguments ? " " : "",
	       command->arguments, command->help);
	if (*command->more)
		printf("\n%s", command->more);

	puts("");
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		const char *value = options[i].value ? options[i].value : "";
		int width = 20 - (int)strlen(options[i].text);

		if ((command->options | EVERYWHERE) & 1u << i)
			printf("  %s %-*s %s\n", options[i].text, width, value, options[i].help);
	}
}
