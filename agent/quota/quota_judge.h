/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One request and all limits in force on it: whether it is let in, what its answer says of them, and what is held
 * until its status is known. Knows the plan and the table; knows no connection, thread or clock.
 */
#ifndef QUOTA_JUDGE_H
#define QUOTA_JUDGE_H

#include "quota/quota_key.h"
#include "limit/limit_fields.h"

#define QUOTA_LIMITS_MAX HTTP_LIMITS_MAX

/* In which max.identities_per_source are counted. */
#define QUOTA_IDENTITIES_WINDOW_NS 60000000000ull

enum quota_verdict {
	QUOTA_FREE, /* no limit holds for it */
	QUOTA_LET_IN,
	QUOTA_REFUSED, /* by a limit, or because the table has no room for it, or its source invents too much */
	QUOTA_LATER, /* nothing was charged: ask again in later_ns, or when a request of its client ends */
};

struct quota_judged {
	const struct quota *quota;
	struct limit_view view;
	bool refuses;
};

/* Charged, but not counted yet. */
struct quota_held {
	const struct quota *quota;
	struct quota_key key; /* of the entry, whichever it is */
	uint32_t set;
	bool is_shared;
	uint16_t judged; /* index: whose view changes when it is settled */
};

struct quota_result {
	uint16_t count;
	uint16_t held_count;
	bool has_no_room; /* refused for that */
	bool invents;	  /* refused for that: too many new identities from its source */
	bool is_crowded;  /* refused by who judges nothing here: too many in flight (limiting.c) */
	uint64_t invents_wait_ns;
	uint64_t later_ns; /* of QUOTA_LATER */
	uint64_t now_ns;   /* of the views: table time */
	/* The caller's memory: as many as the route may need (judged_max, held_max). */
	struct quota_judged *judged;
	struct quota_held *held;
	/*
	 * Refused, and one of the limits that refused counts this client's address and nothing else: not what he says
	 * of himself, not a key, not his neighbours with him, not under a name that others' limits share.
	 */
	bool is_own_fault;
};

struct quota_request {
	const struct quota_plan *plan;
	const struct quota_route *route;
	struct quota_client client;
	struct limit_table *table;
	uint32_t thread;      /* whose counters count it */
	uint64_t now_ns;      /* CLOCK_MONOTONIC */
	uint64_t patience_ns; /* it can wait so long to be let in; 0: not at all */
};

/* Whether the route says that no limit holds for this client. */
bool quota_is_exempt(struct quota_request *request);

/* Of one that is not exempt: judge and charge. *ret_result is set but where QUOTA_FREE comes back. */
enum quota_verdict quota_judge(struct quota_request *request, struct quota_result *ret_result);

/*
 * The status of the answer is known (0: there was none, but one may have been produced; QUOTA_NO_ANSWER: none
 * was): what is held counts, or is given back. The views become those after that. Nothing is held any more.
 */
#define QUOTA_NO_ANSWER 1
void quota_settle(struct limit_table *table, struct quota_result *result, unsigned status,
		  uint64_t now_ns);

/* For the fields of an answer: what is judged, at most QUOTA_LIMITS_MAX, in out. Returns how many. */
unsigned quota_show(const struct quota_plan *plan, const struct quota_result *result,
		    struct limit_shown *out);

#endif
