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

#define SAVED_BANS_FORMAT 1 /* "sluice_bans" in the file */
#define SAVED_BANS_SIZE_MAX \
	(256u << 20) /* bytes of the file: a full table of a million bans fits */

struct saved_bans_result {
	size_t bans;	   /* put back, those with only strikes left included */
	size_t allows;	   /* put back */
	size_t lapsed;	   /* over by now, strikes too */
	size_t failed;	   /* damaged, or refused by the kernel */
	bool is_same_boot; /* the file is of this boot */
};

/*
 * What is to be saved: every ban that has not lapsed at now_ns and every allow, copied; some 130 bytes each.
 * unix_offset_ns is what to add to a monotonic instant to get wall-clock time. Returns 0 and *ret_saved; -errno.
 */
struct saved_bans;
int saved_bans_take(const struct datapath *datapath, uint64_t now_ns, uint64_t unix_offset_ns,
		    struct saved_bans **ret_saved);
void saved_bans_free(struct saved_bans *saved); /* NULL is fine */

/*
 * Write them to path: first to "PATH.new", synced, then put in its place at once. From any thread.
 * Returns 0 or -errno with the old file untouched.
 */
int saved_bans_put(const struct saved_bans *saved, const char *path);

/* Take, put, free. */
int saved_bans_write(const struct datapath *datapath, const char *path, uint64_t now_ns,
		     uint64_t unix_offset_ns);

/*
 * Put back what saved_bans_write() wrote. Where datapath was adopted (origin) only what the maps do not hold is taken from
 * a file of this boot, reasons and the own ends of covered prefixes: what was unbanned since must stay so.
 * Returns 0 with *ret_result; -ENOENT if there is no file; else -errno and a sentence in error: -EINVAL (damaged),
 * -EFBIG. Single damaged entries are counted, not fatal.
 */
int saved_bans_read(struct datapath *datapath, enum datapath_origin origin, const char *path,
		    uint64_t now_ns, uint64_t unix_offset_ns, struct saved_bans_result *ret_result,
		    char error[static DATAPATH_ERROR_MAX]);

#endif
