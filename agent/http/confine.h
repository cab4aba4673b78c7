/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP child's place in the system: a user of its own, no capabilities, no way back, and as many files as
 * its connections need. What only root can do is done if the process is root, and else left out.
 */
#ifndef HTTP_CONFINE_H
#define HTTP_CONFINE_H

#include "policy/http_policy.h"

#define CONFINE_ERROR_MAX 256

/* Descriptors that so many connections need: each a client's and an upstream's, and some for everything else. */
uint64_t confine_files_needed(const struct http_policy *http);

/*
 * Raise the limit on files, become the user, give up everything, and never gain again. From here on only
 * seccomp_confine() is missing. Returns 0, or -errno and why in error; the process is then to end.
 */
int confine_process(const struct http_policy *http, char error[static CONFINE_ERROR_MAX]);

#endif
