/* SPDX-License-Identifier: BSD-2-Clause */
/* sluiced: limits sources at the NIC as its policy says. One task per process; serving is the usual one. */
#include <signal.h>
#include <unistd.h>

#include "child/child.h"
#include "base/notify.h"
#include "options.h"
#include "tasks.h"

int main(int argc, char **argv)
{
	struct options options;
	enum options_task task = options_parse(argc, argv, &options);

	/* A client that goes away is an error of its write, not the end of the agent. */
	(void)signal(SIGPIPE, SIG_IGN); /* fails for bad signals only */
	notify_init();

	switch (task) {
	case TASK_SERVE:
		return serve(&options);
	case TASK_HTTP:
		return child_main();
	case TASK_CHECK:
		return check(&options);
	case TASK_DETACH:
		return detach(&options);
	case TASK_HELPED:
		return EXIT_DONE;
	case TASK_USAGE:
		return EXIT_USAGE;
	}
	return EXIT_USAGE;
}
