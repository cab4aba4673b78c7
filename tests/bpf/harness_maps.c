// SPDX-License-Identifier: BSD-2-Clause
/* The harness reads maps, and writes what the agent would write there. */
#include "harness_private.h"

#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* ---- Reading --------------------------------------------------------------------------------- */

struct sl_state *harness_state(struct harness *harness)
{
	return harness->state;
}

struct sl_line *harness_strangers(struct harness *harness, size_t *ret_lines)
{
	*ret_lines = harness_strangers_size(harness) / sizeof(struct sl_line);
	return harness->strangers;
}

struct sl_count harness_reason_total(struct harness *harness, enum sl_reason reason)
{
	struct sl_count per_cpu[CPUS_MAX], total = {};
	uint32_t key = reason;

	assert_int_equal(bpf_map_lookup_elem(harness_map(harness, "counters"), &key, per_cpu), 0);
	for (int cpu = 0; cpu < harness->cpus; cpu++) {
		total.packets += per_cpu[cpu].packets;
		total.bytes += per_cpu[cpu].bytes;
	}
	return total;
}

uint64_t harness_reason_count(struct harness *harness, enum sl_reason reason)
{
	return harness_reason_total(harness, reason).packets;
}

uint64_t harness_fault_count(struct harness *harness, enum sl_fault fault)
{
	uint64_t per_cpu[CPUS_MAX], total = 0;
	uint32_t key = fault;

	assert_int_equal(bpf_map_lookup_elem(harness_map(harness, "faults"), &key, per_cpu), 0);
	for (int cpu = 0; cpu < harness->cpus; cpu++)
		total += per_cpu[cpu];
	return total;
}

static struct sl_tally tally(struct harness *harness, const char *map, uint32_t key)
{
	struct sl_tally per_cpu[CPUS_MAX], total = {};

	if (bpf_map_lookup_elem(harness_map(harness, map), &key, per_cpu))
		return total;
	for (int cpu = 0; cpu < harness->cpus; cpu++) {
		for (int verdict = 0; verdict < SL_VERDICT_COUNT; verdict++) {
			total.by_verdict[verdict].packets +=
				per_cpu[cpu].by_verdict[verdict].packets;
			total.by_verdict[verdict].bytes += per_cpu[cpu].by_verdict[verdict].bytes;
		}
	}
	return total;
}

struct sl_tally harness_tier(struct harness *harness, const char *tier)
{
	int number = numbering_tier(harness->numbering, tier);

	if (!strcmp(tier, "allow"))
		number = SL_TIER_ALLOW;
	if (!strcmp(tier, "deny"))
		number = SL_TIER_DENY;
	assert_in_range(number, 0, 255);
	return tally(harness, "tiers", (uint32_t)number);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix = {};

	assert_int_equal(prefix_parse(bytes_of(text), &prefix, NULL), PREFIX_OK);
	return prefix;
}

struct sl_tally harness_rule(struct harness *harness, const char *text)
{
	struct prefix prefix = prefix_of(text);
	uint32_t rule = numbering_rule(harness->numbering, &prefix);

	assert_int_not_equal(rule, 0);
	return tally(harness, "rules", rule);
}

struct sl_source harness_source(struct harness *harness, const char *address)
{
	struct prefix prefix = prefix_of(address);

	return source_of(&prefix, harness->bits);
}

bool harness_tracked(struct harness *harness, const char *address, struct sl_tracked *ret_tracked)
{
	struct sl_source source = harness_source(harness, address);

	return !bpf_map_lookup_elem(harness_map(harness, "sources"), &source, ret_tracked);
}

bool harness_ban_of(struct harness *harness, const char *address, struct sl_ban *ret_ban)
{
	struct sl_source source = harness_source(harness, address);

	return !bpf_map_lookup_elem(harness_map(harness, "bans"), &source, ret_ban);
}

/* ---- What the agent writes ---------------------------------------------------------------------- */

void harness_ban(struct harness *harness, const char *address, uint64_t until_ns)
{
	const struct sl_ban ban = {.until_ns = until_ns, .since_ns = harness_now(harness)};
	struct sl_source source = harness_source(harness, address);

	harness_filter_add(harness, &source);
	assert_int_equal(
		bpf_map_update_elem(harness_map(harness, "bans"), &source, &ban, BPF_NOEXIST), 0);
	__atomic_fetch_add(&harness->state->bans, 1, __ATOMIC_RELAXED);
}

/* Add value to the trie called family4 or family6, and return the family's bit for the configuration. */
static uint32_t add_to_trie(struct harness *harness, const char *name, const char *text,
			    const void *value)
{
	struct prefix prefix = prefix_of(text);
	struct sl_prefix6 key = {.bits = prefix.bits};
	char map[32];

	memcpy(key.byte, prefix.byte, sizeof(key.byte));
	snprintf(map, sizeof(map), "%s%u", name, prefix.family);
	assert_int_equal(bpf_map_update_elem(harness_map(harness, map), &key, value, BPF_ANY), 0);
	return prefix.family == ADDRESS_IPV4 ? 1 : 2;
}

struct sl_config harness_read_config(struct harness *harness)
{
	struct sl_config config;
	uint32_t key = 0;

	assert_int_equal(bpf_map_lookup_elem(harness_map(harness, "config"), &key, &config), 0);
	return config;
}

void harness_write_config(struct harness *harness, const struct sl_config *config)
{
	uint32_t key = 0;

	assert_int_equal(bpf_map_update_elem(harness_map(harness, "config"), &key, config, 0), 0);
}

void harness_close_sources(struct harness *harness)
{
	struct sl_config config = harness_read_config(harness);

	config.sources_open = 0;
	harness_write_config(harness, &config);
}

void harness_ban_prefix(struct harness *harness, const char *prefix, uint64_t until_ns)
{
	const struct sl_ban ban = {.until_ns = until_ns, .since_ns = harness_now(harness)};
	struct sl_config config = harness_read_config(harness);

	config.has_ban_prefixes |= add_to_trie(harness, "ban_prefixes", prefix, &ban);
	harness_write_config(harness, &config);
}

void harness_allow(struct harness *harness, const char *prefix, uint64_t until_ns)
{
	const struct sl_allow allow = {.until_ns = until_ns};
	struct sl_config config = harness_read_config(harness);

	config.has_allows |= add_to_trie(harness, "allows", prefix, &allow);
	harness_write_config(harness, &config);
}
