/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans that the HTTP plane asks for. Its process parses what strangers send, and may have been taken over: its word is
 * judged here again, by what the policy and the host are, and within a budget. An ask that is not granted costs
 * the packet plane nothing, one that is a write to a map.
 *
 * How long: `escalate` in the policy, doubled for each strike that the source's entry in the ban map has already.
 * One thread, that of the loop.
 */
#ifndef CONTROL_ESCALATION_H
#define CONTROL_ESCALATION_H

#include "control/agent.h"

#define ESCALATIONS_PER_SECOND \
	100 /* asks that are looked at; a plane that is itself asks for half as many */

/* Sources that offended and were not banned: events told in a second, so that they never crowd out the others. */
#define ESCALATION_OTHERS_TOLD 10

/* What became of an ask, as X(NAME, label, help). */
#define ESCALATION_RESULTS(X)                                                               \
	X(BANNED, "banned", "the source was banned")                                        \
	X(STANDING, "standing", "a ban of the source was in force already")                 \
	X(ALLOWED, "allowed", "an allow entry covers the source")                           \
	X(SPARED, "spared", "a trusted proxy, an upstream or an address of this host")      \
	X(OVER_BUDGET, "over_budget", "more were asked for in a second than are looked at") \
	X(FULL, "full", "half of the ban table is in use")                                  \
	X(FAILED, "failed", "the kernel refused")                                           \
	X(UNWANTED, "unwanted", "no packet plane, or `escalate` is not in the policy")

enum escalation_result {
#define X(name, label, help) ESCALATION_##name,
	ESCALATION_RESULTS(X)
#undef X
		ESCALATION_RESULT_COUNT
};

const char *escalation_label(enum escalation_result result);

struct escalation {
	struct agent *agent;
	/* What is to be spared beside what http_policy_spares() says: names of servers, addresses of the host. */
	bool (*spares)(void *context, const struct prefix *source);
	void *context;

	uint64_t second; /* in which asks are counted */
	unsigned asked;	 /* in this second */
	unsigned others; /* told of in this second though they were not banned */
	uint64_t lost;	 /* beyond the budget, since the last word about it */
	uint64_t warned; /* the last second in which a failure was logged */
	uint64_t results[ESCALATION_RESULT_COUNT];
};

struct offender {
	struct prefix address;	 /* whole, or its source's first one */
	enum sl_event_kind kind; /* SL_EVENT_REFUSED, MALFORMED or SLOW */
	uint32_t strikes;	 /* how many it took; told to people, and nothing else */
};

/* Judge one ask at now_ns; what it leads to is in the journal and the log. */
enum escalation_result escalation_take(struct escalation *escalation,
				       const struct offender *offender, uint64_t now_ns);

#endif
