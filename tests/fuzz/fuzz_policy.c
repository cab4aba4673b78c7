/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a policy: refused with a place, or good; and what is good prints to a text that means the
 * same, compiles, and is found again by its prefixes.
 *
 *   clang -fsanitize=fuzzer,address,undefined
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "policy/compile.h"
#include "policy/policy.h"
#include "policy/report.h"

#define TEXT_MAX (16 << 20)
#define TICK_NS	 4000000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A fuzzer's assert is there in every build. */
static void require(bool is_true)
{
	if (!is_true)
		abort();
}

static void print_and_read_back(const struct policy *policy)
{
	static struct policy_problems problems;
	auto_buffer struct buffer text = buffer_new(TEXT_MAX), changes = buffer_new(TEXT_MAX);
	struct policy *again = NULL;

	problems = (struct policy_problems){.count = 0};
	policy_print(policy, &text);
	require(!text.error);
	require(!policy_parse((struct bytes){text.at, text.len}, &problems, &again));
	require(!policy_diff(policy, again, &changes));
	policy_report(again, &changes);
	policy_free(again);
}

static void compile_and_find(const struct policy *policy)
{
	struct numbering *numbering;
	struct compiled compiled;

	require(!numbering_new(&numbering));
	require(!policy_compile(policy, 1, TICK_NS, numbering, &compiled));
	for (size_t i = 0; i < policy->source_count; i++) {
		const struct prefix *prefix = &policy->sources[i].prefix;

		require(policy_find_source(policy, prefix) == &policy->sources[i]);
		require(numbering_rule(numbering, prefix) != 0);
	}
	for (size_t i = 1; i < compiled.rule_count; i++)
		require(prefix_compare(&compiled.rules[i - 1].prefix, &compiled.rules[i].prefix) <
			0);
	compiled_free(&compiled);
	numbering_free(numbering);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct policy_problems problems;
	auto_buffer struct buffer told = buffer_new(TEXT_MAX);
	struct policy *policy = NULL;

	problems = (struct policy_problems){.count = 0};
	if (policy_parse((struct bytes){(const char *)bytes, len}, &problems, &policy)) {
		require(problems.errors > 0);
		policy_problems_format(&problems, "fuzz", &told);
		require(!told.error);
		return 0;
	}
	require(!problems.errors);
	print_and_read_back(policy);
	compile_and_find(policy);
	policy_free(policy);
	return 0;
}
