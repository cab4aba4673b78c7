/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of API keys that a policy names, read and found good. */
#ifndef HTTP_KEYS_H
#define HTTP_KEYS_H

#include "base/buffer.h"
#include "policy/http_policy.h"

/*
 * Read it into text, whose bounds are set here; empty where the policy names none. Returns 0; or -errno
 * (-EINVAL: a line is broken) and what is wrong, with its place in the file, in error.
 */
int http_keys_read(const struct http_policy *http, struct buffer *text, struct buffer *error);

#endif
