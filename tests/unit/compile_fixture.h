/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies compiled one after the other, as one agent does in its life. */
#ifndef TESTS_COMPILE_FIXTURE_H
#define TESTS_COMPILE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/duration.h"
#include "policies.h"
#include "policy/compile.h"

#define TICK_NS 4000000 /* 250 Hz */

/* One agent's life: policies compiled one after the other. */
struct world {
	struct numbering *numbering;
	struct compiled compiled;
	uint32_t generation;
};

static inline int make_world(void **state)
{
	static struct world world;

	world = (struct world){0};
	*state = &world;
	return numbering_new(&world.numbering);
}

static inline int end_world(void **state)
{
	struct world *world = *state;

	compiled_free(&world->compiled);
	numbering_free(world->numbering);
	return 0;
}

/* Compile text as the given generation. */
static const struct sl_policy *compile_as(struct world *world, uint32_t generation,
					  const char *text)
{
	struct policy *policy = policy_of(text);

	compiled_free(&world->compiled);
	assert_int_equal(
		policy_compile(policy, generation, TICK_NS, world->numbering, &world->compiled), 0);
	policy_free(policy);
	world->generation = generation;
	return world->compiled.policy;
}

static const struct sl_policy *compile(struct world *world, const char *text)
{
	return compile_as(world, world->generation + 1, text);
}

static const struct sl_policy *compile_sources(struct world *world, const char *sources)
{
	char text[1024];

	snprintf(text, sizeof(text), MINIMAL "sources:\n%s", sources);
	return compile(world, text);
}

static inline struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(bytes_of(text), &prefix, NULL), PREFIX_OK);
	return prefix;
}

static inline struct sl_rule rule_of(const struct world *world, const char *text)
{
	struct prefix prefix = prefix_of(text);

	for (size_t i = 0; i < world->compiled.rule_count; i++)
		if (!prefix_compare(&world->compiled.rules[i].prefix, &prefix))
			return world->compiled.rules[i].rule;
	fail_msg("no entry %s", text);
	return (struct sl_rule){0};
}

static inline uint32_t id_of(const struct world *world, const char *text)
{
	struct prefix prefix = prefix_of(text);

	return numbering_rule(world->numbering, &prefix);
}

#endif
