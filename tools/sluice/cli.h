/* SPDX-License-Identifier: BSD-2-Clause */
/* One call of `sluice`: what was asked for, how to answer, and every command there is. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* the request failed or was refused */
	EXIT_USAGE = 2,	      /* the command line makes no sense */
	EXIT_UNREACHABLE = 3, /* no agent there */
};

/* Every option, as X(name, option, value, help). value NULL: it takes none. */
#define OPTIONS(X)                                                                              \
	X(CONTROL, "--control", "SOCKET", "the agent's control socket (" SL_CONTROL_SOCKET ")") \
	X(JSON, "--json", NULL, "answer in JSON, exact and stable")                             \
	X(HELP, "--help", NULL, "say what the command does")                                    \
	X(TOP, "--top", "N", "only the N largest")                                              \
	X(BY, "--by", "COUNT", "largest in what; the first named is the default")               \
	X(ALL, "--all", NULL, "all there is; of sources one JSON object a line")                \
	X(PREFIX, "--prefix", "TEXT", "all URLs that begin like that")                          \
	X(GLOB, "--glob", "PATTERN", "all URLs like that; * stands for anything, ? for one")    \
	X(TAG, "--tag", "TAG", "all that has the tag")                                          \
	X(OVER, "--over", NULL, "only who is over a limit")                                     \
	X(SOFT, "--soft", NULL, "stale from now on, instead of gone")                           \
	X(FORCE, "--force", NULL, "ban also what is hardly meant: see the manual")              \
	X(FOR, "--for", "SPAN", "how long: 90s, 10m, 1h30m, 2 days")                            \
	X(REASON, "--reason", "TEXT", "a note for people")                                      \
	X(FOLLOW, "--follow", NULL, "stay, and tell what comes")                                \
	X(LAST, "--last", "N", "begin with the last N")                                         \
	X(ONCE, "--once", NULL, "print one frame as text and leave")                            \
	X(INTERVAL, "--interval", "SECONDS", "between two looks (1)")

enum option {
#define OPTION_ENUM(name, text, value, help) OPTION_##name,
	OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
		OPTION_COUNT,
};
#define OPTION_BIT(name) (1u << OPTION_##name)

#define CLI_WORDS_MAX	 3

struct cli {
	const char *control; /* path of the socket */
	bool json;
	struct look look;
	int64_t now_unix_s; /* when the command began */
	const char *words[CLI_WORDS_MAX];
	size_t word_count;
	const char *option[OPTION_COUNT]; /* NULL: not given; "" where it takes no value */
};

typedef enum exit_code command_fn(const struct cli *cli);

struct command {
	const char *name;
	const char *group;     /* heading in the short help */
	const char *arguments; /* as the help shows them */
	const char *help;      /* one line */
	const char *more;      /* further lines of `sluice help NAME`, or "" */
	command_fn *run;
	uint8_t min_words;
	uint8_t max_words;
	unsigned options; /* OPTION_BITs it takes beside --control, --json and --help */
};

/* All commands, in the order of the help; the last has no name. */
extern const struct command commands[];

/* NULL if there is none. */
const struct command *command_find(const char *name);

/* The command somebody who typed name most likely meant, or NULL. */
const struct command *command_near(const char *name);

/*
 * Reads the command line. Returns EXIT_DONE and sets *ret_command and *ret_cli, or says on stderr what is wrong
 * with it. *ret_command is NULL where no command was named.
 */
enum exit_code cli_parse(char **arguments, struct cli *ret_cli, const struct command **ret_command);

/* Option as a count from 1 to max. Returns false, said on stderr, if it is no such number; fallback if not given. */
bool cli_number(const struct cli *cli, enum option option, unsigned max, unsigned *number);

/* --by of sources and rules: dropped, the default, passed or bytes. NULL, said on stderr, for anything else. */
const char *sources_order(const struct cli *cli);

/* Short help; help on one command. */
void help_print(void);
void help_print_command(const struct command *command);

command_fn run_status, run_sources, run_rules, run_explain;
command_fn run_ban, run_unban, run_bans, run_allow, run_disallow, run_allows, run_import;
command_fn run_events, run_top, run_policy;
command_fn run_cache, run_log, run_clients, run_limit, run_key;
command_fn run_detach, run_reload, run_metrics, run_version, run_help;

#endif
