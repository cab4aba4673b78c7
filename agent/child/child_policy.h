/* SPDX-License-Identifier: BSD-2-Clause */
/* A policy as the child is given it, its text in a sealed file; and whether this process can serve it. */
#ifndef CHILD_POLICY_H
#define CHILD_POLICY_H

#include "base/buffer.h"
#include "policy/key_file.h"
#include "policy/policy.h"

/*
 * Read and parse the text in fd, which stays the caller's. Returns 0 and a policy that has http, freed with
 * policy_free(); -EINVAL and what is wrong in error; -errno.
 */
int child_policy_read(int fd, struct policy **ret_policy, struct buffer *error);

/*
 * Whether this process can serve http: the first time, before the first word that all is well, it is confined (what is
 * parsed later is parsed confined); each time http is fitted to the files it may open. Returns 0, or -errno and why
 * in error.
 */
int child_policy_admit(struct http_policy *http, bool *is_confined, struct buffer *error);

/* The API keys, likewise: freed with key_file_free(). */
int child_keys_read(int fd, struct key_file **ret_keys, struct buffer *error);

#endif
