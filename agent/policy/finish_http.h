/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of reading `http`: limits get what they inherit (finish_limits.c), the rest is in finish_http.c; what
 * is said of upstreams alone in warn_upstreams.c.
 */
#ifndef POLICY_FINISH_HTTP_H
#define POLICY_FINISH_HTTP_H

#include "policy/parse_http.h"

/* http->limits and http->global_limits. */
void finish_default_limits(struct reading *r);

/* Warns of upstreams that are one of our listeners, or whose health checks contradict each other. */
void finish_warn_upstreams(struct reading *r);

/* http->identity_headers and identity_cookies, when routes and limits are complete. */
void finish_identities(struct reading *r);

/* Those in force on route: own (of struct http_limit), or the defaults, or both. route->how is complete. */
void finish_route_limits(struct reading *r, const struct arena_list *own, struct http_route *route);

#endif
