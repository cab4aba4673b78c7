/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One message over a Unix socket (SOCK_SEQPACKET) with open files beside it. Knows bytes and descriptors, not what
 * they mean; never waits.
 */
#ifndef BASE_PASSING_H
#define BASE_PASSING_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#define PASSING_FDS_MAX 64 /* with one message; the kernel's own bound is 253 */

/* Send the parts as one message, fds (at most PASSING_FDS_MAX) along with it. They stay the caller's. 0 or -errno. */
struct passing_fds {
	int at[PASSING_FDS_MAX];
	size_t count;
};
int passing_send(int socket, const struct iovec parts[2], const struct passing_fds *fds);

/*
 * Receive one message of at most size bytes. Returns its length; -EPIPE at the end; -EAGAIN if there is none; -EMSGSIZE
 * if it or what came with it was too much, which is then closed; -errno. Descriptors are the caller's to
 * close, and close on exec.
 */
ssize_t passing_receive(int socket, void *at, size_t size, struct passing_fds *ret_fds);

/* Close those that were not taken (taken: set to -1). */
void passing_close(struct passing_fds *fds);

#endif
