/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/http_policy.h"

#include <errno.h>
#include <stdlib.h>

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->interface_count; i++)
		free(policy->interfaces[i]);
	free(policy->interfaces);
	for (size_t i = 0; i < SL_PORT_TABLES; i++)
		free(policy->protect.ranges[i]);
	free(policy->tiers);
	free(policy->sources);
	http_policy_free(policy->http);
	free(policy);
}

int policy_find_tier(const struct policy *policy, struct bytes name)
{
	for (size_t i = 0; i < policy->tier_count; i++)
		if (bytes_equal(name, bytes_of(policy->tiers[i].name)))
			return (int)i;
	return -ENOENT;
}

const char *policy_tier_name(const struct policy *policy, uint8_t tier)
{
	if (tier == SL_TIER_ALLOW)
		return "allow";
	if (tier == SL_TIER_DENY)
		return "deny";
	return policy->tiers[tier].name;
}

/* How many of the sources stand at or before key in their order. */
static size_t count_up_to(const struct policy *policy, const struct prefix *key)
{
	size_t low = 0, high = policy->source_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&policy->sources[middle].prefix, key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint8_t common_bits(const struct prefix *a, const struct prefix *b)
{
	uint8_t max = a->bits < b->bits ? a->bits : b->bits;
	uint8_t bits = 0;

	while (bits < max && !((a->byte[bits / 8] ^ b->byte[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	return bits;
}

/*
 * The last entry at or before the address lies inside every entry that covers the address. Either it
 * covers the address itself, or what does is no longer than what the two have in common: look again there.
 */
const struct policy_source *policy_find_source(const struct policy *policy,
					       const struct prefix *address)
{
	struct prefix key = *address;

	for (;;) {
		size_t count = count_up_to(policy, &key);
		const struct policy_source *last;

		if (!count)
			return NULL;
		last = &policy->sources[count - 1];
		if (last->prefix.family != key.family)
			return NULL;
		if (prefix_covers(&last->prefix, &key))
			return last;
		key = prefix_cut(&key, common_bits(&last->prefix, &key));
	}
}
