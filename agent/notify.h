/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What systemd wants to know (sd_notify(3)): one datagram to $NOTIFY_SOCKET. Nothing happens where nobody asked for it.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

/* Remember the environment's NOTIFY_SOCKET and WATCHDOG_USEC, and take them out of it for children. */
void notify_init(void);

/* Send "NAME=VALUE" lines. A manager that does not listen is not our trouble. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often to send WATCHDOG=1; 0: never. */
uint64_t notify_watchdog_ns(void);

#endif
