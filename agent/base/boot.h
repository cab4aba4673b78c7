/* SPDX-License-Identifier: BSD-2-Clause */
/* Which boot of the machine this is: instants of CLOCK_MONOTONIC mean something within one only. */
#ifndef BASE_BOOT_H
#define BASE_BOOT_H

#include <stdbool.h>

#define BOOT_ID_ROOM 37 /* a UUID as text, terminator included */

/* "" where it cannot be read: then no two boots are the same. */
void boot_id_read(char id[static BOOT_ID_ROOM]);

/* Whether id, which may be NULL, was read in this boot. */
bool boot_id_is_current(const char *id);

#endif
