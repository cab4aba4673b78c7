/* SPDX-License-Identifier: BSD-2-Clause */
/* What a limit's counts are known by. Pure: the same numbers in every process and version. */
#ifndef QUOTA_SCOPE_H
#define QUOTA_SCOPE_H

#include "policy/http_policy.h"

/* Of a limit in force on route (NULL: of global_limits). Never 0. */
uint64_t quota_scope_of(const struct http_limit *limit, const struct http_route *route);

/*
 * The same for one of several on a request that agree in all that makes a scope: all but the smallest have their
 * N in it as well.
 */
uint64_t quota_scope_with_count(uint64_t scope, const struct http_limit *limit);

/* Of a route's requests in flight, and of a source's budget of new identities. */
uint64_t quota_scope_of_concurrency(const struct http_route *route);
uint64_t quota_scope_of_identities(void);

#endif
