/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/numbering.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

int numbering_new(struct numbering **ret_numbering)
{
	struct numbering *numbering = calloc(1, sizeof(*numbering));

	if (!numbering)
		return -ENOMEM;
	*ret_numbering = numbering;
	return 0;
}

void numbering_free(struct numbering *numbering)
{
	if (!numbering)
		return;
	free(numbering->rules);
	free(numbering->released);
	free(numbering->by_id);
	free(numbering);
}

void numbering_become(struct numbering *numbering, struct numbering *next)
{
	struct numbering before = *numbering;

	*numbering = *next;
	*next = before;
	numbering_free(next);
}

/* Generations wrap; a number never rests for half of them. */
static bool has_rested(uint32_t since, uint32_t generation)
{
	return (int32_t)(generation - since) >= NUMBERING_REST;
}

/* ---- Tiers ---- */

int numbering_find_tier(const struct numbering *numbering, const char *name)
{
	for (int i = 0; i < SL_TIERS_MAX; i++) {
		const struct tier_number *tier = &numbering->tier[i];

		if ((tier->state == LIVE || tier->state == RESTING) && !strcmp(tier->name, name))
			return i;
	}
	return -ENOENT;
}

static int free_tier(const struct numbering *numbering)
{
	for (int i = 0; i < SL_TIERS_MAX; i++)
		if (numbering->tier[i].state == FREE)
			return i;
	return -ENOSPC;
}

static void age_tier(struct tier_number *tier, const struct policy *policy, uint32_t generation)
{
	if (tier->state == RELEASED && tier->since != generation) {
		*tier = (struct tier_number){.state = FREE};
	} else if (tier->state == RESTING && has_rested(tier->since, generation)) {
		tier->state = RELEASED;
		tier->since = generation;
	} else if (tier->state == LIVE && policy_find_tier(policy, bytes_of(tier->name)) < 0) {
		tier->state = RESTING;
		tier->since = generation;
	}
}

static int assign_tiers(struct numbering *next, const struct policy *policy, uint32_t generation,
			struct numbers *numbers)
{
	for (size_t i = 0; i < policy->tier_count; i++) {
		int number = numbering_find_tier(next, policy->tiers[i].name);

		/* Those who come back do so before rest ends, in this generation too. */
		if (number >= 0)
			next->tier[number].state = LIVE;
	}
	for (size_t i = 0; i < SL_TIERS_MAX; i++)
		age_tier(&next->tier[i], policy, generation);

	for (size_t i = 0; i < policy->tier_count; i++) {
		int number = numbering_find_tier(next, policy->tiers[i].name);

		if (number < 0)
			number = free_tier(next);
		if (number < 0)
			return number;
		strcpy(next->tier[number].name, policy->tiers[i].name);
		next->tier[number].state = LIVE;
		numbers->tier[i] = (uint8_t)number;
	}
	return 0;
}

/* ---- Rules ---- */

/* What of the old rule stays in next when the policy has its prefix no more. */
static void retire(struct numbering *next, const struct rule_number *old, uint32_t generation)
{
	struct rule_number *rule;

	if (old->state == RESTING && has_rested(old->since, generation)) {
		next->released[next->released_count++] = (struct released){old->id, generation};
		return;
	}
	rule = &next->rules[next->rule_count++];
	*rule = *old;
	if (old->state == LIVE) {
		rule->state = RESTING;
		rule->since = generation;
	}
}

/* Merge the old rules with the policy's prefixes; new ones have id 0 until numbers are given out. */
static void merge_rules(struct numbering *next, const struct numbering *before,
			const struct policy *policy, uint32_t generation)
{
	size_t i = 0, j = 0;

	while (i < before->rule_count || j < policy->source_count) {
		int order = 0;

		if (i == before->rule_count)
			order = 1;
		else if (j == policy->source_count)
			order = -1;
		else
			order = prefix_compare(&before->rules[i].prefix,
					       &policy->sources[j].prefix);
		if (order < 0) {
			retire(next, &before->rules[i++], generation);
			continue;
		}
		next->rules[next->rule_count++] = (struct rule_number){
			.prefix = policy->sources[j++].prefix,
			.state = LIVE,
			.id = order ? 0 : before->rules[i++].id,
		};
	}
}

/* Which ids are taken: a bit each. */
static uint64_t *taken_ids(const struct numbering *next, uint32_t highest)
{
	uint64_t *taken = calloc(highest / 64 + 1, sizeof(*taken));

	if (!taken)
		return NULL;
	for (size_t i = 0; i < next->rule_count; i++)
		taken[next->rules[i].id / 64] |= 1ull << next->rules[i].id % 64;
	for (size_t i = 0; i < next->released_count; i++)
		taken[next->released[i].id / 64] |= 1ull << next->released[i].id % 64;
	return taken;
}

/* Ids for the new rules, the lowest free ones. */
static int number_new_rules(struct numbering *next, uint32_t highest_before)
{
	size_t highest = highest_before + next->rule_count;
	auto_free uint64_t *taken = NULL;
	uint32_t id = 1;

	if (highest > SL_RULES_MAX)
		highest = SL_RULES_MAX;
	taken = taken_ids(next, (uint32_t)highest);
	if (!taken)
		return -ENOMEM;

	for (size_t i = 0; i < next->rule_count; i++) {
		struct rule_number *rule = &next->rules[i];

		if (rule->id)
			continue;
		while (id <= highest && taken[id / 64] >> id % 64 & 1)
			id++;
		if (id > highest)
			return -ENOSPC;
		rule->id = id++;
	}
	return 0;
}

int numbering_index(struct numbering *numbering)
{
	numbering->highest_id = 0;
	for (size_t i = 0; i < numbering->rule_count; i++)
		if (numbering->rules[i].id > numbering->highest_id)
			numbering->highest_id = numbering->rules[i].id;
	for (size_t i = 0; i < numbering->released_count; i++)
		if (numbering->released[i].id > numbering->highest_id)
			numbering->highest_id = numbering->released[i].id;

	numbering->by_id = calloc((size_t)numbering->highest_id + 1, sizeof(uint32_t));
	if (!numbering->by_id)
		return -ENOMEM;
	for (size_t i = 0; i < numbering->rule_count; i++)
		numbering->by_id[numbering->rules[i].id] = (uint32_t)i + 1;
	return 0;
}

static int assign_rules(struct numbering *next, const struct numbering *before,
			const struct policy *policy, uint32_t generation, uint32_t *ids)
{
	int err;

	/* One too many: there may be none of either. */
	next->rules = calloc(before->rule_count + policy->source_count + 1, sizeof(*next->rules));
	next->released =
		calloc(before->rule_count + before->released_count + 1, sizeof(*next->released));
	if (!next->rules || !next->released)
		return -ENOMEM;

	/* A second try at the same generation must not hand out what the first released. */
	for (size_t i = 0; i < before->released_count; i++)
		if (before->released[i].since == generation)
			next->released[next->released_count++] = before->released[i];
	merge_rules(next, before, policy, generation);
	err = number_new_rules(next, before->highest_id);
	if (!err)
		err = numbering_index(next);
	if (err)
		return err;

	for (size_t i = 0, j = 0; i < next->rule_count; i++)
		if (next->rules[i].state == LIVE)
			ids[j++] = next->rules[i].id;
	return 0;
}

int numbering_assign(const struct numbering *before, const struct policy *policy,
		     uint32_t generation, struct numbering **ret_next, struct numbers *ret_numbers)
{
	struct numbers numbers = {.rule = calloc(policy->source_count + 1, sizeof(uint32_t))};
	struct numbering *next = calloc(1, sizeof(*next));
	int err = next && numbers.rule ? 0 : -ENOMEM;

	if (!err) {
		memcpy(next->tier, before->tier, sizeof(next->tier));
		err = assign_tiers(next, policy, generation, &numbers);
	}
	if (!err)
		err = assign_rules(next, before, policy, generation, numbers.rule);
	if (err) {
		numbering_free(next);
		free(numbers.rule);
		return err;
	}
	*ret_next = next;
	*ret_numbers = numbers;
	return 0;
}

/* ---- Questions ---- */

int numbering_tier(const struct numbering *numbering, const char *name)
{
	if (!strcmp(name, "allow"))
		return SL_TIER_ALLOW;
	if (!strcmp(name, "deny"))
		return SL_TIER_DENY;
	return numbering_find_tier(numbering, name);
}

const char *numbering_tier_name(const struct numbering *numbering, uint8_t tier)
{
	if (tier == SL_TIER_ALLOW)
		return "allow";
	if (tier == SL_TIER_DENY)
		return "deny";
	if (tier >= SL_TIERS_MAX)
		return NULL;
	if (numbering->tier[tier].state != LIVE && numbering->tier[tier].state != RESTING)
		return NULL;
	return numbering->tier[tier].name;
}

static int compare_rules(const void *key, const void *rule)
{
	return prefix_compare(key, &((const struct rule_number *)rule)->prefix);
}

uint32_t numbering_rule(const struct numbering *numbering, const struct prefix *prefix)
{
	const struct rule_number *rule = NULL;

	if (numbering->rule_count)
		rule = bsearch(prefix, numbering->rules, numbering->rule_count, sizeof(*rule),
			       compare_rules);
	return rule ? rule->id : 0;
}

bool numbering_rule_prefix(const struct numbering *numbering, uint32_t id,
			   struct prefix *ret_prefix)
{
	if (!id || id > numbering->highest_id || !numbering->by_id[id])
		return false;
	*ret_prefix = numbering->rules[numbering->by_id[id] - 1].prefix;
	return true;
}

size_t numbering_released(struct numbering *numbering, uint32_t generation, uint32_t *ids,
			  size_t max)
{
	size_t told = 0, kept = 0;

	for (size_t i = 0; i < numbering->released_count; i++) {
		struct released released = numbering->released[i];

		if (released.since == generation && told < max)
			ids[told++] = released.id;
		else
			numbering->released[kept++] = released;
	}
	numbering->released_count = kept;
	return told;
}

size_t numbering_released_tiers(struct numbering *numbering, uint32_t generation, uint8_t *tiers,
				size_t max)
{
	size_t told = 0;

	for (int i = 0; i < SL_TIERS_MAX && told < max; i++) {
		struct tier_number *tier = &numbering->tier[i];

		if (tier->state != RELEASED || tier->since != generation)
			continue;
		*tier = (struct tier_number){.state = FREE};
		tiers[told++] = (uint8_t)i;
	}
	return told;
}
