/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our XDP program as an object in this process, with the maps of a datapath: opened, or opened and loaded. Attaches
 * nothing.
 *
 * counters_fd is that of an older program on the same interface, so that its counters go on; -1, or a map of another
 * shape, makes new ones. It stays the caller's.
 */
#ifndef KERNEL_PROGRAM_H
#define KERNEL_PROGRAM_H

#include "base/cleanup.h"
#include "kernel/datapath.h"
#include "sluice.skel.h"

static inline void cleanup_skeleton(struct sluice_bpf **skeleton)
{
	sluice_bpf__destroy(*skeleton);
}
#define auto_skeleton __attribute__((cleanup(cleanup_skeleton)))

/*
 * Open the program; it is not loaded, as how depends on where it is to run. Returns 0 and *ret_skeleton, the
 * caller's to destroy; -errno, the libraries' complaint is in chatter_last().
 */
int program_open(const struct datapath *datapath, int counters_fd,
		 struct sluice_bpf **ret_skeleton);

/* The same, and load it as a program that stands alone. */
int program_load(const struct datapath *datapath, int counters_fd,
		 struct sluice_bpf **ret_skeleton);

#endif
