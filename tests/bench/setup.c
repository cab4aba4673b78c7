// SPDX-License-Identifier: BSD-2-Clause
/* The state before a measurement: made by the agent's own code, from a policy file. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "kernel/datapath.h"
#include "policy/policy.h"

#define XDP_FILTER_OBJECT BENCH_BPF_LIBRARY "/xdpfilt_alw_ip.o"
/* Its policy "allow": all pass but whom it lists. */
#define XDP_FILTER_BY_SRC 1ull /* bit of a value of its map: deny as a source */

void die(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

static struct policy *read_policy(const char *path)
{
	static struct policy_problems problems;
	struct policy *policy = NULL;

	if (!policy_read(path, &problems, NULL, &policy))
		return policy;
	fprintf(stderr, "bench: %s: line %u: %s\n", path, problems.at[0].place.line,
		problems.at[0].text);
	exit(1);
}

static void refused(void *context, const struct ban *ban, const char *why)
{
	fprintf(stderr, "bench: ban: %s\n", why);
	exit(1);
}

static void ban_sources(struct datapath *datapath, const struct policy *policy, uint32_t first,
			uint32_t count)
{
	auto_free struct ban *bans = calloc(count, sizeof(*bans));
	uint64_t now_ns = clock_now_ns();
	size_t banned;
	int error;

	if (!bans)
		die("bans", ENOMEM);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t address_be = htonl(first + i);

		bans[i].prefix.family = ADDRESS_IPV4;
		bans[i].prefix.bits = 32;
		memcpy(bans[i].prefix.byte, &address_be, sizeof(address_be));
		bans[i].since_ns = now_ns;
		bans[i].until_ns = now_ns + 3600 * NS_PER_SEC;
	}
	error = datapath_ban_all(datapath, policy, bans, count, refused, NULL, &banned);
	if (error || banned != count)
		die("bans", error ? error : ENOSPC);
}

struct datapath *setup_datapath(const struct bench_options *options)
{
	struct policy *policy = read_policy(options->policy);
	struct datapath_options how = {.tables = policy->tables};
	struct datapath *datapath = NULL;
	enum datapath_origin origin;
	char error[DATAPATH_ERROR_MAX] = "";

	log_set_level(LOG_LEVEL_WARNING);
	if (datapath_open(&how, &datapath, &origin, error) ||
	    datapath_load_policy(datapath, policy, error)) {
		fprintf(stderr, "bench: %s\n", error);
		exit(1);
	}
	if (options->bans)
		ban_sources(datapath, policy, BENCH_FIRST_SOURCE, options->bans);
	if (options->other_bans)
		ban_sources(datapath, policy, BENCH_LAST_SOURCE + 1, options->other_bans);
	policy_free(policy);
	return datapath;
}

void setup_end(struct datapath *datapath)
{
	datapath_remove(datapath);
}

/* Its counters are per CPU: a value for each. */
static void deny_sources(int map, uint32_t count)
{
	auto_free uint64_t *values = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values));

	if (!values)
		die("xdp-filter", ENOMEM);
	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
		values[cpu] = XDP_FILTER_BY_SRC;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t address_be = htonl(BENCH_FIRST_SOURCE + i);
		int error = bpf_map_update_elem(map, &address_be, values, BPF_ANY);

		if (error)
			die("xdp-filter: deny", error);
	}
}

int setup_xdp_filter(const struct bench_options *options)
{
	struct bpf_object *object = bpf_object__open(XDP_FILTER_OBJECT);
	struct bpf_program *program;
	struct bpf_map *map;
	int error;

	if (!object)
		die(XDP_FILTER_OBJECT, errno);
	bpf_object__for_each_map(map, object) bpf_map__set_pin_path(map, NULL);
	map = bpf_object__find_map_by_name(object, "filter_ipv4");
	program = bpf_object__next_program(object, NULL);
	if (!map || !program)
		die(XDP_FILTER_OBJECT, ENOENT);
	/* It comes with room for 10,000. */
	if (options->bans)
		bpf_map__set_max_entries(map, options->bans);
	bpf_program__set_type(program, BPF_PROG_TYPE_XDP);
	error = bpf_object__load(object);
	if (error)
		die("xdp-filter: load", error);
	deny_sources(bpf_map__fd(map), options->bans);
	return bpf_program__fd(program);
}
