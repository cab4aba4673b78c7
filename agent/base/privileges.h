/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process's capabilities: few after the start, one more while attaching.
 *
 * Loading programs and working on maps takes CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON. Opening kernel objects
 * by id, which adopting a datapath and libxdp's dispatcher do, takes CAP_SYS_ADMIN: it stays in the permitted
 * set and is raised for the length of a scope. So does CAP_NET_BIND_SERVICE, for listeners below port 1024.
 * So does CAP_KILL, for ending the HTTP child, which is another user's by then. CAP_SETUID and CAP_SETGID stay there
 * too and are never raised here: processes started from this one become other users with them. Everything else is
 * given up for good.
 *
 * Capabilities are per thread: call from the thread that works on the kernel.
 */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

#include <stdbool.h>

/*
 * Give up every capability but those above, lower CAP_SYS_ADMIN, and never gain any by execve() again
 * (PR_SET_NO_NEW_PRIVS). What the process does not have is no error. Returns 0 or -errno.
 */
int privileges_drop(void);

/*
 * Raise CAP_SYS_ADMIN, if the process still has it in reserve, and lower it again. Returns whether it was this
 * call that raised it: raises nest, and only the outermost lowers.
 */
bool privileges_raise(void);
void privileges_lower(const bool *raised);

/* Likewise for CAP_NET_BIND_SERVICE. */
bool privileges_raise_bind(void);
void privileges_lower_bind(const bool *raised);
#define auto_lower_bind __attribute__((cleanup(privileges_lower_bind), unused))

/* Likewise for CAP_KILL. */
bool privileges_raise_kill(void);
void privileges_lower_kill(const bool *raised);
#define auto_lower_kill __attribute__((cleanup(privileges_lower_kill), unused))

/*
 * In a process just forked: keep CAP_SETUID and CAP_SETGID, in force, and nothing else; never gain any again. What it
 * does not have is no error. Returns 0 or -errno.
 */
int privileges_keep_user_change(void);

/*
 * The same, then become nobody without any. A process that is not root stays who it is. Returns 0 or -errno.
 */
int privileges_become_nobody(void);

/* Until the end of the scope: `auto_lower bool raised = privileges_raise();` */
#define auto_lower __attribute__((cleanup(privileges_lower), unused))

#endif
