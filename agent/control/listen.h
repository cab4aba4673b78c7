/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets that listen, and the sentences for why one does not. */
#ifndef CONTROL_LISTEN_H
#define CONTROL_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#define LISTEN_ERROR_MAX 256

/*
 * A listening Unix socket at path: mode 0660, the given group. A stale one is replaced; the last directory of path is made
 * (0755). Non-blocking. Returns 0 and *ret_fd; -EADDRINUSE where somebody answers; else -errno.
 */
int listen_unix(const char *path, gid_t group, int *ret_fd, char error[static LISTEN_ERROR_MAX]);

/* A listening TCP socket at "ADDRESS:PORT" or "[ADDRESS]:PORT", numeric. Non-blocking. As above. */
int listen_tcp(const char *address, int *ret_fd, char error[static LISTEN_ERROR_MAX]);

/* A connected Unix socket, blocking, with time-outs of a few seconds. Returns 0 and *ret_fd, or -errno. */
int connect_unix(const char *path, int *ret_fd);

#endif
