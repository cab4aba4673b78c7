/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the policy's prefixes are longer than a source, the source is split: parts of it have tiers of
 * their own. The datapath learns of it from an entry at the source's own length, which is added where
 * the policy has none (SL_RULE_SPLIT). Pure.
 */
#ifndef POLICY_SPLIT_H
#define POLICY_SPLIT_H

#include "policy/policy.h"

/* Bits of a source of this family. */
uint8_t split_bits(const struct policy *policy, uint8_t family);

/* The source that policy->sources[i] splits. Returns false if it splits none, or the one before did. */
bool split_source(const struct policy *policy, size_t i, struct prefix *ret_source);

/* Entries that the tries of a policy need at most, added ones included. Sources are sorted. */
struct trie_sizes {
	size_t ipv4;
	size_t ipv6;
};
struct trie_sizes trie_sizes(const struct policy *policy);

#endif
