/* SPDX-License-Identifier: BSD-2-Clause */
/* What sluiced can be told to do. Each ends with the process's exit code, and has said on the way why. */
#ifndef TASKS_H
#define TASKS_H

#include "options.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* a bad policy, or it cannot start */
	EXIT_USAGE = 2,
};

/* Protect until SIGTERM or SIGINT. */
int serve(const struct options *options);

/* Print every problem of the policy, as FILE:LINE:COLUMN, and what it means for memory and floods. */
int check(const struct options *options);

/* Remove everything that is ours: through the agent if one runs, else by ourselves. */
int detach(const struct options *options);

#endif
