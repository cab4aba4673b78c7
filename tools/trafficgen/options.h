/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of trafficgen. */
#ifndef TRAFFICGEN_OPTIONS_H
#define TRAFFICGEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "template.h"

struct options {
	const char *netns; /* name under /run/netns; NULL: the present one */
	const char *interface;
	struct template_flow flow; /* src_mac is left to the interface */
	uint32_t sources;	   /* 0: ever new */
	uint8_t bits;		   /* how many bits of the source change where it is ever new */
	uint64_t rate;		   /* frames per second; 0: as many as go */
	uint64_t duration_ns;
};

/*
 * Parse argv. Returns 0 and *ret_options, or -EINVAL after one line on standard error that names the
 * argument. --help prints the usage and exits.
 */
int options_parse(int argc, char **argv, struct options *ret_options);

#endif
