/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What systemd wants to know (sd_notify(3)): one datagram to $NOTIFY_SOCKET. Nothing happens where nobody asked for it.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/passing.h"

/* Remember the environment's NOTIFY_SOCKET, WATCHDOG_USEC and LISTEN_FDS, and take them out of it for children. */
void notify_init(void);

/* Send "NAME=VALUE" lines. A manager that does not listen is not our trouble. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether there is a manager to send to. */
bool notify_is_heard(void);

/*
 * Sockets that the manager keeps open while this agent ends and the next one starts (FDSTORE=1): forget those of
 * before; keep these too. It hands them to the next start, where notify_take_kept() returns how many of them lie from
 * descriptor *ret_first on; each is told once, and the caller's to close.
 */
void notify_forget_kept(void);
void notify_keep(const struct passing_fds *fds);
unsigned notify_take_kept(int *ret_first);

/* How often to send WATCHDOG=1; 0: never. */
uint64_t notify_watchdog_ns(void);

#endif
