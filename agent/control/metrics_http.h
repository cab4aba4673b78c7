/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP plane's part of the metrics. Pure.
 *
 * What the child told is taken for what it says of things known here: counters by name, servers of the policy, reasons
 * of tables. No word of it becomes a label.
 */
#ifndef CONTROL_METRICS_HTTP_H
#define CONTROL_METRICS_HTTP_H

#include <jansson.h>

#include "base/buffer.h"
#include "control/agent.h"
#include "policy/http_policy.h"

struct metrics_http {
	const struct http_policy *policy;
	struct agent_http_state state;
	const json_t *told; /* NULL: the child does not answer; then only its state is known */
};

/* Add all families of the HTTP plane to out, in the text format of Prometheus. */
void metrics_http_write(const struct metrics_http *http, struct buffer *out);

#endif
