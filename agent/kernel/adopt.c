/* SPDX-License-Identifier: BSD-2-Clause */
/* An earlier agent's maps: by their pins, else through the programs that are attached in this namespace. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <xdp/libxdp.h>

#include "base/cleanup.h"
#include "base/privileges.h"
#include "kernel/datapath_private.h"

#define PROGRAM_NAME "sl_ingress"
#define MAPS_MAX     64 /* of one program; ours has half as many */

/* The first words of "config": they stay where they are in every version. Returns 0 if it is none of ours. */
static uint32_t abi_of(int config_fd)
{
	struct bpf_map_info info = {};
	uint32_t len = sizeof(info), key = 0;
	auto_free uint32_t *words = NULL;

	if (bpf_obj_get_info_by_fd(config_fd, &info, &len) || info.type != BPF_MAP_TYPE_ARRAY ||
	    info.value_size < 2 * sizeof(*words))
		return 0;
	words = calloc(1, info.value_size + sizeof(*words));
	if (!words || bpf_map_lookup_elem(config_fd, &key, words) || words[0] != SL_ABI_MAGIC)
		return 0;
	return words[1];
}

static void close_all(struct datapath *datapath)
{
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		if (datapath->fd[i] >= 0)
			close(datapath->fd[i]);
		datapath->fd[i] = -1;
	}
}

static bool adopt_pins(struct datapath *datapath)
{
	if (!*datapath->pin_dir)
		return false;
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		char path[BPFFS_PATH_MAX + 32];

		snprintf(path, sizeof(path), "%s/%s", datapath->pin_dir, datapath_map_name(i));
		datapath->fd[i] = bpf_obj_get(path);
		/* Pinned last: without it the rest is what an agent left that was killed while it began. */
		if (i == DATAPATH_MAP_config && datapath->fd[i] < 0)
			return false;
	}
	return true;
}

/* Take map_fd as the map that has this name, if one of ours has. */
static void take_by_name(struct datapath *datapath, int map_fd, const char *name)
{
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		if (strcmp(datapath_map_name(i), name) || datapath->fd[i] >= 0)
			continue;
		datapath->fd[i] = map_fd;
		return;
	}
	close(map_fd);
}

/* Returns whether the program is ours; its maps are then in datapath. */
static bool adopt_program(struct datapath *datapath, int prog_fd)
{
	uint32_t ids[MAPS_MAX], len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = {.nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids};

	if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &len) ||
	    strcmp(info.name, PROGRAM_NAME) || info.nr_map_ids > MAPS_MAX)
		return false;

	for (uint32_t i = 0; i < info.nr_map_ids; i++) {
		struct bpf_map_info map = {};
		int map_fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(map);
		if (map_fd >= 0 && !bpf_obj_get_info_by_fd(map_fd, &map, &len))
			take_by_name(datapath, map_fd, map.name);
		else if (map_fd >= 0)
			close(map_fd);
	}
	if (datapath->fd[DATAPATH_MAP_config] >= 0 && abi_of(datapath->fd[DATAPATH_MAP_config]))
		return true;
	close_all(datapath);
	return false;
}

/* Behind a dispatcher programs are known to libxdp only. */
static bool adopt_dispatched(struct datapath *datapath, int ifindex)
{
	struct xdp_multiprog *programs = xdp_multiprog__get_from_ifindex(ifindex);
	struct xdp_program *program = NULL;
	bool is_ours = false;

	if (libxdp_get_error(programs))
		return false;
	while (!is_ours && (program = xdp_multiprog__next_prog(program, programs)))
		is_ours = adopt_program(datapath, xdp_program__fd(program));
	xdp_multiprog__close(programs);
	return is_ours;
}

static bool adopt_interface(struct datapath *datapath, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	uint32_t id;

	if (bpf_xdp_query(ifindex, 0, &query))
		return false;
	/* prog_id is 0 where programs are attached in several modes. */
	id = query.prog_id ? query.prog_id : query.drv_prog_id;
	if (!id)
		id = query.skb_prog_id;
	if (!id)
		return false;

	auto_close int prog_fd = bpf_prog_get_fd_by_id(id);
	return adopt_program(datapath, prog_fd) || adopt_dispatched(datapath, ifindex);
}

/* Programs attached here are this namespace's: interfaces lose theirs when they move to another one. */
static bool adopt_attached(struct datapath *datapath)
{
	auto_lower bool raised = privileges_raise();
	struct if_nameindex *links = if_nameindex();
	bool is_found = false;

	for (struct if_nameindex *link = links; link && link->if_index && !is_found; link++)
		is_found = adopt_interface(datapath, (int)link->if_index);
	if_freenameindex(links);
	return is_found;
}

bool adopt_maps(struct datapath *datapath, uint32_t *ret_abi)
{
	if (!adopt_pins(datapath)) {
		close_all(datapath);
		if (!adopt_attached(datapath))
			return false;
	}
	*ret_abi = abi_of(datapath->fd[DATAPATH_MAP_config]);
	return true;
}
