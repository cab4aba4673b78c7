/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of struct numbering (compile.h), for policy_compile().
 *
 * Life of a number:  free -> LIVE -> RESTING -> RELEASED -> free
 *
 * LIVE while the name or prefix is in the policy. RESTING for two generations, in which it returns to its
 * owner if that comes back: packets of the old policy may still count under it, and people still ask for
 * it. RELEASED for one generation, in which its counters are removed.
 */
#ifndef POLICY_NUMBERING_H
#define POLICY_NUMBERING_H

#include "policy/compile.h"

#define NUMBERING_REST 2 /* generations a freed number is not given to another */

enum number_state { FREE, LIVE, RESTING, RELEASED };

struct tier_number {
	char name[POLICY_NAME_MAX + 1];
	uint32_t since; /* generation of the present state, unless LIVE */
	uint32_t state; /* enum number_state */
};

struct rule_number {
	struct prefix prefix;
	uint8_t state; /* LIVE or RESTING */
	uint8_t zero;
	uint32_t id;
	uint32_t since;
};
SL_SIZED(struct rule_number, 28); /* is saved as it stands */

struct released {
	uint32_t id;
	uint32_t since;
};

struct numbering {
	struct tier_number tier[SL_TIERS_MAX];
	struct rule_number *rules; /* sorted by prefix_compare() */
	size_t rule_count;
	struct released *released;
	size_t released_count;
	uint32_t *by_id; /* id -> position in rules + 1; 0: none */
	uint32_t highest_id;
};

/* The numbers of one policy: by index of its tiers and of its sources. */
struct numbers {
	uint8_t tier[SL_TIERS_MAX];
	uint32_t *rule; /* owned */
};

/*
 * Give every tier and prefix of policy its number: the one it has, one it had and that still rests, or a
 * free one. before is not changed; *ret_next is what it becomes, the caller's to numbering_free() or to
 * numbering_become(). Returns 0; -ENOMEM; -ENOSPC.
 */
int numbering_assign(const struct numbering *before, const struct policy *policy,
		     uint32_t generation, struct numbering **ret_next, struct numbers *ret_numbers);

/* Number of a tier's name, LIVE or RESTING; -ENOENT. */
int numbering_find_tier(const struct numbering *numbering, const char *name);

/* Make by_id and highest_id from the rest. Returns 0 or -ENOMEM. */
int numbering_index(struct numbering *numbering);

/* Replace what numbering holds by next, which ends. */
void numbering_become(struct numbering *numbering, struct numbering *next);

#endif
