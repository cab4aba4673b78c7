/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where maps are pinned: the bpffs, one directory per network namespace in it, and the locks that say which
 * directory has a live agent. Knows names and directories; what is pinned in them is maps.h's.
 */
#ifndef KERNEL_BPFFS_H
#define KERNEL_BPFFS_H

#include <stdbool.h>
#include <stdint.h>

#define BPFFS_ROOT     "/sys/fs/bpf"
#define BPFFS_PATH_MAX 512

/* The cookie of this thread's network namespace: never used again, unlike inodes. Returns 0 or -errno. */
int bpffs_netns_cookie(uint64_t *ret_cookie);

/* Make sure that root is a bpffs: mounts one where it is none. Returns 0 or -errno. */
int bpffs_ensure(const char *root);

/*
 * Whether what is pinned under root ends with this process and its children: true if the mount belongs to a mount
 * namespace that processes further up do not see. Where nothing can be said it is false.
 */
bool bpffs_is_private(const char *root);

/*
 * Open (make, where missing) ROOT/sluice/COOKIE and lock it for this agent. path gets its name.
 * Returns 0 and *ret_fd, which holds the lock until it is closed; -EBUSY if another agent has it; -errno.
 */
int bpffs_open_dir(const char *root, uint64_t cookie, char path[static BPFFS_PATH_MAX],
		   int *ret_fd);

/*
 * Remove the directories of namespaces that no longer exist. A directory goes only if all of this holds: no agent
 * has its lock; no loaded program uses the map "config" pinned in it (a program that is attached anywhere is loaded);
 * no namespace of /proc/PID/ns/net or /run/netns has its cookie. Namespaces are looked at by a child
 * process, which enters them. If any of it cannot be found out, nothing is removed.
 */
void bpffs_remove_stale(const char *root, uint64_t own_cookie);

/* Unlink everything in the directory path, and path itself. Other people's subdirectories are left. */
void bpffs_remove_dir(const char *path);

#endif
