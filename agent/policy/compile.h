/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct policy -> what the datapath reads: one struct sl_policy and a list of trie entries per family.
 * Pure. Tiers and prefix rules keep their number, and so their counters, while their name or prefix
 * exists; a freed number rests two generations.
 */
#ifndef POLICY_COMPILE_H
#define POLICY_COMPILE_H

#include "policy/policy.h"

/*
 * One entry of a policy trie. Besides the policy's own prefixes: markers at a source's length above longer
 * prefixes, with the number and tier that would apply anyway. SL_RULE_SPLIT is set on both, the marker and
 * the longer prefixes: whichever an address finds, its source has more than one tier.
 */
struct compiled_rule {
	struct prefix prefix;
	struct sl_rule rule;
};

struct compiled {
	struct sl_policy *policy;
	struct compiled_rule *rules; /* sorted by prefix_compare(): IPv4 first */
	size_t rule_count;
	size_t rule4_count; /* of them IPv4 */
	uint64_t longest_burst_ns;
};

/* Which number belongs to which tier name and prefix; grows with what is in force. */
struct numbering;

/* An empty one. Returns 0 or -ENOMEM. Freed with numbering_free(). */
int numbering_new(struct numbering **ret_numbering);
void numbering_free(struct numbering *numbering);

/*
 * Compile policy as generation. tick_ns is that of the coarse clock: a tier whose shortest burst is below
 * 16 ticks gets the fine one. numbering is updated only on success; a policy that is never installed leaves
 * at most unused numbers behind.
 * Returns 0 and *ret_compiled (release with compiled_free()); -ENOMEM; -ENOSPC if numbers run out.
 */
int policy_compile(const struct policy *policy, uint32_t generation, uint64_t tick_ns,
		   struct numbering *numbering, struct compiled *ret_compiled);
void compiled_free(struct compiled *compiled);

/* The number a tier index of policy has in the datapath and back (-ENOENT). SL_TIER_ALLOW, _DENY are themselves. */
int numbering_tier(const struct numbering *numbering, const char *name);
/* The number of a prefix rule, also of one resting; 0 if it has none. */
uint32_t numbering_rule(const struct numbering *numbering, const struct prefix *prefix);
/* Name of a tier number, also of one resting; NULL if unknown. */
const char *numbering_tier_name(const struct numbering *numbering, uint8_t tier);
/* Prefix of a rule number, also of one resting. Returns false if unknown. */
bool numbering_rule_prefix(const struct numbering *numbering, uint32_t id,
			   struct prefix *ret_prefix);
/*
 * Rule numbers whose rest ended with generation: their counters can go. Returns how many were written to
 * ids; each is told once, and given to another prefix by the next generation at the earliest.
 */
size_t numbering_released(struct numbering *numbering, uint32_t generation, uint32_t *ids,
			  size_t max);

/* The same for tiers. */
size_t numbering_released_tiers(struct numbering *numbering, uint32_t generation, uint8_t *tiers,
				size_t max);

/*
 * The numbering as bytes, to be kept with the pinned maps so that the next agent continues it, and back.
 * numbering_load() returns 0, -EINVAL (not one of ours; *ret_numbering left alone), -ENOMEM.
 */
void numbering_save(const struct numbering *numbering, struct buffer *out);
int numbering_load(struct bytes saved, struct numbering **ret_numbering);

#endif
