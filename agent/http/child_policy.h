/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy as the child is given it: its text in a sealed file. */
#ifndef HTTP_CHILD_POLICY_H
#define HTTP_CHILD_POLICY_H

#include "base/buffer.h"
#include "policy/policy.h"

/*
 * Read and parse the text in fd, which stays the caller's. Returns 0 and a policy that has http, freed with
 * policy_free(); -EINVAL and what is wrong in error; -errno.
 */
int child_policy_read(int fd, struct policy **ret_policy, struct buffer *error);

#endif
