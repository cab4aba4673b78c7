/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies for tests, from text that must be right. */
#ifndef TESTS_POLICIES_H
#define TESTS_POLICIES_H

#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

/* What a policy needs besides the section under test. */
#define PLANES	 "interfaces: [eth0]\nprotect: {tcp: [80]}\n"
#define TIERS	 "tiers: {public: {packets: 100/second}, partner: {bytes: 1 MB/second}}\n"
#define EVERYONE "default: public\n"
#define MINIMAL	 PLANES TIERS EVERYONE
#define HTTP	 "http: {listen: [\"127.0.0.1:80\"], upstream: [\"127.0.0.1:5000\"]}\n"

/* The policy of text, the caller's to free; prints its problems and aborts if there is none. */
static inline struct policy *policy_of(const char *text)
{
	static struct policy_problems problems;
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	if (!policy_parse(bytes_of(text), &problems, &policy))
		return policy;
	for (size_t i = 0; i < problems.count; i++)
		fprintf(stderr, "%u:%u: %s\n", problems.at[i].place.line,
			problems.at[i].place.column, problems.at[i].text);
	abort();
}

#endif
