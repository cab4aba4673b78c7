/* SPDX-License-Identifier: BSD-2-Clause */
/* Tiers by number: those that limits and exemptions name. */
#include "quota/quota_plan_parts.h"

static uint16_t find_tier(const struct making *making, const char *name)
{
	const char *const *at = making->tiers.at;

	for (size_t i = 0; i < making->tiers.count; i++)
		if (!strcmp(at[i], name))
			return (uint16_t)i;
	return QUOTA_TIER_NONE;
}

static void collect_tiers(struct making *making, const struct http_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char **slot;

		if (find_tier(making, names->at[i]) != QUOTA_TIER_NONE)
			continue;
		slot = arena_list_add(making->plan->arena, &making->tiers, sizeof(*slot));
		if (slot)
			*slot = names->at[i];
		making->failed |= !slot;
	}
}

static void collect_tiers_of(struct making *making, const struct http_limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		collect_tiers(making, &limits->at[i].how.tiers);
}

static uint16_t tier_called(const struct making *making, const struct policy *policy, uint8_t tier)
{
	/* allow and deny are no tiers, whatever one may be called. */
	return tier < policy->tier_count ? find_tier(making, policy->tiers[tier].name)
					 : QUOTA_TIER_NONE;
}

static void number_tiers(struct making *making)
{
	const struct policy *policy = making->source->policy;
	const struct key_file *keys = making->source->keys;
	struct quota_plan *plan = making->plan;
	uint32_t count = keys ? key_file_tier_count(keys) : 0;

	plan->tier_words = (making->tiers.count + 63) / 64;
	for (unsigned i = 0; i <= UINT8_MAX; i++)
		plan->tier_of_policy[i] = tier_called(making, policy, (uint8_t)i);
	plan->tier_default = tier_called(making, policy, policy->default_tier);
	plan->tier_of_key = arena_take(plan->arena, (count + 1) * sizeof(*plan->tier_of_key));
	making->failed |= !plan->tier_of_key;
	for (uint32_t i = 0; !making->failed && i < count; i++)
		plan->tier_of_key[i] = find_tier(making, key_file_tier_name(keys, i));
}

const uint64_t *quota_plan_tier_set(struct making *making, const struct http_names *names)
{
	uint64_t *set;

	if (!names->count)
		return NULL;
	set = arena_take(making->plan->arena, making->plan->tier_words * sizeof(*set));
	making->failed |= !set;
	for (size_t i = 0; set && i < names->count; i++) {
		uint16_t tier = find_tier(making, names->at[i]);

		set[tier / 64] |= 1ull << tier % 64;
	}
	return set;
}

void quota_plan_tiers(struct making *making)
{
	const struct http_policy *http = making->plan->http;

	collect_tiers_of(making, &http->global_limits);
	collect_tiers_of(making, &http->other.limits);
	for (size_t i = 0; i < http->route_count; i++) {
		collect_tiers_of(making, &http->routes[i].limits);
		collect_tiers(making, &http->routes[i].exempt_tiers);
	}
	if (!making->failed)
		number_tiers(making);
}
