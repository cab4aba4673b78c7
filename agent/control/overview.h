/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counters of the whole packet plane at one moment, for status and metrics alike. Without a packet plane
 * all of it is zero and empty.
 */
#ifndef CONTROL_OVERVIEW_H
#define CONTROL_OVERVIEW_H

#include <stddef.h>
#include <stdint.h>

#include "control/agent.h"

struct overview_tier {
	const char *name; /* the policy's, until the next load */
	struct sl_tally tally;
};

struct overview {
	struct interface_status *interfaces;
	size_t interface_count;
	struct overview_tier *tiers; /* those of the policy in force, then allow and deny */
	size_t tier_count;
	struct datapath_fill fill;
	uint64_t faults[SL_FAULT_COUNT];
};

/*
 * Read everything. Returns 0 and *ret_overview, released with overview_free(), which takes a zeroed one too;
 * or -ENOMEM.
 */
int overview_read(const struct agent *agent, uint64_t now_ns, struct overview *ret_overview);
void overview_free(struct overview *overview);
#define auto_overview __attribute__((cleanup(overview_free)))

/* The sum of the reasons of one verdict, SL_VERDICT_COUNT: of all. */
struct sl_count overview_sum(const struct sl_count reasons[static SL_REASON_COUNT],
			     enum sl_verdict verdict);
/* One reason over all interfaces. */
struct sl_count overview_reason(const struct overview *overview, enum sl_reason reason);

/* What abi.h says of a number, and how metrics and answers call it. The text is constant. */
enum sl_verdict overview_verdict(enum sl_reason reason);
const char *overview_verdict_label(enum sl_verdict verdict); /* "pass", "flag", "drop" */
const char *overview_reason_label(enum sl_reason reason);
const char *overview_fault_label(enum sl_fault fault);
const char *overview_mode_label(enum attach_mode mode);
const char *overview_event_label(enum sl_event_kind kind);

#endif
