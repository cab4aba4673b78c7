/* SPDX-License-Identifier: BSD-2-Clause */
/* What http-load is told to do. */
#ifndef BENCH_LOAD_HOW_H
#define BENCH_LOAD_HOW_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "load_keys.h"

#define CONNECTIONS_MAX 65536
#define PIDS_MAX	64

struct how {
	struct sockaddr_in to;
	int connections;
	double seconds, warmup_s;
	double rate;	   /* requests a second; 0: each as soon as the answer before has come */
	uint64_t requests; /* 0: any number */
	bool once;	   /* one a connection */
	bool is_busy;	   /* looks for answers instead of waiting to be woken */
	const char *path;
	uint32_t clients; /* 0: all are one */
	struct keys keys, askers;
	pid_t pids[PIDS_MAX];
	int pid_count;
};

/* Read the command line, as http_load.c describes it. Ends the program where it is wrong. */
void how_read(int argc, char **argv, struct how *how);

#endif
