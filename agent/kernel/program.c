/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include <bpf/bpf.h>

#include "kernel/chatter.h"
#include "kernel/program.h"

/* Counters of a program with other reasons would be read wrongly: such a program gets new ones. */
static bool counters_fit(int fd, const struct bpf_map *map)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
	       info.type == BPF_MAP_TYPE_PERCPU_ARRAY &&
	       info.value_size == bpf_map__value_size(map) &&
	       info.max_entries == bpf_map__max_entries(map);
}

int program_open(const struct datapath *datapath, int counters_fd, struct sluice_bpf **ret_skeleton)
{
	auto_skeleton struct sluice_bpf *skeleton = sluice_bpf__open();
	int err;

	if (!skeleton)
		return -errno;

	err = datapath_share_maps(datapath, skeleton->obj);
	if (!err && counters_fit(counters_fd, skeleton->maps.counters))
		err = bpf_map__reuse_fd(skeleton->maps.counters, counters_fd);
	if (err)
		return err;

	*ret_skeleton = take_ptr(skeleton);
	return 0;
}

int program_load(const struct datapath *datapath, int counters_fd, struct sluice_bpf **ret_skeleton)
{
	auto_skeleton struct sluice_bpf *skeleton = NULL;
	int err;

	chatter_clear();
	err = program_open(datapath, counters_fd, &skeleton);
	if (err)
		return err;

	/* libbpf would derive it from the section's name; said here because jumbo frames depend on it. */
	bpf_program__set_flags(skeleton->progs.sl_ingress,
			       bpf_program__flags(skeleton->progs.sl_ingress) |
				       BPF_F_XDP_HAS_FRAGS);
	err = sluice_bpf__load(skeleton);
	if (err)
		return err;

	*ret_skeleton = take_ptr(skeleton);
	return 0;
}
