/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP child: the process that parses strangers' bytes. It is given everything over one socketpair
 * (pipe.h) and opens nothing itself.
 *
 *   child_main: HELLO -> listeners, policy -> files, user, capabilities (confine.h), seccomp -> PREPARED
 *     -> SWITCH -> threads (http.h) -> READY
 *     -> the parent's messages, until it says DRAIN or is gone
 */
#ifndef CHILD_H
#define CHILD_H

#define CHILD_FD 3 /* its end of the socketpair, and all it has beside the standard three */

/* The process's whole life. Returns the exit code: 0, or 1 after a line in the log that says why. */
int child_main(void);

#endif
