/* SPDX-License-Identifier: BSD-2-Clause */
/* Collecting what is wrong with a policy. The struct and its text are in policy.h. */
#ifndef POLICY_PROBLEMS_H
#define POLICY_PROBLEMS_H

#include "policy/policy.h"

/*
 * Add a problem, in the order of places. Where there are too many the first in the file are kept, errors
 * before warnings; all are counted.
 */
void problems_add(struct policy_problems *problems, struct place place, bool is_warning,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether an error at place would only be counted: its text need not be made. */
bool problems_full(const struct policy_problems *problems, struct place place);

#endif
