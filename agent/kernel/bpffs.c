/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/bpffs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/privileges.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define ANCESTORS_MAX 64 /* a process tree deeper than this is not followed further up */

int bpffs_netns_cookie(uint64_t *ret_cookie)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		return -errno;
	*ret_cookie = cookie;
	return 0;
}

static bool is_bpffs(const char *root)
{
	struct statfs fs;

	return !statfs(root, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

int bpffs_ensure(const char *root)
{
	auto_lower bool raised = privileges_raise();

	if (is_bpffs(root))
		return 0;
	if (mount("bpf", root, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return -errno;
	return 0;
}

static pid_t parent_of(pid_t pid)
{
	auto_fclose FILE *file = NULL;
	char path[64], line[512];
	char *behind_name;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	/* The name may hold blanks and brackets; what follows the last one is ours to parse. */
	behind_name = strrchr(line, ')');
	if (!behind_name || sscanf(behind_name + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/*
 * The same bpffs has the same device wherever it is mounted. Process 1 may not be ours to look into (a container,
 * a hardened host): then the process furthest up that is.
 */
bool bpffs_is_private(const char *root)
{
	struct stat ours, theirs;
	bool is_private = false;
	pid_t pid = getpid();

	if (stat(root, &ours))
		return false;
	for (int i = 0; i < ANCESTORS_MAX && pid > 0; i++, pid = parent_of(pid)) {
		char path[BPFFS_PATH_MAX];

		snprintf(path, sizeof(path), "/proc/%d/root%s", pid, root);
		if (!stat(path, &theirs))
			is_private = ours.st_dev != theirs.st_dev;
		else if (errno == ENOENT)
			is_private = true;
	}
	return is_private;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int bpffs_open_dir(const char *root, uint64_t cookie, char path[static BPFFS_PATH_MAX], int *ret_fd)
{
	auto_close int fd = -1;
	int error;

	if (snprintf(path, BPFFS_PATH_MAX, "%s/sluice", root) >= BPFFS_PATH_MAX - 32)
		return -ENAMETOOLONG;
	error = make_dir(path);
	if (error)
		return error;
	snprintf(path, BPFFS_PATH_MAX, "%s/sluice/%llu", root, (unsigned long long)cookie);
	error = make_dir(path);
	if (error)
		return error;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

void bpffs_remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name,
				       0); /* what stays keeps the directory */
	closedir(dir);
	(void)rmdir(path); /* not empty: somebody else's */
}
