/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of limits share: a clock's units, a repeatable random trace, specs in one line. */
#ifndef TESTS_UNIT_LIMIT_FIXTURE_H
#define TESTS_UNIT_LIMIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "limit/spec.h"

#define SECOND 1000000000ull
#define START  (1000 * SECOND) /* no test begins at the zero of an empty state */

static inline struct limit_spec spec_of(enum limit_strategy strategy, uint64_t count,
					uint64_t window_ns)
{
	return (struct limit_spec){.count = count,
				   .window_ns = window_ns,
				   .granularity_ns = window_ns,
				   .strategy = strategy};
}

static inline uint64_t random_next(uint64_t *random)
{
	*random = *random * 6364136223846793005ull + 1442695040888963407ull;
	return *random >> 33;
}

#endif
