/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/report.h"

#include <inttypes.h>
#include <stdio.h>

#include <sluice/bucket.h>

#include "base/duration.h"
#include "policy/rate.h"
#include "policy/split.h"

/* What the kernel takes for one element, its own header included (Linux 6.1 to 6.18, 64 bits). */
#define HASH_ELEMENT(value) (48 + 16 + (value)) /* header, key, value */
#define HASH_BUCKET	    16
#define BAN_ELEMENT	    96	/* of 48 + 16 + 24, as the kernel's allocator rounds it */
#define TRIE_ENTRY	    147 /* a leaf and its share of the inner nodes: 140 MiB for a million */
#define FRAME_LEN	    1514 /* what a forger sends against a byte limit: the largest lasts longest */

static uint64_t power_of_two(uint64_t number)
{
	uint64_t power = 1;

	while (power < number)
		power *= 2;
	return power;
}

/* "12.5 MiB" */
static const char *memory_text(uint64_t bytes, char out[static 32])
{
	if (bytes < 1 << 20)
		snprintf(out, 32, "%.1f KiB", (double)bytes / 1024);
	else
		snprintf(out, 32, "%.1f MiB", (double)bytes / (1 << 20));
	return out;
}

static void add_memory(struct buffer *out, const char *what, uint64_t entries, uint64_t bytes)
{
	char text[32], count[24] = ""; /* a sum of different entries is none */

	if (entries)
		snprintf(count, sizeof(count), "%" PRIu64, entries);
	buffer_printf(out, "  %-40s %10s %12s\n", what, count, memory_text(bytes, text));
}

static void report_memory(const struct policy *policy, struct buffer *out)
{
	const struct policy_tables *tables = &policy->tables;
	const uint64_t filter = (uint64_t)tables->sources * SL_FILTER_BITS * 2 / 8;
	const uint64_t sources =
		(uint64_t)tables->sources * HASH_ELEMENT(sizeof(struct sl_tracked)) +
		power_of_two(tables->sources) * HASH_BUCKET + filter;
	const uint64_t ban_buckets = power_of_two(tables->bans) * HASH_BUCKET;
	const uint64_t bans = ban_buckets + (uint64_t)tables->bans * BAN_ELEMENT;
	struct trie_sizes sizes = trie_sizes(policy);
	const uint64_t prefixes = sizes.ipv4 + sizes.ipv6;
	const uint64_t now = sources + tables->strangers + ban_buckets + prefixes * TRIE_ENTRY;

	buffer_printf(out, "%-42s %10s %12s\n", "memory", "entries", "at most");
	add_memory(out, "tracked sources, taken at the start", tables->sources, sources);
	add_memory(out, "strangers, taken at the start", tables->strangers / sizeof(__u64),
		   tables->strangers);
	add_memory(out, "bans of single sources, when full", tables->bans, bans);
	add_memory(out, "prefixes of this policy", prefixes, prefixes * TRIE_ENTRY);
	add_memory(out, "the same while a reload has two copies", 2 * prefixes,
		   2 * prefixes * TRIE_ENTRY);
	add_memory(out, "all of it after the start", 0, now);
	add_memory(out, "all of it, bans full, during a reload", 0,
		   sources + tables->strangers + bans + 2 * prefixes * TRIE_ENTRY);
}

/* Debts that one region holds, over the time for which one lasts. */
static double withstood(const struct policy *policy, const struct sl_limit *limit,
			enum sl_kind kind)
{
	const double words = (double)policy->tables.strangers / sizeof(__u64) / SL_REGIONS;

	return words * (double)NS_PER_SEC / (double)sl_limit_cost_ns(limit, kind, FRAME_LEN);
}

/* "13.1 million" */
static const char *rate_text(double per_second, char out[static 32])
{
	if (per_second >= 1e9)
		snprintf(out, 32, "%.1f billion", per_second / 1e9);
	else if (per_second >= 1e6)
		snprintf(out, 32, "%.1f million", per_second / 1e6);
	else
		snprintf(out, 32, "%.0f", per_second);
	return out;
}

static void report_limit(const struct policy *policy, const struct policy_tier *tier,
			 enum sl_kind kind, struct buffer *out)
{
	char rate[RATE_TEXT_MAX], flood[32];
	struct sl_limit limit;

	if (!tier->limited[kind])
		return;
	limit = rate_limit(&tier->rate[kind], kind, 0);
	buffer_printf(out, "  %-20s %-11s %-30s %14s\n", tier->name, rate_kind_name(kind),
		      rate_format(&tier->rate[kind], kind, rate),
		      rate_text(withstood(policy, &limit, kind), flood));
}

void policy_report(const struct policy *policy, struct buffer *out)
{
	if (!policy->has_packet_plane)
		return;
	report_memory(policy, out);
	buffer_add_text(out,
			"\nforged packets a second, each from another source, that the strangers "
			"table withstands\n");
	for (size_t i = 0; i < policy->tier_count; i++)
		for (int kind = 0; kind < SL_KIND_COUNT; kind++)
			report_limit(policy, &policy->tiers[i], (enum sl_kind)kind, out);
}
