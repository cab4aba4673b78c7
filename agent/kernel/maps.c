/* SPDX-License-Identifier: BSD-2-Clause */
/* The maps themselves: made from the program's own definitions, compared with them, mapped, pinned. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/datapath_private.h"
#include "sluice.skel.h"

#define FILTER_BITS_MIN 64 /* one word a half */

static void skeleton_free(struct sluice_bpf **skeleton)
{
	sluice_bpf__destroy(*skeleton);
}
#define auto_skeleton __attribute__((cleanup(skeleton_free)))

const char *datapath_map_name(enum datapath_map map)
{
	static const char *const names[] = {
#define DATAPATH_MAP_NAME(name) #name,
		DATAPATH_MAPS(DATAPATH_MAP_NAME)
#undef DATAPATH_MAP_NAME
	};

	return names[map];
}

/* Bits of half the filter: the power of two at or above SL_FILTER_BITS an entry. */
static uint32_t filter_bits_for(uint32_t sources)
{
	uint64_t want = (uint64_t)sources * SL_FILTER_BITS;
	uint64_t bits = FILTER_BITS_MIN;

	while (bits < want && bits < 1ull << 31)
		bits <<= 1;
	return (uint32_t)bits;
}

uint32_t maps_entries(enum datapath_map map, const struct policy_tables *tables)
{
	if (map == DATAPATH_MAP_sources)
		return tables->sources;
	if (map == DATAPATH_MAP_filter)
		return tables->sources ? 2 * (filter_bits_for(tables->sources) / 64) : 0;
	if (map == DATAPATH_MAP_strangers)
		return (uint32_t)(tables->strangers / sizeof(struct sl_line));
	if (map == DATAPATH_MAP_rules)
		return tables->prefixes > SL_RULES_MAX / 2 ? SL_RULES_MAX : 2 * tables->prefixes;
	if (map == DATAPATH_MAP_bans || map == DATAPATH_MAP_ban_prefixes4 ||
	    map == DATAPATH_MAP_ban_prefixes6 || map == DATAPATH_MAP_allows4 ||
	    map == DATAPATH_MAP_allows6)
		return tables->bans;
	return 0;
}

/* The program's maps; no program is loaded from here, so that making maps needs no verifier. */
static struct sluice_bpf *open_skeleton(void)
{
	struct sluice_bpf *skeleton = sluice_bpf__open();
	struct bpf_program *program;

	if (skeleton)
		bpf_object__for_each_program(program, skeleton->obj)
			bpf_program__set_autoload(program, false);
	return skeleton;
}

/* Let object use the maps that are open, and prepare the others to be made. */
static int use_maps(const struct datapath *datapath, struct bpf_object *object,
		    const struct policy_tables *tables)
{
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(object, datapath_map_name(i));
		uint32_t entries = maps_entries(i, tables);
		int error = 0;

		if (!map)
			return -ENOENT;
		if (datapath->fd[i] >= 0)
			error = bpf_map__reuse_fd(map, datapath->fd[i]);
		else if (entries)
			error = bpf_map__set_max_entries(map, entries);
		if (error)
			return error;
	}
	return 0;
}

int maps_make(struct datapath *datapath, const struct policy_tables *tables)
{
	auto_skeleton struct sluice_bpf *skeleton = open_skeleton();
	int error;

	if (!skeleton)
		return -errno;
	error = use_maps(datapath, skeleton->obj, tables);
	if (!error)
		error = sluice_bpf__load(skeleton);
	if (error)
		return error;

	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		int fd = bpf_object__find_map_fd_by_name(skeleton->obj, datapath_map_name(i));

		if (datapath->fd[i] < 0)
			datapath->fd[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (datapath->fd[i] < 0)
			return -errno;
	}
	return 0;
}

static int map_info(int fd, struct bpf_map_info *ret_info)
{
	uint32_t len = sizeof(*ret_info);

	*ret_info = (struct bpf_map_info){};
	return bpf_obj_get_info_by_fd(fd, ret_info, &len);
}

uint32_t maps_max_entries(int fd)
{
	struct bpf_map_info info;

	return map_info(fd, &info) ? 0 : info.max_entries;
}

static bool is_as_defined(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->map_flags == bpf_map__map_flags(map) &&
	       /* Set only by libbpf's loading for a map of maps; there it is always an fd. */
	       (info->value_size == bpf_map__value_size(map) ||
		info->type == BPF_MAP_TYPE_ARRAY_OF_MAPS);
}

int maps_check(const struct datapath *datapath, enum datapath_map *ret_odd)
{
	auto_skeleton struct sluice_bpf *skeleton = open_skeleton();

	if (!skeleton)
		return -errno;
	for (int i = 0; i < DATAPATH_MAP_COUNT; i++) {
		const struct bpf_map *map =
			bpf_object__find_map_by_name(skeleton->obj, datapath_map_name(i));
		struct bpf_map_info info;
		int error;

		if (datapath->fd[i] < 0)
			continue;
		error = map_info(datapath->fd[i], &info);
		if (error)
			return error;
		if (!map || !is_as_defined(map, &info)) {
			*ret_odd = i;
			return -EPROTONOSUPPORT;
		}
	}
	return 0;
}

/* ---- Views ------------------------------------------------------------------ */

static void *view(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

static size_t filter_size(const struct datapath *datapath)
{
	return 2 * (size_t)datapath->filter_bits / 8;
}

static size_t strangers_size(const struct datapath *datapath)
{
	return (size_t)datapath->lines * sizeof(struct sl_line);
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

int maps_view(struct datapath *datapath)
{
	const int *fd = datapath->fd;

	datapath->filter_bits = maps_max_entries(fd[DATAPATH_MAP_filter]) / 2 * 64;
	datapath->lines = maps_max_entries(fd[DATAPATH_MAP_strangers]);
	if (!is_power_of_two(datapath->filter_bits) || !is_power_of_two(datapath->lines) ||
	    datapath->lines < SL_REGIONS)
		return -EPROTONOSUPPORT;
	datapath->tables = (struct policy_tables){
		.sources = maps_max_entries(fd[DATAPATH_MAP_sources]),
		.strangers = strangers_size(datapath),
		.prefixes = maps_max_entries(fd[DATAPATH_MAP_rules]) / 2,
		.bans = maps_max_entries(fd[DATAPATH_MAP_bans]),
	};

	datapath->config = view(fd[DATAPATH_MAP_config], sizeof(*datapath->config));
	datapath->state = view(fd[DATAPATH_MAP_state], sizeof(*datapath->state));
	datapath->secret = view(fd[DATAPATH_MAP_secret], sizeof(*datapath->secret));
	datapath->filter = view(fd[DATAPATH_MAP_filter], filter_size(datapath));
	datapath->strangers = view(fd[DATAPATH_MAP_strangers], strangers_size(datapath));
	if (datapath->config && datapath->state && datapath->secret && datapath->filter &&
	    datapath->strangers)
		return 0;
	return -ENOMEM;
}

static void unview(const void *at, size_t size)
{
	if (at)
		munmap((void *)at, size);
}

void maps_unview(struct datapath *datapath)
{
	unview(datapath->config, sizeof(*datapath->config));
	unview(datapath->state, sizeof(*datapath->state));
	unview(datapath->secret, sizeof(*datapath->secret));
	unview(datapath->filter, filter_size(datapath));
	unview(datapath->strangers, strangers_size(datapath));
	datapath->config = NULL;
	datapath->state = NULL;
	datapath->secret = NULL;
	datapath->filter = NULL;
	datapath->strangers = NULL;
}

int maps_fill_new(struct datapath *datapath)
{
	struct sl_secret *secret = (struct sl_secret *)datapath->secret;

	if (getrandom(secret, sizeof(*secret), 0) != sizeof(*secret))
		return -errno;
	*datapath->config = (struct sl_config){
		.magic = SL_ABI_MAGIC,
		.abi_version = SL_ABI_VERSION,
		.filter_write = 1, /* half 0 */
		.filter_read = 0,
		.sources_open = datapath->tables.sources / 4 * 3,
		.started_unix_ns = clock_now_unix_ns(),
	};
	return 0;
}

/* ---- Pins ---------------------------------------------------------------------- */

int maps_pin(const struct datapath *datapath, int fd, const char *name)
{
	char path[BPFFS_PATH_MAX + 32], fresh[BPFFS_PATH_MAX + 40];

	if (!*datapath->pin_dir)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", datapath->pin_dir, name);
	snprintf(fresh, sizeof(fresh), "%s_new", path); /* bpffs takes no dots in names */

	(void)unlink(fresh); /* left by an agent that was killed here */
	if (bpf_obj_pin(fd, fresh))
		return -errno;
	return rename(fresh, path) ? -errno : 0;
}

int maps_pin_all(const struct datapath *datapath)
{
	for (int i = DATAPATH_MAP_COUNT - 1; i >= 0; i--) {
		int error = maps_pin(datapath, datapath->fd[i], datapath_map_name(i));

		if (error)
			return error;
	}
	return 0;
}
_Static_assert(DATAPATH_MAP_config == 0, "pinned last: it says that the others are there");

/* ---- For the program of each interface ---------------------------------------------- */

/* Where the compiler put a constant of the program is in the object's BTF. Returns its offset or -ENOENT. */
static int find_constant(const struct btf *btf, const char *name)
{
	int id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	const struct btf_type *section;

	if (id < 0)
		return -ENOENT;
	section = btf__type_by_id(btf, (uint32_t)id);
	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *var = btf_var_secinfos(section) + i;
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name) &&
		    var->size == sizeof(uint32_t))
			return (int)var->offset;
	}
	return -ENOENT;
}

static int set_constant(struct bpf_object *object, const char *name, uint32_t value)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".rodata");
	int offset = find_constant(bpf_object__btf(object), name);
	size_t size = 0;
	const void *before = map ? bpf_map__initial_value(map, &size) : NULL;
	auto_free char *after = malloc(size ? size : 1);

	if (offset < 0 || !before || offset + sizeof(value) > size)
		return -ENOENT;
	if (!after)
		return -ENOMEM;
	memcpy(after, before, size);
	memcpy(after + offset, &value, sizeof(value));
	return bpf_map__set_initial_value(map, after, size);
}

int datapath_share_maps(const struct datapath *datapath, struct bpf_object *object)
{
	int error = use_maps(datapath, object, &datapath->tables);

	if (!error)
		error = set_constant(object, "sl_filter_bits", datapath->filter_bits);
	if (!error)
		error = set_constant(object, "sl_sources_max", datapath->tables.sources);
	if (!error)
		error = set_constant(object, "sl_region_lines", datapath->lines / SL_REGIONS);
	return error;
}
