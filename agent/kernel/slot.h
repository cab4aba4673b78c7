/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who sits on an interface's XDP hook, and which of it is ours. Reads only.
 *
 * Ours is a program called sl_ingress that holds a map "config" whose first word is SL_ABI_MAGIC, of whatever
 * version and whichever agent: the one thing about it that no other program can have by accident.
 *
 * Opening programs by number takes CAP_SYS_ADMIN; the caller has raised it.
 */
#ifndef KERNEL_SLOT_H
#define KERNEL_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_OURS_MAX 10 /* programs a dispatcher can hold */
#define SLOT_NAME_MAX 16 /* of a program, terminator included */

enum slot_holder {
	SLOT_FREE,
	SLOT_OURS,	 /* our program, alone */
	SLOT_DISPATCHER, /* libxdp's dispatcher, perhaps with ours behind it */
	SLOT_OTHERS,	 /* somebody else's program, which leaves no room */
};

struct slot {
	enum slot_holder holder;
	bool generic;
	uint32_t main_id; /* what the kernel runs: a dispatcher or a program; 0 if free */
	char main_name[SLOT_NAME_MAX]; /* foreign text */
	uint32_t ours
		[SLOT_OURS_MAX]; /* numbers of our programs; more than one if an agent died on the way */
	size_t ours_count;
	size_t programs; /* behind the dispatcher, ours included */
};

/* Returns 0 or -errno: -ENODEV (no such interface), -EPERM. */
int slot_read(unsigned ifindex, struct slot *ret_slot);

/*
 * The fd of the map that the program holds under name (at most 15 bytes), the caller's to close. Returns 0,
 * -ENOENT, or -errno.
 */
int slot_program_map(int program_fd, const char *name, int *ret_map_fd);

/* Whether two loaded programs do the same to the same shared maps; those of their own may differ. */
bool slot_same_program(int a_fd, int b_fd);

#endif
