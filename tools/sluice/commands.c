/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of commands, and how one is found in it. */
#include <string.h>

#include <sluice/control.h>

#include "cli.h"

#define LETTERS_A_SLIP 3 /* as many letters typed right excuse a slip of the finger */
#define TYPED_MAX      24

const struct command commands[] = {
	{"status", "See", "", "the agent and the datapath at a glance", "", run_status, 0, 0, 0},
	{"top", "See", "[--once] [--interval SECONDS]", "watch rates, sources and reasons live",
	 "Keys: q quit, s sort order, p pause, arrows select, b ban the selected source.\n"
	 "Without a terminal it prints one frame, as with --once.\n",
	 run_top, 0, 0, OPTION_BIT(ONCE) | OPTION_BIT(INTERVAL)},
	{"sources", "See", "[--top N] [--by dropped|passed|bytes] [--all | ADDR]",
	 "tracked sources, the largest first", "", run_sources, 0, 1,
	 OPTION_BIT(TOP) | OPTION_BIT(BY) | OPTION_BIT(ALL)},
	{"rules", "See", "[--top N] [--by dropped|passed|bytes]",
	 "prefixes of the policy and what came from there, the largest first", "", run_rules, 0, 0,
	 OPTION_BIT(TOP) | OPTION_BIT(BY)},
	{"explain", "See", "ADDR|KEY",
	 "what would happen to a packet or request from there now, and why",
	 "KEY is the name of an API key.\n", run_explain, 1, 1, 0},
	{"events", "See", "[--follow] [--last N]", "who was limited, flagged, banned, and when",
	 "With --json and --follow, one JSON object a line.\n", run_events, 0, 0,
	 OPTION_BIT(FOLLOW) | OPTION_BIT(LAST)},
	{"metrics", "See", "", "all counters, as Prometheus reads them", "", run_metrics, 0, 0, 0},

	{"ban", "Act", "ADDR|PREFIX [--for SPAN] [--reason TEXT] [--force]",
	 "drop a source or prefix for a while",
	 "Without --for it lasts an hour. Without --force it is refused for where you are\n"
	 "logged in from, trusted proxies, upstreams, an address of this host, and for a good\n"
	 "part of the internet.\n",
	 run_ban, 1, 1, OPTION_BIT(FOR) | OPTION_BIT(REASON) | OPTION_BIT(FORCE)},
	{"unban", "Act", "ADDR|PREFIX", "end a ban", "", run_unban, 1, 1, 0},
	{"bans", "Act", "", "bans in force", "", run_bans, 0, 0, 0},
	{"allow", "Act", "ADDR|PREFIX [--for SPAN] [--reason TEXT]",
	 "let a source or prefix pass, whatever it sends",
	 "Without --for it lasts until `sluice disallow`.\n", run_allow, 1, 1,
	 OPTION_BIT(FOR) | OPTION_BIT(REASON)},
	{"disallow", "Act", "ADDR|PREFIX", "end an allow", "", run_disallow, 1, 1, 0},
	{"allows", "Act", "", "allows in force", "", run_allows, 0, 0, 0},
	{"import", "Act", "FILE [--force]", "ban everything a file lists; - reads stdin",
	 "Lines `ADDR[/LEN] [SPAN]`, or JSON [{\"prefix\", \"for\", \"reason\"}]. What `sluice "
	 "ban`\n"
	 "refuses without --force is refused here, line by line.\n",
	 run_import, 1, 1, OPTION_BIT(FORCE)},

	{"cache", "HTTP",
	 "purge URL|--prefix TEXT|--glob PATTERN|--tag TAG|--all [--soft], cache stats, cache show "
	 "URL, "
	 "cache top [--by hits|bytes] [--top N]",
	 "purge, count and show what is stored",
	 "purge     forget: a URL with all its variants, or many; with --soft what is forgotten "
	 "may\n"
	 "          still be sent while the upstream is asked again, or fails\n"
	 "stats     hits, misses and why; memory\n"
	 "show URL  what is stored for a URL, and whether it would be a hit now\n"
	 "top       what is asked for most, or takes most memory\n",
	 run_cache, 1, 2,
	 OPTION_BIT(PREFIX) | OPTION_BIT(GLOB) | OPTION_BIT(TAG) | OPTION_BIT(ALL) |
		 OPTION_BIT(SOFT) | OPTION_BIT(BY) | OPTION_BIT(TOP)},
	{"clients", "HTTP", "[--over] [--top N] [KEY]",
	 "whom the limits count, and what each has left",
	 "KEY is any part of a client's name: an address, or the name of an API key.\n",
	 run_clients, 0, 1, OPTION_BIT(OVER) | OPTION_BIT(TOP)},
	{"limit", "HTTP", "reset ADDR|KEY", "forget what is counted of a client", "", run_limit, 2,
	 2, 0},
	{"key", "HTTP", "hash NAME [TIER], key new NAME [TIER]", "lines for the file of API keys",
	 "hash  of a key read from standard input: a key is never an argument\n"
	 "new   of a new key, which is shown once, on standard error\n",
	 run_key, 1, 3, 0},
	{"log", "HTTP", "reopen", "write the access log to its file anew, as after its rotation",
	 "", run_log, 1, 1, 0},

	{"policy", "Rule", "load|check|diff FILE, policy show",
	 "load, check or compare a policy; show the one in force",
	 "load FILE   put it in force, all or nothing\n"
	 "check FILE  find every error in it; needs no agent\n"
	 "diff FILE   what loading it would change\n"
	 "show        the policy in force\n",
	 run_policy, 1, 2, 0},
	{"reload", "Rule", "", "read the agent's own policy file again", "", run_reload, 0, 0, 0},
	{"detach", "Rule", "", "remove everything from the kernel and stop limiting", "",
	 run_detach, 0, 0, 0},

	{"version", "Help", "", "version of this program", "", run_version, 0, 0, 0},
	{"help", "Help", "[COMMAND]", "what there is, or what a command does", "", run_help, 0, 1,
	 0},
	{.name = NULL},
};

const struct command *command_find(const char *name)
{
	const struct command *command = commands;

	while (command->name && strcmp(command->name, name) != 0)
		command++;
	return command->name ? command : NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Letters to add, drop, replace or swap with their neighbour to make a into b (Damerau, optimal string alignment). */
static unsigned distance(const char *a, const char *b)
{
	unsigned steps[TYPED_MAX + 1][TYPED_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	for (size_t i = 0; i <= a_len; i++)
		steps[i][0] = i;
	for (size_t j = 0; j <= b_len; j++)
		steps[0][j] = j;

	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			bool is_swap =
				i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
			unsigned best = steps[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			best = least(best, least(steps[i - 1][j], steps[i][j - 1]) + 1);
			if (is_swap)
				best = least(best, steps[i - 2][j - 2] + 1);
			steps[i][j] = best;
		}
	}
	return steps[a_len][b_len];
}

const struct command *command_near(const char *name)
{
	const struct command *best = NULL;
	size_t len = strlen(name);
	unsigned best_distance = least(2, len / LETTERS_A_SLIP) + 1;

	if (len < 2 || len > TYPED_MAX)
		return NULL;
	for (const struct command *command = commands; command->name; command++) {
		unsigned steps = distance(name, command->name);

		if (!strncmp(command->name, name, len)) /* the beginning of a command */
			steps = 1;
		if (steps < best_distance) {
			best_distance = steps;
			best = command;
		}
	}
	return best;
}
