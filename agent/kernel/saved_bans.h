/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans, strikes and runtime allows in a file, for what no pinned map survives: a reboot.
 *
 * JSON with wall-clock ends (RFC 3339), since CLOCK_MONOTONIC begins anew with each boot. Buckets and counters are not
 * kept: after a reboot they would be worth nothing.
 */
#ifndef KERNEL_SAVED_BANS_H
#define KERNEL_SAVED_BANS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/datapath.h"

#define SAVED_BANS_SIZE_MAX \
	(256u << 20) /* bytes of the file: a full table of a million bans fits */

struct saved_bans_result {
	size_t bans;	   /* put back, those with only strikes left included */
	size_t allows;	   /* put back */
	size_t lapsed;	   /* over by now, strikes too */
	size_t failed;	   /* damaged, or refused by the kernel */
	bool is_same_boot; /* the file is of this boot */
};

#define SAVED_BANS_NAME "bans.json" /* in the state directory */

/*
 * Write every ban that has not lapsed and every allow to SAVED_BANS_NAME in state_dir, which is made if it is missing: first
 * under another name, synced, then put in its place at once. now_ns and now_unix_ns are the same moment by CLOCK_MONOTONIC and
 * by the wall clock.
 * Returns 0 or -errno with the old file untouched.
 */
int saved_bans_write(const struct datapath *datapath, const char *state_dir, uint64_t now_ns,
		     uint64_t now_unix_ns);

/*
 * Put back what saved_bans_write() wrote. A file of this boot is left alone where datapath was adopted (origin): its
 * maps know better, and what was unbanned since must stay so.
 * Returns 0 with *ret_result; -ENOENT if there is no file; else -errno and a sentence in error: -EINVAL (damaged),
 * -EFBIG. Single damaged entries are counted, not fatal.
 */
int saved_bans_read(struct datapath *datapath, enum datapath_origin origin, const char *state_dir,
		    uint64_t now_ns, uint64_t now_unix_ns, struct saved_bans_result *ret_result,
		    char error[static DATAPATH_ERROR_MAX]);

#endif
