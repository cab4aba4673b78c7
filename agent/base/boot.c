/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/boot.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

void boot_id_read(char id[static BOOT_ID_ROOM])
{
	auto_fclose FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	*id = '\0';
	if (file && !fgets(id, BOOT_ID_ROOM, file))
		*id = '\0';
}

bool boot_id_is_current(const char *id)
{
	char now[BOOT_ID_ROOM];

	boot_id_read(now);
	return id && *now && !strcmp(id, now);
}
