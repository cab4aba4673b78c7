/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan being made. For quota_plan*.c only. */
#ifndef QUOTA_PLAN_PARTS_H
#define QUOTA_PLAN_PARTS_H

#include "quota/quota_plan.h"

struct making {
	struct quota_plan *plan;
	const struct quota_source *source;
	struct arena_list tiers; /* const char *: names that limits and exemptions use */
	bool failed;		 /* no memory */
};

/* Number all tiers that the policy's limits and exemptions name. */
void quota_plan_tiers(struct making *making);

/* A set of them; NULL where there are no names. */
const uint64_t *quota_plan_tier_set(struct making *making, const struct http_names *names);

/* Limits in force together on route (NULL: everywhere). is_bounded: something bounds what comes from one address. */
struct quota_list quota_plan_list(struct making *making, const struct http_limits *limits,
				  const struct http_route *route, bool is_bounded);

/* Whether one of them holds everything that comes from one address within bounds. */
bool quota_plan_bounds_address(const struct http_limits *limits);

/* text, kept in the plan's arena; it is then empty. */
struct bytes quota_plan_keep(struct making *making, struct buffer *text);

#endif
