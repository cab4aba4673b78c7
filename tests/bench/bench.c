// SPDX-License-Identifier: BSD-2-Clause
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: bench --program bare|sluice|verdict|xdp-filter [options]\n"
	"One measurement by BPF_PROG_TEST_RUN, printed as JSON; see tests/bench/run.\n"
	"\n"
	"  --policy FILE      what sluice and verdict run under\n"
	"  --attach IF        attach natively to IF until standard input ends, instead\n"
	"  --sources N        a power of two (default 1), or \"ever-new\"\n"
	"  --bans N           the first N sources are banned, or denied by xdp-filter\n"
	"  --other-bans N     so many that do not send are banned\n"
	"  --port P --syn     destination port (default 443); TCP SYNs instead of UDP\n"
	"  --rounds R --packets N   R rounds (default 5) of N packets (default 1048576)\n"
	"  --settle SECONDS   at most, until the state is steady (default 5)\n"
	"Makes and removes the datapath of the present network namespace: use one of its own.\n";

static const struct option long_options[] = {
	{"program", required_argument, NULL, 'p'},
	{"policy", required_argument, NULL, 'f'},
	{"attach", required_argument, NULL, 'a'},
	{"sources", required_argument, NULL, 's'},
	{"bans", required_argument, NULL, 'b'},
	{"port", required_argument, NULL, 'o'},
	{"syn", no_argument, NULL, 'y'},
	{"rounds", required_argument, NULL, 'r'},
	{"packets", required_argument, NULL, 'n'},
	{"settle", required_argument, NULL, 't'},
	{"other-bans", required_argument, NULL, 'e'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > INT32_MAX)
		die(text, EINVAL);
	return (uint32_t)value;
}

static uint32_t sources(const char *text)
{
	uint32_t count = strcmp(text, "ever-new") ? number(text) : 0;

	if (count & (count - 1))
		die(text, EINVAL);
	return count;
}

static void take(int option, struct bench_options *options)
{
	switch (option) {
	case 'p':
		options->program = optarg;
		return;
	case 'f':
		options->policy = optarg;
		return;
	case 'a':
		options->interface = optarg;
		return;
	case 's':
		options->sources = sources(optarg);
		return;
	case 'b':
		options->bans = number(optarg);
		return;
	case 'e':
		options->other_bans = number(optarg);
		return;
	case 'o':
		options->port = (uint16_t)number(optarg);
		return;
	case 'y':
		options->is_tcp_syn = true;
		return;
	case 'r':
		options->rounds = number(optarg);
		return;
	case 'n':
		options->packets = number(optarg);
		return;
	case 't':
		options->settle_seconds = strtod(optarg, NULL);
		return;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bench_options options = {
		.sources = 1,
		.port = 443,
		.rounds = 5,
		.packets = 1 << 20,
		.settle_seconds = 5,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take(option, &options);
	if (!options.program || !options.rounds || !options.packets) {
		fputs(usage, stderr);
		return 2;
	}
	if (options.interface)
		attach(&options);
	else
		measure(&options);
	return 0;
}
