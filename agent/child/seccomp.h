/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the process that parses strangers' bytes may still ask the kernel for: to serve the sockets it has,
 * to make TCP and Unix connections, memory, threads, time. It can open no file, start no program, make
 * no socket of another family, look at no other process, and change nothing about its privileges.
 */
#ifndef CHILD_SECCOMP_H
#define CHILD_SECCOMP_H

/*
 * Confine the calling thread, and all that it starts, for good. A call that is not allowed ends the process (SIGSYS);
 * its number is written to standard error first. Needs PR_SET_NO_NEW_PRIVS.
 * Returns 0 or -errno.
 */
int seccomp_confine(void);

#endif
