/* SPDX-License-Identifier: BSD-2-Clause */
/* One reading of both clocks, so that an answer tells of one instant. */
#ifndef CONTROL_MOMENT_H
#define CONTROL_MOMENT_H

#include <stdint.h>

struct moment {
	uint64_t now_ns;	 /* CLOCK_MONOTONIC */
	uint64_t unix_offset_ns; /* what to add to a monotonic instant to get wall clock time */
};

#endif
