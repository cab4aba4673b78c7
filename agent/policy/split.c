/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/split.h"

uint8_t split_bits(const struct policy *policy, uint8_t family)
{
	return family == ADDRESS_IPV4 ? policy->source_bits.ipv4 : policy->source_bits.ipv6;
}

/* In their order all that lies inside one source stands together: the one before tells. */
bool split_source(const struct policy *policy, size_t i, struct prefix *ret_source)
{
	const struct prefix *prefix = &policy->sources[i].prefix;
	uint8_t bits = split_bits(policy, prefix->family);
	struct prefix source = prefix_cut(prefix, bits);

	if (prefix->bits <= bits)
		return false;
	if (i && prefix_covers(&source, &policy->sources[i - 1].prefix))
		return false;
	*ret_source = source;
	return true;
}

struct trie_sizes trie_sizes(const struct policy *policy)
{
	struct trie_sizes sizes = {0};
	struct prefix source;

	for (size_t i = 0; i < policy->source_count; i++) {
		size_t entries = 1 + split_source(policy, i, &source);

		if (policy->sources[i].prefix.family == ADDRESS_IPV4)
			sizes.ipv4 += entries;
		else
			sizes.ipv6 += entries;
	}
	return sizes;
}
