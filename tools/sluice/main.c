/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* Output that did not arrive is a failure, except where the reader had seen enough. */
static enum exit_code finish_output(enum exit_code code)
{
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	if (errno != EPIPE)
		fprintf(stderr, "sluice: cannot write the output: %s\n", strerror(errno));
	return EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct cli cli = {};
	const struct command *command;
	enum exit_code code;

	/* Numbers stay as JSON and tables want them: only characters follow the user's locale. */
	setlocale(LC_CTYPE, "");
	/* `sluice sources | head` ends without a word, whatever our parent ignores. */
	signal(SIGPIPE, SIG_DFL);

	cli.look = look_of_stdout();
	cli.now_unix_s = time(NULL);
	code = cli_parse(argc ? argv + 1 : argv, &cli, &command);
	if (code != EXIT_DONE)
		return code;

	if (!command)
		help_print();
	else if (cli.option[OPTION_HELP])
		help_print_command(command);
	else
		code = command->run(&cli);
	return finish_output(code);
}
