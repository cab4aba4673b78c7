/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet comes next: the sources that a measurement sends from, the same for the programs below
 * and for whoever bans them beforehand.
 */
#ifndef BENCH_STEP_H
#define BENCH_STEP_H

#include <linux/types.h>

#define BENCH_FIRST_SOURCE 0x10000000u /* 16.0.0.0; the ever-new ones fill 16.0.0.0/4 */
#define BENCH_EVER_NEW	   0x0fffffffu /* mask: more sources than packets are sent in any row */
#define BENCH_LAST_SOURCE  (BENCH_FIRST_SOURCE + BENCH_EVER_NEW)

/*
 * In host order. Ever new: multiplying by an odd number visits each once, in no order a prefetcher guesses.
 * Otherwise at random among mask + 1 (a power of two), as real senders come: in a fixed order a table
 * that is too small would forget each just before it returns. The constants are those of Chris Wellons'
 * lowbias32.
 */
static inline __attribute__((always_inline)) __u32 bench_source(__u32 step, __u32 mask)
{
	if (mask == BENCH_EVER_NEW)
		return BENCH_FIRST_SOURCE + (step * 2654435769u & mask);

	step = (step ^ step >> 16) * 0x7feb352du;
	step = (step ^ step >> 15) * 0x846ca68bu;
	return BENCH_FIRST_SOURCE + ((step ^ step >> 16) & mask);
}

#endif
