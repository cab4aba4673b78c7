/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP child's place in the system: a user of its own, no capabilities, no way back, and as many files as
 * its connections need. What only root can do is done if the process is root, and else left out.
 */
#ifndef CHILD_CONFINE_H
#define CHILD_CONFINE_H

#include "policy/http_policy.h"

#define CONFINE_ERROR_MAX 256

/*
 * Serve fewer connections than the policy's max where the limit on open files does not allow so many, and say so: each
 * takes a client's and an upstream's. Returns 0, or -EMFILE and why in error where hardly any are left.
 */
int confine_fit_connections(struct http_policy *http, char error[static CONFINE_ERROR_MAX]);

/*
 * Raise the limit on files, become the user, give up everything, and never gain again. From here on only
 * seccomp_confine() is missing. Returns 0, or -errno and why in error; the process is then to end.
 */
int confine_process(const struct http_policy *http, char error[static CONFINE_ERROR_MAX]);

#endif
