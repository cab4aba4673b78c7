/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/compile.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "policy/numbering.h"
#include "policy/rate.h"
#include "policy/split.h"

#define EVENT_EVERY_NS (10 * NS_PER_SEC)
#define FINE_TICKS     16  /* a burst shorter than this many ticks would be judged too coarsely */
#define NESTED_MAX     130 /* prefixes that cover one another: every length of IPv6, and a marker */

/* ---- Trie entries ---- */

/* While rules are written: those that cover the last one, the longest on top. */
struct writer {
	struct compiled *out;
	const struct sl_rule *otherwise; /* the default */
	size_t covering[NESTED_MAX];
	size_t depth;
};

/* What an address of prefix gets from the rules written so far. */
static struct sl_rule rule_above(struct writer *writer, const struct prefix *prefix)
{
	const struct compiled_rule *rules = writer->out->rules;

	while (writer->depth &&
	       !prefix_covers(&rules[writer->covering[writer->depth - 1]].prefix, prefix))
		writer->depth--;
	return writer->depth ? rules[writer->covering[writer->depth - 1]].rule : *writer->otherwise;
}

static void write_rule(struct writer *writer, const struct prefix *prefix, struct sl_rule rule)
{
	struct compiled *out = writer->out;

	(void)rule_above(writer, prefix); /* only those that cover it stay */
	writer->covering[writer->depth++] = out->rule_count;
	out->rules[out->rule_count++] = (struct compiled_rule){*prefix, rule};
	if (prefix->family == ADDRESS_IPV4)
		out->rule4_count++;
}

/* Make sure that who asks for source i's source learns that it is split. */
static void mark_split(struct writer *writer, const struct policy *policy, size_t i)
{
	struct compiled *out = writer->out;
	struct prefix source;
	struct sl_rule rule;

	if (split_source(policy, i, &source)) {
		rule = rule_above(writer, &source);
		rule.flags |= SL_RULE_SPLIT;
		write_rule(writer, &source, rule);
		return;
	}
	/* The source's own entry, if the policy has one, stands right before the first longer one. */
	source = out->rules[out->rule_count - 1].prefix;
	if (source.bits == split_bits(policy, source.family))
		out->rules[out->rule_count - 1].rule.flags |= SL_RULE_SPLIT;
}

static bool is_tier(uint8_t tier)
{
	return tier != SL_TIER_ALLOW && tier != SL_TIER_DENY;
}

static uint8_t tier_number(const struct numbers *numbers, uint8_t tier)
{
	return is_tier(tier) ? numbers->tier[tier] : tier;
}

static int compile_rules(const struct policy *policy, const struct numbers *numbers,
			 struct compiled *out)
{
	struct trie_sizes sizes = trie_sizes(policy);
	struct writer writer = {.out = out, .otherwise = &out->policy->default_rule};

	out->rules = calloc(sizes.ipv4 + sizes.ipv6 + 1, sizeof(*out->rules));
	if (!out->rules)
		return -ENOMEM;
	for (size_t i = 0; i < policy->source_count; i++) {
		const struct policy_source *source = &policy->sources[i];
		struct sl_rule rule = {.id = numbers->rule[i],
				       .tier = tier_number(numbers, source->tier)};

		/* The whole internet is no explicit prefix: it would track every forged source. */
		if (is_tier(source->tier) && source->prefix.bits)
			rule.flags |= SL_RULE_NAMED;
		if (source->prefix.bits > split_bits(policy, source->prefix.family)) {
			mark_split(&writer, policy, i);
			rule.flags |= SL_RULE_SPLIT;
		}
		write_rule(&writer, &source->prefix, rule);
	}
	out->policy->has_rules4 = out->rule4_count > 0;
	out->policy->has_rules6 = out->rule_count > out->rule4_count;
	return 0;
}

/* ---- struct sl_policy ---- */

/* Returns the longest burst of the tier. */
static uint64_t compile_tier(const struct policy_tier *tier, uint64_t tick_ns, struct sl_tier *out)
{
	uint64_t longest_ns = 0;

	out->over = (uint8_t)tier->over;
	out->unlimited = tier->unlimited;
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		if (!tier->limited[kind])
			continue;
		out->limit[kind] =
			rate_limit(&tier->rate[kind], (enum sl_kind)kind, tier->flag_above_percent);
		if (out->limit[kind].burst_ns < FINE_TICKS * tick_ns)
			out->fine_clock = 1;
		if (out->limit[kind].burst_ns > longest_ns)
			longest_ns = out->limit[kind].burst_ns;
	}
	return longest_ns;
}

/* What a source that several tiers judge may owe is the longest burst of any. */
static void note_longest(const struct sl_tier *tier, struct sl_tier *any)
{
	for (int kind = 0; kind < SL_KIND_COUNT; kind++)
		if (tier->limit[kind].burst_ns > any->limit[kind].burst_ns)
			any->limit[kind] = tier->limit[kind];
}

static void set_bit(__u64 *words, unsigned bit)
{
	words[bit / 64] |= 1ull << bit % 64;
}

static void compile_protect(const struct policy_protect *protect, struct sl_policy *out)
{
	static const uint8_t protocol[SL_PORT_TABLES] = {
		[SL_PORTS_TCP] = IPPROTO_TCP,
		[SL_PORTS_UDP] = IPPROTO_UDP,
		[SL_PORTS_SCTP] = IPPROTO_SCTP,
	};

	out->protect_everything = protect->everything;
	for (unsigned i = 0; i < sizeof(protect->whole); i++)
		if (protect->whole[i])
			set_bit(out->protocols, i);
	for (unsigned table = 0; table < SL_PORT_TABLES; table++) {
		for (size_t i = 0; i < protect->range_count[table]; i++) {
			struct port_range range = protect->ranges[table][i];

			for (unsigned port = range.first; port <= range.last; port++)
				set_bit(out->ports[table], port);
		}
		if (protect->range_count[table])
			set_bit(out->port_protocols, protocol[table]);
	}
}

static void compile_policy(const struct policy *policy, const struct numbers *numbers,
			   uint64_t tick_ns, struct compiled *compiled)
{
	struct sl_policy *out = compiled->policy;

	out->scope_everything = policy->scope_everything;
	out->source_bits4 = policy->source_bits.ipv4;
	out->source_bits6 = policy->source_bits.ipv6;
	out->flag_mark = policy->flag.mark;
	out->flag_mask = policy->flag.mask;
	out->ban_after = policy->bans.after;
	out->ban_within_ns = policy->bans.within_ns;
	out->ban_for_ns = policy->bans.for_ns;
	out->ban_max_ns = policy->bans.max_ns;
	out->event_every_ns = EVENT_EVERY_NS;
	out->default_rule.tier = tier_number(numbers, policy->default_tier);
	compile_protect(&policy->protect, out);
	for (size_t i = 0; i < policy->tier_count; i++) {
		struct sl_tier *tier = &out->tier[numbers->tier[i]];
		uint64_t longest_ns = compile_tier(&policy->tiers[i], tick_ns, tier);

		note_longest(tier, &out->tier[SL_TIER_UNCACHED]);
		if (longest_ns > compiled->longest_burst_ns)
			compiled->longest_burst_ns = longest_ns;
	}
}

int policy_compile(const struct policy *policy, uint32_t generation, uint64_t tick_ns,
		   struct numbering *numbering, struct compiled *ret_compiled)
{
	struct compiled compiled = {.policy = calloc(1, sizeof(struct sl_policy))};
	struct numbers numbers;
	struct numbering *next;
	int err;

	if (!compiled.policy)
		return -ENOMEM;
	err = numbering_assign(numbering, policy, generation, &next, &numbers);
	if (err) {
		compiled_free(&compiled);
		return err;
	}
	compiled.policy->generation = generation;
	compile_policy(policy, &numbers, tick_ns, &compiled);
	err = compile_rules(policy, &numbers, &compiled);
	free(numbers.rule);
	if (err) {
		numbering_free(next);
		compiled_free(&compiled);
		return err;
	}
	numbering_become(numbering, next);
	*ret_compiled = compiled;
	return 0;
}

void compiled_free(struct compiled *compiled)
{
	free(compiled->policy);
	free(compiled->rules);
	*compiled = (struct compiled){0};
}
