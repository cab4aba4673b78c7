/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits of a policy as requests meet them, made once: for each route those in force on it, with all that a
 * decision and its answer need ready to use.
 *
 * A limit's counts are known by its scope, a number made of what it counts (route, shared name, or everything),
 * whom (the parts of its key), its window and its strategy; never of its place in the policy nor, where nothing
 * else tells two of one route apart, of its N. So counts go on over a reload that changes other things.
 *
 * Never changes once made; any thread may read it.
 */
#ifndef QUOTA_PLAN_H
#define QUOTA_PLAN_H

#include "quota/quota.h"
#include "policy/arena.h"
#include "policy/key_file.h"

#define QUOTA_TIER_NONE UINT16_MAX

/* What one limit has done, over all threads, and over reloads that keep its names. */
struct quota_counter {
	_Atomic uint32_t refs;
	uint32_t threads;
	char *route; /* as in struct http_limit_count */
	char *limit;
	struct quota_counts {
		uint64_t allowed;
		uint64_t refused;
		uint64_t dry_run_refused;
		uint64_t
			zero[5]; /* a cache line for each thread: no other one's counts lie in it */
	} of[];			 /* by thread, which alone writes it */
};

struct quota {
	struct limit_spec spec;
	const struct http_limit *limit;
	uint64_t scope;
	const uint64_t *tiers; /* a bit for each tier it is for; NULL: for all clients */
	struct bytes item;     /* as in struct limit_shown */
	struct bytes policy_item;
	struct quota_counter *counter;
	bool reads_key;	 /* its identity has an API key in it */
	bool is_paired;	 /* unverified identities are charged to their source as well */
	bool may_invent; /* it has identities that a stranger can make up */
};

struct quota_list {
	const struct quota *at;
	size_t count;
};

struct quota_route {
	const struct http_route *policy;
	struct quota_list own;
	bool is_limited; /* there is anything to do for its requests */
	bool has_turns;	 /* they pass a turnstile: it bounds those in flight, or has some wait */
	bool needs_tier;
	bool may_invent;
	uint16_t judged_max;	      /* limits that may be in force on one request */
	uint16_t held_max;	      /* and entries that may be held for it */
	const uint64_t *exempt_tiers; /* bits; NULL: none */
	uint64_t scope;		      /* of its concurrency and its queue */
	struct bytes
		refusal; /* the head of on_limit's answer up to what differs from one to the next */
};

struct quota_plan {
	struct arena *arena;
	const struct policy *policy;
	const struct http_policy *http;
	const struct key_file *keys;
	struct quota_route *routes; /* by number; the one for what matches no other is last */
	size_t route_count;
	struct quota_list global;
	size_t tier_words; /* of 64 bits, in a set of tiers */
	uint16_t tier_of_policy[UINT8_MAX + 1];
	uint16_t *tier_of_key;	     /* by the key file's number of it */
	uint16_t tier_default;	     /* of addresses that no prefix of the policy covers */
	const struct quota **sorted; /* all of them, by scope; of equal ones any may be found */
	size_t count;
	struct quota_counter **counters; /* by route and limit */
	size_t counter_count;
	unsigned families; /* enum limit_family that answers have */
};

/*
 * Make the plan for policy and keys (NULL: none), which it goes on reading. Counters are taken over from before
 * (NULL: there is none). Returns 0 and *ret_plan; -ENOMEM.
 */
struct quota_source {
	const struct policy *policy;
	const struct key_file *keys;
	const struct quota_plan *before;
	uint32_t threads;
};
int quota_plan_new(const struct quota_source *source, struct quota_plan **ret_plan);
void quota_plan_free(struct quota_plan *plan); /* NULL is fine */

/* The limit whose counts have this scope, or NULL. */
const struct quota *quota_plan_find(const struct quota_plan *plan, uint64_t scope);

#endif
