/* SPDX-License-Identifier: BSD-2-Clause */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/control.h>

#include "base/log.h"

#define METRICS_TOP_MAX 10000 /* sources, six lines of metrics each */

static const char help[] =
	"Usage: sluiced --policy FILE [OPTION]...\n"
	"       sluiced --check FILE\n"
	"       sluiced --detach [--control SOCKET]\n"
	"\n"
	"Limits every source of packets as the policy says, and answers for it.\n"
	"\n"
	"  --policy FILE        the policy; read again on SIGHUP\n"
	"  --control SOCKET     where `sluice` asks (default " SL_CONTROL_SOCKET ")\n"
	"  --metrics ADDR:PORT  where Prometheus asks (default " SL_METRICS_ADDRESS "), or off\n"
	"  --metrics-top N      sources with counters of their own there (default 100)\n"
	"  --state DIR          where bans are kept over a reboot (default " SL_STATE_DIR ")\n"
	"  --takeover           take over from the sluiced that runs, if one does: its sockets\n"
	"                       first, so that no connection is refused or lost\n"
	"  --fresh              take the place of a datapath another version left behind\n"
	"  --detach             remove everything that is ours, and end\n"
	"  --check              say what is wrong with the policy, and end\n"
	"  --log-level LEVEL    error, warning, notice, info (default) or debug\n"
	"  --version, --help\n"
	"\n"
	"Stopped (SIGTERM, SIGINT, even SIGKILL), it leaves the datapath limiting.\n";

enum option_code {
	OPTION_POLICY = 256,
	OPTION_CONTROL,
	OPTION_METRICS,
	OPTION_METRICS_TOP,
	OPTION_STATE,
	OPTION_FRESH,
	OPTION_TAKEOVER,
	OPTION_DETACH,
	OPTION_CHECK,
	OPTION_HTTP_CHILD,
	OPTION_LOG_LEVEL,
	OPTION_VERSION,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{"policy", required_argument, NULL, OPTION_POLICY},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"metrics", required_argument, NULL, OPTION_METRICS},
	{"metrics-top", required_argument, NULL, OPTION_METRICS_TOP},
	{"state", required_argument, NULL, OPTION_STATE},
	{"takeover", no_argument, NULL, OPTION_TAKEOVER},
	{"fresh", no_argument, NULL, OPTION_FRESH},
	{"detach", no_argument, NULL, OPTION_DETACH},
	{"check", no_argument, NULL, OPTION_CHECK},
	{"http-child", no_argument, NULL, OPTION_HTTP_CHILD}, /* not for people: no help */
	{"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static bool set_log_level(const char *name)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"error", LOG_LEVEL_ERROR},   {"warning", LOG_LEVEL_WARNING},
		{"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			log_set_level(levels[i].level);
			return true;
		}
	}
	fprintf(stderr, "sluiced: --log-level %s: expected error, warning, notice, info or debug\n",
		name);
	return false;
}

static bool set_metrics_top(const char *text, size_t *ret_top)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || number > METRICS_TOP_MAX) {
		fprintf(stderr, "sluiced: --metrics-top %s: expected a number from 0 to %d\n", text,
			METRICS_TOP_MAX);
		return false;
	}
	*ret_top = number;
	return true;
}

/* Take one option. Returns false if the command line ends here, with *task saying how. */
static bool take_option(int option, struct options *options, enum options_task *task)
{
	switch (option) {
	case OPTION_POLICY:
		options->agent.policy_path = optarg;
		return true;
	case OPTION_CONTROL:
		options->control = optarg;
		return true;
	case OPTION_METRICS:
		options->metrics = strcmp(optarg, "off") ? optarg : NULL;
		return true;
	case OPTION_STATE:
		options->agent.state_dir = optarg;
		return true;
	case OPTION_FRESH:
		options->agent.fresh = true;
		return true;
	case OPTION_TAKEOVER:
		options->takeover = true;
		return true;
	case OPTION_DETACH:
		*task = TASK_DETACH;
		return true;
	case OPTION_CHECK:
		*task = TASK_CHECK;
		return true;
	case OPTION_HTTP_CHILD:
		*task = TASK_HTTP;
		return true;
	case OPTION_METRICS_TOP:
		*task = set_metrics_top(optarg, &options->agent.metrics_top) ? *task : TASK_USAGE;
		return *task != TASK_USAGE;
	case OPTION_LOG_LEVEL:
		options->log_level = optarg;
		*task = set_log_level(optarg) ? *task : TASK_USAGE;
		return *task != TASK_USAGE;
	case OPTION_VERSION:
		printf("sluiced %s\n", SLUICE_VERSION);
		*task = TASK_HELPED;
		return false;
	case OPTION_HELP:
		fputs(help, stdout);
		*task = TASK_HELPED;
		return false;
	default: /* getopt_long() has said what is wrong */
		fputs("Try `sluiced --help`.\n", stderr);
		*task = TASK_USAGE;
		return false;
	}
}

static enum options_task usage(const char *problem)
{
	fprintf(stderr, "sluiced: %s\nTry `sluiced --help`.\n", problem);
	return TASK_USAGE;
}

enum options_task options_parse(int argc, char **argv, struct options *ret_options)
{
	enum options_task task = TASK_SERVE;
	struct options options = {
		.agent = {.state_dir = SL_STATE_DIR, .metrics_top = SL_TOP_DEFAULT},
		.control = SL_CONTROL_SOCKET,
		.metrics = SL_METRICS_ADDRESS,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		if (!take_option(option, &options, &task))
			return task;

	if (optind < argc && task == TASK_CHECK && !options.agent.policy_path)
		options.agent.policy_path = argv[optind++];
	if (optind < argc)
		return usage("too many arguments; a policy is given with --policy FILE");
	if (task != TASK_DETACH && task != TASK_HTTP && !options.agent.policy_path)
		return usage("which policy? --policy FILE");

	*ret_options = options;
	return task;
}
