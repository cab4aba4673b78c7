/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands under `http`, key by key, as text: policy_print() makes YAML of it, policy_diff() compares it.
 * Every value is YAML in flow style, in one line.
 */
#ifndef POLICY_PRINT_HTTP_H
#define POLICY_PRINT_HTTP_H

#include "base/buffer.h"
#include "policy/http_policy.h"

/*
 * Called in the file's order. section: "" for what stands directly under http, else "timeouts", "upstreams",
 * "routes" and so on; name: the key there, for routes the pattern. value is never empty.
 */
typedef void http_key_fn(void *context, const char *section, const char *name, const char *value);

/* Tell all of http, defaults written out; of upstreams and routes what is not the default. Returns 0 or -ENOMEM. */
int http_print_each(const struct http_policy *http, http_key_fn *key, void *context);

/* The same as YAML, indented below `http:`. */
void http_print(const struct http_policy *http, struct buffer *out);

#endif
