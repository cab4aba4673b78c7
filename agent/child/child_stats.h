/* SPDX-License-Identifier: BSD-2-Clause */
/* What the HTTP plane counts, as the JSON that the parent reads for `sluice status` and /metrics. */
#ifndef CHILD_STATS_H
#define CHILD_STATS_H

#include "base/buffer.h"
#include "http/http.h"

/*
 * {"counters": {NAME: N, ...}, "connections": N, "refused": {REASON: N, ...}, "memory": N,
 *  "upstream_time": {"ms": [BOUND, ...], "count": [N, ...], "sum_ns": N},
 *  "servers": [{"name": TEXT, "outstanding": N, "down": BOOL, "ejected": BOOL}, ...]}
 */
void child_stats_write(struct http *http, struct buffer *out);

#endif
