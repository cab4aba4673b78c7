/* SPDX-License-Identifier: BSD-2-Clause */
/* The HTTP plane as `sluice status` shows it. */
#ifndef CONTROL_HTTP_STATUS_H
#define CONTROL_HTTP_STATUS_H

#include <jansson.h>

#include "control/agent.h"
#include "control/request.h"

/*
 * How the child does, by its parent's word, and what it counts, by its own; null where the policy has no HTTP plane. What
 * the child says of things the policy does not name is left out. A new reference.
 */
json_t *http_status_json(const struct agent *agent, const struct request *request);

/* The servers told speaks of, by name. A new reference. */
json_t *http_status_servers(const json_t *told);

/* A count the child told: 0 where there is none, or it is negative. */
uint64_t http_status_count(const json_t *object, const char *key);

#endif
