/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading: sources, strangers, counters, fill. */
#include <bpf/bpf.h>
#include <errno.h>

#include "base/cleanup.h"
#include "kernel/datapath_private.h"

int datapath_each_source(const struct datapath *datapath, datapath_source_fn *fn, void *context)
{
	auto_walk struct map_walk walk = {};
	int error = map_walk_begin(&walk, datapath->fd[DATAPATH_MAP_sources],
				   sizeof(struct sl_source), sizeof(struct sl_tracked));

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++)
			if (!fn(context, map_walk_key(&walk, i), map_walk_value(&walk, i)))
				return 0;
	} while (walk.count);
	return 0;
}

int datapath_find_source(const struct datapath *datapath, const struct sl_source *source,
			 struct sl_tracked *ret_tracked)
{
	struct sl_tracked tracked;

	if (bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_sources], source, &tracked))
		return -ENOENT;
	*ret_tracked = tracked;
	return 0;
}

/* What the word of this tag in one of a source's two lines owes; the greater, should both have it. */
static uint64_t owed_in_lines(const struct datapath *datapath, uint64_t hash, uint32_t region,
			      enum sl_kind kind, uint64_t now_ns)
{
	uint32_t tag = sl_tag_of(hash, kind);
	uint64_t owed_ns = 0;

	for (int choice = 0; choice < 2; choice++) {
		uint32_t line = sl_line_index(hash, choice, region, datapath->lines / SL_REGIONS);

		for (int i = 0; i < SL_LINE_WORDS; i++) {
			uint64_t word = __atomic_load_n(&datapath->strangers[line].word[i],
							__ATOMIC_RELAXED);
			uint64_t owes_ns =
				sl_word_tag(word) == tag
					? sl_word_owed(word, now_ns,
						       datapath->config->longest_burst_ns)
					: 0;

			if (owes_ns > owed_ns)
				owed_ns = owes_ns;
		}
	}
	return owed_ns;
}

void datapath_stranger_owed(const struct datapath *datapath, const struct sl_source *source,
			    const struct sl_tier *tier, uint64_t now_ns,
			    uint64_t ret_owed_ns[SL_KIND_COUNT])
{
	uint64_t hash = sl_source_hash(datapath->secret, source);

	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &tier->limit[kind];
		uint64_t owed_ns = 0;

		if (limit->cost)
			owed_ns = owed_in_lines(datapath, hash, limit->region % SL_REGIONS, kind,
						now_ns);
		ret_owed_ns[kind] = owed_ns < limit->burst_ns ? owed_ns : limit->burst_ns;
	}
}

int datapath_policy(const struct datapath *datapath, struct sl_policy *ret_policy)
{
	uint32_t generation = datapath->config->generation, slot = generation & 1;

	if (!generation)
		return -ENOENT;
	return bpf_map_lookup_elem(datapath->fd[DATAPATH_MAP_policies], &slot, ret_policy);
}

static void add_up(const uint64_t *each, int cpus, uint64_t *sum, size_t words)
{
	for (size_t i = 0; i < (size_t)cpus * words; i++)
		sum[i % words] += each[i];
}

/* Sum of the words of a per-CPU value of `words` words. */
static void sum_cpus(const struct datapath *datapath, enum datapath_map map, uint32_t key,
		     uint64_t *ret_sum, size_t words)
{
	auto_free uint64_t *each = calloc((size_t)datapath->cpus * words, sizeof(*each));

	memset(ret_sum, 0, words * sizeof(*ret_sum));
	if (!each || bpf_map_lookup_elem(datapath->fd[map], &key, each))
		return;
	add_up(each, datapath->cpus, ret_sum, words);
}

#define TALLY_WORDS (sizeof(struct sl_tally) / sizeof(uint64_t))

void datapath_tier_tally(const struct datapath *datapath, uint8_t tier, struct sl_tally *ret_tally)
{
	sum_cpus(datapath, DATAPATH_MAP_tiers, tier, (uint64_t *)ret_tally, TALLY_WORDS);
}

void datapath_rule_tally(const struct datapath *datapath, uint32_t rule, struct sl_tally *ret_tally)
{
	sum_cpus(datapath, DATAPATH_MAP_rules, rule, (uint64_t *)ret_tally, TALLY_WORDS);
}

int datapath_each_rule(const struct datapath *datapath, datapath_rule_fn *fn, void *context)
{
	auto_walk struct map_walk walk = {};
	int error = map_walk_begin(&walk, datapath->fd[DATAPATH_MAP_rules], sizeof(uint32_t),
				   (uint32_t)datapath->cpus * sizeof(struct sl_tally));

	if (error)
		return error;
	do {
		error = map_walk_step(&walk);
		if (error)
			return error;
		for (uint32_t i = 0; i < walk.count; i++) {
			const uint32_t *rule = map_walk_key(&walk, i);
			struct sl_tally sum = {};

			add_up(map_walk_value(&walk, i), datapath->cpus, (uint64_t *)&sum,
			       TALLY_WORDS);
			if (!fn(context, *rule, &sum))
				return 0;
		}
	} while (walk.count);
	return 0;
}

uint64_t datapath_fault_count(const struct datapath *datapath, enum sl_fault fault)
{
	uint64_t count;

	sum_cpus(datapath, DATAPATH_MAP_faults, fault, &count, 1);
	return count;
}

static uint64_t count_owing(const struct datapath *datapath, uint64_t now_ns)
{
	const __u64 *word = datapath->strangers[0].word;
	uint64_t longest_ns = datapath->config->longest_burst_ns, owing = 0;

	for (size_t i = 0; i < (size_t)datapath->lines * SL_LINE_WORDS; i++)
		owing += word[i] && sl_word_owed(word[i], now_ns, longest_ns);
	return owing;
}

static size_t tree_count(const struct prefix_tree *tree)
{
	return tree->count[PREFIX_TREE_IPV4] + tree->count[PREFIX_TREE_IPV6];
}

void datapath_fill(const struct datapath *datapath, uint64_t now_ns, struct datapath_fill *ret_fill)
{
	*ret_fill = (struct datapath_fill){
		.sources = __atomic_load_n(&datapath->state->tracked, __ATOMIC_RELAXED),
		.sources_max = datapath->tables.sources,
		.bans = __atomic_load_n(&datapath->state->bans, __ATOMIC_RELAXED),
		.bans_max = datapath->tables.bans,
		.ban_prefixes = tree_count(&datapath->bans),
		.allows = tree_count(&datapath->allows),
		.strangers_owing = count_owing(datapath, now_ns),
		.strangers_words = (uint64_t)datapath->lines * SL_LINE_WORDS,
	};
}
