/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xdp/libxdp.h>

#include <sluice/abi.h>

#include "base/cleanup.h"
#include "kernel/datapath.h"
#include "kernel/slot.h"

#define PROGRAM_MAPS_MAX 64 /* BPF_MAX_USED_MAPS is 64 in every kernel */

struct program {
	char name[SLOT_NAME_MAX];
	uint8_t tag[BPF_TAG_SIZE];
	uint32_t maps[PROGRAM_MAPS_MAX];
	uint32_t map_count;
};

static int read_program(int fd, struct program *ret_program)
{
	struct program program = {};
	struct bpf_prog_info info = {
		.nr_map_ids = PROGRAM_MAPS_MAX,
		.map_ids = (uintptr_t)program.maps,
	};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;

	snprintf(program.name, sizeof(program.name), "%s", info.name);
	memcpy(program.tag, info.tag, sizeof(program.tag));
	program.map_count = info.nr_map_ids < PROGRAM_MAPS_MAX ? info.nr_map_ids : PROGRAM_MAPS_MAX;
	*ret_program = program;
	return 0;
}

static int map_info(int fd, struct bpf_map_info *ret_info)
{
	__u32 len = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(fd, ret_info, &len) ? -errno : 0;
}

static int find_map(const struct program *program, const char *name, int *ret_fd)
{
	for (uint32_t i = 0; i < program->map_count; i++) {
		auto_close int fd = bpf_map_get_fd_by_id(program->maps[i]);
		struct bpf_map_info info;

		if (fd < 0)
			return -errno;
		if (map_info(fd, &info) || strcmp(info.name, name))
			continue;
		*ret_fd = take_fd(fd);
		return 0;
	}
	return -ENOENT;
}

int slot_program_map(int program_fd, const char *name, int *ret_map_fd)
{
	struct program program;
	int err = read_program(program_fd, &program);

	return err ? err : find_map(&program, name, ret_map_fd);
}

/* First word of entry 0. The map is a stranger's until this is checked, so its value may have any size. */
static int first_word(int map_fd, uint32_t *ret_word)
{
	auto_free uint8_t *value = NULL;
	struct bpf_map_info info;
	__u32 key = 0;

	if (map_info(map_fd, &info))
		return -EINVAL;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(key) ||
	    info.value_size < sizeof(*ret_word))
		return -EINVAL;

	value = calloc(1, info.value_size + 8u);
	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(map_fd, &key, value))
		return -errno;
	memcpy(ret_word, value, sizeof(*ret_word));
	return 0;
}

static bool is_ours(const struct program *program)
{
	auto_close int config = -1;
	uint32_t magic = 0;

	return !strcmp(program->name, "sl_ingress") && !find_map(program, "config", &config) &&
	       !first_word(config, &magic) && magic == SL_ABI_MAGIC;
}

/* ---- Sameness ------------------------------------------------------------------- */

/* Constants lie in a map: two versions of a program may differ in nothing else. */
static bool same_constants(int a_fd, int b_fd, const struct bpf_map_info *info)
{
	auto_free uint8_t *a = calloc(1, info->value_size + 8u);
	auto_free uint8_t *b = calloc(1, info->value_size + 8u);
	__u32 key = 0;

	return a && b && !bpf_map_lookup_elem(a_fd, &key, a) &&
	       !bpf_map_lookup_elem(b_fd, &key, b) && !memcmp(a, b, info->value_size);
}

static bool is_shared(const char *name)
{
	static const char *const shared[] = {
#define SHARED_NAME(map) #map,
		DATAPATH_MAPS(SHARED_NAME)
#undef SHARED_NAME
	};

	for (size_t i = 0; i < DATAPATH_MAP_COUNT; i++)
		if (!strcmp(name, shared[i]))
			return true;
	return false;
}

static bool same_map(const struct program *a, uint32_t b_id)
{
	auto_close int b_fd = bpf_map_get_fd_by_id(b_id);
	auto_close int a_fd = -1;
	struct bpf_map_info b_info, a_info;

	if (b_fd < 0 || map_info(b_fd, &b_info) || find_map(a, b_info.name, &a_fd) ||
	    map_info(a_fd, &a_info))
		return false;
	if (is_shared(b_info.name))
		return a_info.id == b_info.id;
	if (strstr(b_info.name, ".rodata"))
		return a_info.value_size == b_info.value_size &&
		       same_constants(a_fd, b_fd, &b_info);
	return true; /* a program's own */
}

bool slot_same_program(int a_fd, int b_fd)
{
	struct program a, b;

	if (read_program(a_fd, &a) || read_program(b_fd, &b) || a.map_count != b.map_count ||
	    memcmp(a.tag, b.tag, sizeof(a.tag)))
		return false;

	for (uint32_t i = 0; i < b.map_count; i++)
		if (!same_map(&a, b.maps[i]))
			return false;
	return true;
}

/* ---- The hook --------------------------------------------------------------------- */

static void take_ours(struct slot *slot, uint32_t id)
{
	if (slot->ours_count < SLOT_OURS_MAX)
		slot->ours[slot->ours_count++] = id;
}

/* What is behind the program that the kernel runs, if that is a dispatcher whose pins we can see. */
static enum slot_holder look_behind(unsigned ifindex, struct slot *slot)
{
	struct xdp_multiprog *dispatcher = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *behind = NULL;
	struct program program;

	if (libxdp_get_error(dispatcher))
		return SLOT_OTHERS;
	if (xdp_multiprog__is_legacy(dispatcher)) {
		xdp_multiprog__close(dispatcher);
		return SLOT_OTHERS;
	}

	while ((behind = xdp_multiprog__next_prog(behind, dispatcher))) {
		slot->programs++;
		if (!read_program(xdp_program__fd(behind), &program) && is_ours(&program))
			take_ours(slot, xdp_program__id(behind));
	}
	xdp_multiprog__close(dispatcher);
	return SLOT_DISPATCHER;
}

static int read_main(unsigned ifindex, struct slot *slot)
{
	auto_close int fd = bpf_prog_get_fd_by_id(slot->main_id);
	struct program program;
	int err;

	if (fd < 0)
		return -errno;
	err = read_program(fd, &program);
	if (err)
		return err;

	memcpy(slot->main_name, program.name, sizeof(slot->main_name));
	if (is_ours(&program)) {
		take_ours(slot, slot->main_id);
		slot->holder = SLOT_OURS;
	} else {
		slot->holder = look_behind(ifindex, slot);
	}
	return 0;
}

int slot_read(unsigned ifindex, struct slot *ret_slot)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct slot slot = {.holder = SLOT_FREE};
	int err = bpf_xdp_query((int)ifindex, 0, &query);

	if (err)
		return err;

	slot.main_id = query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
	slot.generic = !query.drv_prog_id && query.skb_prog_id;
	if (query.hw_prog_id) {
		/* In the card itself, in front of every program of the kernel: never ours, never touched. */
		slot.main_id = query.hw_prog_id;
		slot.holder = SLOT_OTHERS;
		snprintf(slot.main_name, sizeof(slot.main_name), "offloaded");
	} else if (slot.main_id) {
		err = read_main(ifindex, &slot);
	}
	if (!err)
		*ret_slot = slot;
	return err;
}
