/* SPDX-License-Identifier: BSD-2-Clause */
/* What changes under `http`, key by key; the order of routes means nothing. */
#ifndef POLICY_DIFF_HTTP_H
#define POLICY_DIFF_HTTP_H

#include "policy/http_policy.h"

/* One key, "http.timeouts.head" or "http.routes GET /users"; before and after are "" where there is none. */
typedef void http_change_fn(void *context, const char *key, const char *before, const char *after);

/* Call change() for each key that differs. Either may be NULL. Returns 0 or -ENOMEM. */
int http_diff(const struct http_policy *before, const struct http_policy *after,
	      http_change_fn *change, void *context);

#endif
