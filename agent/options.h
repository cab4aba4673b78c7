/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sluiced. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "control/agent.h"

enum options_task {
	TASK_SERVE,
	TASK_CHECK,  /* read the policy, say what is wrong with it, and end */
	TASK_HTTP,   /* be the HTTP plane's process: only sluiced itself says so */
	TASK_DETACH, /* remove everything that is ours, and end */
	TASK_HELPED, /* --help or --version: printed already */
	TASK_USAGE,  /* the command line is wrong: said already */
};

struct options {
	struct agent_options agent;
	const char *control;
	const char *metrics;   /* NULL: off */
	const char *log_level; /* as given; NULL: not */
	bool takeover;	       /* take the place of the agent that runs */
};

/* Slices of argv are kept. Sets the log level. */
enum options_task options_parse(int argc, char **argv, struct options *ret_options);

#endif
