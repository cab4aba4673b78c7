/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The counts of a table in a file, for what no memfd survives: the agent's stop, and a reboot.
 *
 * Saved is what counts: an entry at rest is not. Counts go on from where they stood, less the time that has passed
 * (CLOCK_MONOTONIC within a boot, the wall clock beyond; one that was set back is no time passed). A table of
 * another size takes them as well, as far as there is room.
 *
 * The file is as trusted as the directory it lies in; a checksum tells a damaged one. Whoever wrote into the table may
 * not be: nothing is read from a table or a file that its own bounds do not allow.
 */
#ifndef LIMIT_SAVE_H
#define LIMIT_SAVE_H

#include <stddef.h>
#include <stdint.h>

#define LIMIT_SAVE_MAX \
	(256u << 20) /* bytes of the file; what does not fit is not saved, and counted */

struct limit_saving {
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	uint64_t unix_ns; /* the same instant by the wall clock */
};

/*
 * Save the table in table_fd to path; where nothing counts the file is removed. The table may be in use: a state is good
 * at any moment, though they are then not all of the same one. *ret_saved and *ret_lost count entries.
 * Returns 0, -EINVAL if it is no table of this version, or -errno with the old file untouched.
 */
int limit_table_save(int table_fd, const char *path, struct limit_saving at, size_t *ret_saved,
		     size_t *ret_lost);

/*
 * Put into the table in table_fd, new and empty and nobody's yet, what was saved to path. Entries that are at rest by
 * now are left out of both counts. Returns 0; -ENOENT if nothing was saved; -EINVAL if the file is damaged or of another
 * version, -EFBIG, -errno: the table is then as empty as it was.
 */
int limit_table_restore(int table_fd, const char *path, struct limit_saving at,
			size_t *ret_restored, size_t *ret_lost);

#endif
