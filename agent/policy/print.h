/* SPDX-License-Identifier: BSD-2-Clause */
/* The values of a policy as YAML in one line, as policy_print() writes them and policy_diff() compares them. */
#ifndef POLICY_PRINT_H
#define POLICY_PRINT_H

#include "policy/policy.h"

void print_interfaces(const struct policy *policy, struct buffer *out);
void print_protect(const struct policy *policy,
		   struct buffer *out); /* nothing if it protects nothing */
void print_tier(const struct policy_tier *tier, struct buffer *out);
void print_bans(const struct policy *policy, struct buffer *out); /* nothing without */
void print_flag(const struct policy *policy, struct buffer *out);

/* "drop", "flag", "count" */
const char *print_over(enum sl_over over);

#endif
