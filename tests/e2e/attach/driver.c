/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives kernel/interfaces.h without an agent: reads a line at a time, answers each with lines and "done".
 *
 *   apply NAMES...   protect these; prints "attached N"
 *   flags NAMES...   the same under a policy that flags
 *   status           per interface: NAME ifindex MODE adopted|new flags|noflags PASSED WHY
 *   wait MS          run the loop that long
 *   detach           interfaces_detach_all()
 *
 * The maps are plain ones, pinned under the directory of the first argument ("" for none) and found there again by
 * the next driver: what the datapath does with its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/interfaces.h"
#include "sluice.skel.h"

#define NAMES_MAX 16

struct datapath {
	const char *pin_dir;
	struct sluice_bpf *maps;
};

const char *datapath_pin_dir(const struct datapath *datapath)
{
	return datapath->pin_dir;
}

bool datapath_is_pinned(const struct datapath *datapath)
{
	return datapath->pin_dir[0];
}

int datapath_share_maps(const struct datapath *datapath, struct bpf_object *object)
{
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		struct bpf_map *shared = bpf_object__find_map_by_name(datapath->maps->obj, name);

		if (!strcmp(name, "counters") || strchr(name, '.') || err)
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(shared));
	}
	return err;
}

static int open_maps(struct datapath *datapath)
{
	struct sl_config config = {.magic = SL_ABI_MAGIC, .abi_version = SL_ABI_VERSION};
	struct bpf_map *map;
	__u32 key = 0;

	datapath->maps = sluice_bpf__open();
	if (!datapath->maps)
		return -errno;
	bpf_object__for_each_map(map, datapath->maps->obj)
	{
		char path[256];

		if (!datapath->pin_dir[0] || strchr(bpf_map__name(map), '.') ||
		    !strcmp(bpf_map__name(map), "counters"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", datapath->pin_dir, bpf_map__name(map));
		if (bpf_map__set_pin_path(map, path))
			return -EINVAL;
	}
	if (sluice_bpf__load(datapath->maps))
		return -errno;
	return bpf_map_update_elem(bpf_map__fd(datapath->maps->maps.config), &key, &config, 0);
}

static bool print_status(void *context, const struct interface_status *status)
{
	static const char *const modes[] = {
#define MODE_LABEL(name, label, help) label,
		ATTACH_MODES(MODE_LABEL)
#undef MODE_LABEL
	};
	unsigned long long packets = 0;

	for (int i = 0; i < SL_REASON_COUNT; i++)
		packets += status->reasons[i].packets;
	printf("%s %u %s %s %s %llu %s\n", status->name, status->ifindex, modes[status->mode],
	       status->adopted ? "adopted" : "new", status->flags ? "flags" : "noflags", packets,
	       status->why);
	return true;
}

static void apply(struct interfaces *interfaces, char *names, bool flags)
{
	struct policy_tier tier = {.over = flags ? SL_OVER_FLAG : SL_OVER_DROP};
	char *at[NAMES_MAX + 1] = {};
	struct policy policy = {.interfaces = at, .tiers = &tier, .tier_count = 1};
	size_t attached;

	for (char *name = strtok(names, " "); name && policy.interface_count < NAMES_MAX;
	     name = strtok(NULL, " "))
		at[policy.interface_count++] = name;
	interfaces_apply(interfaces, &policy, &attached);
	printf("attached %zu\n", attached);
}

static void on_time(void *context, uint64_t now_ns)
{
	loop_stop(context);
}

static void run_for(struct loop *loop, unsigned long ms)
{
	struct loop_timer *timer;

	if (loop_at(loop, clock_now_ns() + ms * 1000000ull, 0, on_time, loop, &timer))
		return;
	(void)loop_run(loop); /* ends by the timer */
	loop_cancel(timer);
}

static void obey(struct loop *loop, struct interfaces *interfaces, char *line)
{
	char *rest = strchr(line, ' ');

	if (rest)
		*rest++ = '\0';
	else
		rest = line + strlen(line);
	if (!strcmp(line, "apply"))
		apply(interfaces, rest, false);
	else if (!strcmp(line, "flags"))
		apply(interfaces, rest, true);
	else if (!strcmp(line, "status"))
		interfaces_each(interfaces, print_status, NULL);
	else if (!strcmp(line, "wait"))
		run_for(loop, strtoul(rest, NULL, 10));
	else if (!strcmp(line, "detach"))
		interfaces_detach_all(interfaces);
	printf("done\n");
}

int main(int argc, char **argv)
{
	struct datapath datapath = {.pin_dir = argc > 1 ? argv[1] : ""};
	struct interfaces *interfaces;
	char error[INTERFACE_ERROR_MAX], line[256];
	struct loop *loop;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (datapath.pin_dir[0] && mkdir(datapath.pin_dir, 0700) && errno != EEXIST)
		return fprintf(stderr, "%s: %s\n", datapath.pin_dir, strerror(errno)), 1;
	if (argc > 2)
		log_set_level(LOG_LEVEL_DEBUG);
	if (loop_new(&loop) || interfaces_new(loop, &datapath, &interfaces, error))
		return fprintf(stderr, "%s\n", error), 1;
	if (open_maps(&datapath))
		return fprintf(stderr, "loading: %s\n", strerror(errno)), 1;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(loop, interfaces, line);
	}
	interfaces_free(interfaces);
	loop_free(loop);
	sluice_bpf__destroy(datapath.maps);
	return 0;
}
