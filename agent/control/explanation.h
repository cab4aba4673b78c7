/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What would happen now to one packet of 64 bytes from an address to something protected, and why: the datapath's
 * order (allow, prefix, ban, bucket) on what was read from its maps. Pure.
 */
#ifndef CONTROL_EXPLANATION_H
#define CONTROL_EXPLANATION_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/datapath.h"
#include "policy/policy.h"

#define EXPLANATION_PACKET_BYTES 64
#define EXPLANATION_WHY_MAX	 256

struct explanation_input {
	uint64_t now_ns;
	uint64_t unix_offset_ns; /* for times in `why` */
	const struct policy *policy;
	const struct policy_source *rule; /* NULL: the default applies */
	const struct allow *allow;	  /* the runtime allow in force, or NULL */
	const struct ban *ban;		  /* the ban in force, or NULL */
	const struct sl_tier *tier; /* the tier as the datapath reads it; NULL for allow and deny */
	uint64_t owed_ns[SL_KIND_COUNT]; /* by the source; clamped here */
};

struct explained_limit {
	bool is_limited;
	uint64_t tokens; /* whole ones left in the bucket */
	double share;	 /* of the burst that is left, 0 to 1 */
};

struct explanation {
	enum sl_verdict verdict;
	enum sl_reason reason;
	char why[EXPLANATION_WHY_MAX];
	struct explained_limit limits[SL_KIND_COUNT];
};

/* What would happen to a packet now. Charges nothing, changes nothing. */
void explain(const struct explanation_input *input, struct explanation *ret_explanation);

/*
 * Whether one packet of 64 bytes more, with a SYN where connections are limited, would now be above a limit of tier:
 * dropped, flagged, or only counted, as the tier has it.
 */
bool explanation_is_over(const struct policy_tier *tier, const struct sl_tracked *tracked,
			 uint64_t now_ns);

/* "packets", "bytes", "connections". */
const char *explanation_kind(enum sl_kind kind);

#endif
