/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prometheus' text format, version 0.0.4, of counters that somebody else has read. Pure.
 *
 * Labels are bounded by the policy (interfaces, tiers), by tables of the ABI (reasons, faults), or by the number of
 * sources given: nothing a stranger sends makes a label but his own address among the first few.
 */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buffer.h"
#include "control/overview.h"

#define METRICS_TYPE	 "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TEXT_MAX (64u << 20) /* bytes */

struct metrics_http;

struct metrics_source {
	char source[PREFIX_TEXT_MAX];
	const char *tier;
	struct sl_tally tally;
};

struct metrics {
	const char *version;
	enum agent_state state;
	uint64_t started_unix_ns;
	uint64_t loaded_unix_ns;
	uint64_t generation;
	uint64_t reloads;
	uint64_t failed_reloads;
	uint64_t events[SL_EVENT_COUNT];
	uint64_t bans_in_force;
	const struct overview *overview;
	const struct metrics_source *sources; /* the first few, heaviest first */
	size_t source_count;
	const struct metrics_http *http; /* NULL: the policy has no HTTP plane */
};

/* Append every family to out; out->error tells of failure. */
void metrics_write(const struct metrics *metrics, struct buffer *out);

#endif
