/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A policy into force: fill the slot that is not, switch one 32-bit word, wait for the packets still under the old one.
 *
 * Everything that can fail comes before the switch. The idle slot may be written because the switch that made it idle
 * was followed by a grace period.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/datapath_private.h"
#include "kernel/trie_key.h"
#include "policy/http_policy.h"

#define RELEASED_MAX 65536 /* rule numbers freed by one load; more are freed by the next ones */

struct loading {
	struct datapath *datapath;
	const struct policy *policy;
	struct compiled compiled;
	uint32_t generation;
	uint32_t slot;
	char (*tier_names)[POLICY_NAME_MAX +
			   1]; /* before, by number; "" for a number without a name */
};

static void loading_end(struct loading *loading)
{
	compiled_free(&loading->compiled);
	free(loading->tier_names);
}

/* The tick of the clock that packets under a long burst are judged by. */
static uint64_t coarse_tick_ns(void)
{
	struct timespec tick = {};

	clock_getres(CLOCK_MONOTONIC_COARSE, &tick); /* cannot fail for this clock */
	return (uint64_t)tick.tv_sec * 1000000000ull + (uint64_t)tick.tv_nsec;
}

/* Names of tier numbers: one that changes hands must not inherit the counters. */
static int note_tier_names(struct loading *loading)
{
	loading->tier_names = calloc(SL_TIERS_MAX, sizeof(*loading->tier_names));
	if (!loading->tier_names)
		return -ENOMEM;
	for (unsigned tier = 0; tier < SL_TIERS_MAX; tier++) {
		const char *name = numbering_tier_name(loading->datapath->numbering, (uint8_t)tier);

		snprintf(loading->tier_names[tier], sizeof(*loading->tier_names), "%s",
			 name ? name : "");
	}
	return 0;
}

/* Keys and values of one family's rules, as one batch wants them. */
static int fill_trie(int fd, const struct compiled_rule *rules, size_t count,
		     enum address_family family)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint32_t key_size = trie_key_size(family), done = (uint32_t)count;
	auto_free char *keys = calloc(count ? count : 1, key_size);
	auto_free struct sl_rule *values = calloc(count ? count : 1, sizeof(*values));

	if (!keys || !values)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		union trie_key key = trie_key_of(&rules[i].prefix);

		memcpy(keys + i * key_size, &key, key_size);
		values[i] = rules[i].rule;
	}
	return count ? bpf_map_update_batch(fd, keys, values, &done, &opts) : 0;
}

/* Make one family's trie and put it into the idle slot of its outer map, which holds it from then on. */
static int load_family(const struct loading *loading, enum address_family family)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	bool is_ipv4 = family == ADDRESS_IPV4;
	const struct compiled *compiled = &loading->compiled;
	size_t first = is_ipv4 ? 0 : compiled->rule4_count;
	size_t count =
		is_ipv4 ? compiled->rule4_count : compiled->rule_count - compiled->rule4_count;
	size_t room = loading->policy->tables.prefixes;
	int outer = loading->datapath->fd[is_ipv4 ? DATAPATH_MAP_policy4 : DATAPATH_MAP_policy6];
	auto_close int fd = -1;
	int error;

	/* Markers above longer prefixes come on top of what the policy counts; a trie takes memory as it fills. */
	if (room < count)
		room = count;
	fd = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, is_ipv4 ? "rules4" : "rules6",
			    trie_key_size(family), sizeof(struct sl_rule),
			    (uint32_t)(room ? room : 1), &opts);
	if (fd < 0)
		return -errno;
	error = fill_trie(fd, compiled->rules + first, count, family);
	return error ? error : bpf_map_update_elem(outer, &loading->slot, &fd, BPF_ANY);
}

static void zero_tier(const struct datapath *datapath, uint32_t tier)
{
	auto_free struct sl_tally *none = calloc((size_t)datapath->cpus, sizeof(*none));

	if (none)
		(void)bpf_map_update_elem(datapath->fd[DATAPATH_MAP_tiers], &tier, none,
					  BPF_EXIST); /* cannot fail: every index exists */
}

/* Numbers that nobody has counted under for two generations begin at 0 with their next owner. */
static void clear_reused_tiers(const struct loading *loading)
{
	const struct datapath *datapath = loading->datapath;

	for (unsigned tier = 0; tier < SL_TIERS_MAX; tier++) {
		const char *name = numbering_tier_name(datapath->numbering, (uint8_t)tier);

		if (name && strcmp(name, loading->tier_names[tier]))
			zero_tier(datapath, tier);
	}
}

static void delete_rule_counters(struct datapath *datapath, uint32_t generation)
{
	auto_free uint32_t *ids = calloc(RELEASED_MAX, sizeof(*ids));
	size_t count =
		ids ? numbering_released(datapath->numbering, generation, ids, RELEASED_MAX) : 0;

	for (size_t i = 0; i < count; i++)
		(void)bpf_map_delete_elem(datapath->fd[DATAPATH_MAP_rules],
					  &ids[i]); /* never hit: there is none */
}

/* Counters whose numbers nobody can explain any more. */
static void delete_all_rule_counters(struct datapath *datapath)
{
	int fd = datapath->fd[DATAPATH_MAP_rules];
	uint32_t id, *at = NULL;

	while (!bpf_map_get_next_key(fd, at, &id))
		if (bpf_map_delete_elem(fd, &id))
			at = &id;
	datapath->numbering_lost = false;
}

/* Steps that may fail; packets notice none of them. */
static int prepare(struct loading *loading)
{
	struct datapath *datapath = loading->datapath;
	int error = load_family(loading, ADDRESS_IPV4);

	if (!error)
		error = load_family(loading, ADDRESS_IPV6);
	if (!error)
		error = bpf_map_update_elem(datapath->fd[DATAPATH_MAP_policies], &loading->slot,
					    loading->compiled.policy, BPF_ANY);
	return error ? error : numbers_write(datapath);
}

/* As long as the longest ban of either plane; where neither bans by itself: as long as before. */
static uint64_t remember_strikes_for(const struct policy *policy, uint64_t before_ns)
{
	const struct http_escalate *escalate = policy->http ? &policy->http->escalate : NULL;
	uint64_t longest_ns = policy->bans.max_ns;

	if (escalate && escalate->enabled && escalate->max_ns > longest_ns)
		longest_ns = escalate->max_ns;
	return longest_ns ? longest_ns : before_ns;
}

static void switch_over(struct loading *loading)
{
	struct datapath *datapath = loading->datapath;
	struct sl_config *config = datapath->config;

	clear_reused_tiers(loading);
	if (datapath->numbering_lost)
		delete_all_rule_counters(datapath);
	/* First: a debt of the new bursts read with the old horizon would be taken for the past. */
	if (config->longest_burst_ns < loading->compiled.longest_burst_ns)
		__atomic_store_n(&config->longest_burst_ns, loading->compiled.longest_burst_ns,
				 __ATOMIC_RELEASE);
	__atomic_store_n(&config->generation, loading->generation, __ATOMIC_RELEASE);
	datapath_wait_for_packets(datapath);

	datapath->bits = loading->policy->source_bits;
	datapath->ban_max_ns = remember_strikes_for(loading->policy, datapath->ban_max_ns);
	delete_rule_counters(datapath, loading->generation);
}

/* Before the first policy, too: bans may have been put back under the usual lengths. */
static bool changes_bits(const struct loading *loading)
{
	struct source_bits now = loading->datapath->bits, then = loading->policy->source_bits;

	return now.ipv4 != then.ipv4 || now.ipv6 != then.ipv6;
}

static int load(struct loading *loading)
{
	struct datapath *datapath = loading->datapath;
	struct rekey *rekey = NULL;
	int error = note_tier_names(loading);

	if (!error)
		error = policy_compile(loading->policy, loading->generation, coarse_tick_ns(),
				       datapath->numbering, &loading->compiled);
	if (!error)
		error = prepare(loading);
	if (!error && changes_bits(loading))
		error = rekey_begin(datapath, loading->policy->source_bits, &rekey);
	if (error)
		return error;

	switch_over(loading);
	rekey_finish(rekey);
	return 0;
}

int datapath_load_policy(struct datapath *datapath, const struct policy *policy,
			 char error_text[static DATAPATH_ERROR_MAX])
{
	struct loading loading = {
		.datapath = datapath,
		.policy = policy,
		.generation = datapath->config->generation + 1,
	};
	int error;

	/* 0 means that there is no policy yet; its slot is that of 2^32. */
	if (!loading.generation)
		loading.generation = 2;
	loading.slot = loading.generation & 1;
	error = load(&loading);
	if (error)
		snprintf(error_text, DATAPATH_ERROR_MAX, "loading the policy into the kernel: %s",
			 error == -ENOSPC ? "more prefixes or bans than the tables hold"
					  : strerror(-error));
	loading_end(&loading);
	return error;
}
