/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of the policy (policy/http_limit.h) as the limiter's plain numbers (limit/spec.h), and how
 * large the table of counts has to be for them. Pure.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include "limit/limit_table.h"
#include "policy/http_policy.h"

/* The numbers of a limit whose inheritance is resolved. */
struct limit_spec quota_spec(const struct http_limit *limit);

/*
 * Bytes of the largest state that a limit of the policy needs; never less than those of a sliding
 * window, so that a reload may bring one.
 */
uint64_t quota_state_bytes(const struct http_policy *http);

#endif
