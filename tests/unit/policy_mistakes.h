/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies for tests, from text that must be wrong, and what is told of it. */
#ifndef TESTS_POLICY_MISTAKES_H
#define TESTS_POLICY_MISTAKES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "policies.h"

static struct policy_problems problems; /* of the policy that was read last */

/* Asserts that text is no policy. */
static inline void refuse_bytes(struct bytes text)
{
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	assert_int_equal(policy_parse(text, &problems, &policy), -EINVAL);
	assert_null(policy);
	assert_true(problems.errors > 0);
}

static inline void refuse(const char *text)
{
	refuse_bytes(bytes_of(text));
}

/* Asserts that a problem of exactly this place says so. */
static inline void assert_told(unsigned line, unsigned column, const char *says)
{
	for (size_t i = 0; i < problems.count; i++)
		if (problems.at[i].place.line == line && problems.at[i].place.column == column &&
		    strstr(problems.at[i].text, says))
			return;
	for (size_t i = 0; i < problems.count; i++)
		print_error("%u:%u: %s\n", problems.at[i].place.line, problems.at[i].place.column,
			    problems.at[i].text);
	fail_msg("nobody said at %u:%u: %s", line, column, says);
}

#endif
