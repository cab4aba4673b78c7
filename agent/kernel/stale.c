/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pin directories belong to namespaces that are gone; the rule is in bpffs.h. */
#include "kernel/bpffs.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/privileges.h"

#define NAMESPACES_MAX 4096 /* more than this, and nothing is removed */
#define MAPS_MAX       64   /* maps of one program that are looked at */

struct cookies {
	uint64_t at[NAMESPACES_MAX];
	ino_t inode[NAMESPACES_MAX];
	size_t count;
	bool is_whole; /* every namespace that can be reached is in it */
};

/* In the child: enter the namespace at path, unless that was done already, and note its cookie. */
static void note_namespace(struct cookies *seen, const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	/*
	 * Gone meanwhile; or not ours to look into. The latter may hide a namespace, but hardly one with a
	 * datapath: its agent would hold the lock, and its programs would be loaded.
	 */
	if (fd < 0 || fstat(fd, &st))
		return;
	for (size_t i = 0; i < seen->count; i++)
		if (seen->inode[i] == st.st_ino)
			return;
	if (seen->count == NAMESPACES_MAX) {
		seen->is_whole = false;
		return;
	}
	/* A plain file in /run/netns is what a deleted namespace leaves. */
	if (setns(fd, CLONE_NEWNET)) {
		if (errno != EINVAL)
			seen->is_whole = false;
		return;
	}
	if (bpffs_netns_cookie(&seen->at[seen->count])) {
		seen->is_whole = false;
		return;
	}
	seen->inode[seen->count++] = st.st_ino;
}

static void note_all_in(struct cookies *seen, const char *dir_path, const char *suffix)
{
	DIR *dir = opendir(dir_path);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char path[BPFFS_PATH_MAX];

		if (entry->d_name[0] == '.' || (*suffix && !isdigit((unsigned char)*entry->d_name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", dir_path, entry->d_name, suffix);
		note_namespace(seen, path);
	}
	closedir(dir);
}

/* Entering namespaces is for a process that need not come back from them. */
static void child_main(int fd)
{
	struct cookies *seen = calloc(1, sizeof(*seen));
	size_t len = sizeof(*seen), done = 0;

	if (!seen)
		_exit(1);
	seen->is_whole = true;
	note_all_in(seen, "/proc", "/ns/net");
	note_all_in(seen, "/run/netns", "");
	while (done < len) {
		ssize_t n = write(fd, (char *)seen + done, len - done);

		if (n <= 0)
			_exit(1);
		done += (size_t)n;
	}
	_exit(0);
}

static bool read_whole(int fd, void *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)out + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool find_cookies(struct cookies *ret_seen)
{
	int fds[2], status = 0;
	pid_t pid;
	bool is_read;

	if (pipe2(fds, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid)
		child_main(fds[1]);
	close(fds[1]);
	is_read = pid > 0 && read_whole(fds[0], ret_seen, sizeof(*ret_seen));
	close(fds[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return is_read && ret_seen->is_whole;
}

static bool program_uses(int prog_fd, uint32_t map_id)
{
	uint32_t ids[MAPS_MAX];
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) || info.nr_map_ids > MAPS_MAX)
		return true; /* not known: assume it */
	for (uint32_t i = 0; i < info.nr_map_ids; i++)
		if (ids[i] == map_id)
			return true;
	return false;
}

/* Whether a loaded program uses the map pinned at path; true where that cannot be found out. */
static bool is_in_use(const char *path)
{
	auto_close int map_fd = bpf_obj_get(path);
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), id = 0;

	if (map_fd < 0)
		return errno != ENOENT;
	if (bpf_obj_get_info_by_fd(map_fd, &info, &len))
		return true;
	while (!bpf_prog_get_next_id(id, &id)) {
		auto_close int prog_fd = bpf_prog_get_fd_by_id(id);

		if (prog_fd < 0 ? errno != ENOENT : program_uses(prog_fd, info.id))
			return true;
	}
	return errno != ENOENT; /* ENOENT: all were looked at */
}

static bool is_stale(const char *path, uint64_t cookie, const struct cookies *live)
{
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	char config[BPFFS_PATH_MAX + 8];

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return false;
	for (size_t i = 0; i < live->count; i++)
		if (live->at[i] == cookie)
			return false;
	snprintf(config, sizeof(config), "%s/config", path);
	return !is_in_use(config);
}

/* The name of a pin directory is its cookie in digits. */
static bool parse_cookie(const char *name, uint64_t *ret_cookie)
{
	char *end;

	if (!isdigit((unsigned char)*name))
		return false;
	errno = 0;
	*ret_cookie = strtoull(name, &end, 10);
	return !errno && !*end;
}

void bpffs_remove_stale(const char *root, uint64_t own_cookie)
{
	auto_lower bool raised = privileges_raise();
	auto_free struct cookies *live = NULL;
	char parent[BPFFS_PATH_MAX];
	struct dirent *entry;
	uint64_t cookie;
	DIR *dir;

	snprintf(parent, sizeof(parent), "%s/sluice", root);
	dir = opendir(parent);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		char path[2 * BPFFS_PATH_MAX];

		if (!parse_cookie(entry->d_name, &cookie) || cookie == own_cookie)
			continue;
		/* Only now: mostly there is nobody else's directory. */
		if (!live) {
			live = calloc(1, sizeof(*live));
			if (!live || !find_cookies(live))
				break;
		}
		snprintf(path, sizeof(path), "%s/%s", parent, entry->d_name);
		if (strlen(path) < BPFFS_PATH_MAX && is_stale(path, cookie, live)) {
			log_info("pins at %s: their network namespace is gone; removing them",
				 path);
			bpffs_remove_dir(path);
		}
	}
	closedir(dir);
}
