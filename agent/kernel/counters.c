/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/counters.h"

#define PIN_PREFIX "counters-"

void counters_read(int map_fd, struct sl_count ret_reasons[SL_REASON_COUNT])
{
	int cpus = libbpf_num_possible_cpus();
	auto_free struct sl_count *each = NULL;

	memset(ret_reasons, 0, SL_REASON_COUNT * sizeof(*ret_reasons));
	if (map_fd < 0 || cpus <= 0)
		return;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return;

	for (__u32 reason = 0; reason < SL_REASON_COUNT; reason++) {
		if (bpf_map_lookup_elem(map_fd, &reason, each))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++) {
			ret_reasons[reason].packets += each[cpu].packets;
			ret_reasons[reason].bytes += each[cpu].bytes;
		}
	}
}

static void path_of(char path[static PATH_MAX], const char *pin_dir, unsigned ifindex)
{
	snprintf(path, PATH_MAX, "%s/" PIN_PREFIX "%u", pin_dir, ifindex);
}

static __u32 map_id(int fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

void counters_pin(const char *pin_dir, unsigned ifindex, int map_fd)
{
	auto_close int there = -1;
	char path[PATH_MAX];

	if (!pin_dir[0])
		return;
	path_of(path, pin_dir, ifindex);
	there = bpf_obj_get(path);
	if (there >= 0 && map_id(there) == map_id(map_fd))
		return;

	/* Stale: of an interface that had this number before. */
	if (there >= 0)
		(void)unlink(path);
	if (bpf_obj_pin(map_fd, path))
		log_warning("pinning %s: %s; its counters are read all the same", path,
			    strerror(errno));
}

void counters_unpin(const char *pin_dir, unsigned ifindex)
{
	char path[PATH_MAX];

	if (!pin_dir[0])
		return;
	path_of(path, pin_dir, ifindex);
	if (unlink(path) && errno != ENOENT)
		log_warning("removing %s: %s", path, strerror(errno));
}

void counters_unpin_others(const char *pin_dir, counters_wanted_fn *is_wanted, const void *context)
{
	DIR *dir = pin_dir[0] ? opendir(pin_dir) : NULL;
	const struct dirent *entry;
	unsigned ifindex;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, PIN_PREFIX "%u", &ifindex) == 1 &&
		    !is_wanted(context, ifindex))
			(void)unlinkat(dirfd(dir), entry->d_name,
				       0); /* tried again at the next start */
	closedir(dir);
}
