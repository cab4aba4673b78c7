/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/explanation.h"

#include <stdarg.h>
#include <stdio.h>

#include <sluice/bucket.h>

#include "base/duration.h"
#include "policy/rate.h"

static const char *const kinds[SL_KIND_COUNT] = {
	[SL_PACKETS] = "packets",
	[SL_BYTES] = "bytes",
	[SL_CONNECTIONS] = "connections",
};

static const char *const limit_names[SL_KIND_COUNT] = {
	[SL_PACKETS] = "packet limit",
	[SL_BYTES] = "byte limit",
	[SL_CONNECTIONS] = "connection limit",
};

const char *explanation_kind(enum sl_kind kind)
{
	return kinds[kind];
}

static void __attribute__((format(printf, 3, 4)))
conclude(struct explanation *explanation, enum sl_reason reason, const char *format, ...)
{
	static const enum sl_verdict verdicts[] = {
#define VERDICT(name, verdict, label, help) [SL_##name] = SL_##verdict,
		SL_REASONS(VERDICT)
#undef VERDICT
	};
	va_list args;

	explanation->reason = reason;
	explanation->verdict = verdicts[reason];
	va_start(args, format);
	(void)vsnprintf(explanation->why, sizeof(explanation->why), format, args); /* for people */
	va_end(args);
}

static void describe_limit(const struct sl_limit *limit, uint64_t owed_ns,
			   struct explained_limit *ret_limit)
{
	uint64_t left_ns;

	*ret_limit = (struct explained_limit){.is_limited = limit->cost != 0};
	if (!limit->cost || !limit->burst_ns)
		return;
	left_ns = limit->burst_ns - owed_ns;
	ret_limit->share = (double)left_ns / (double)limit->burst_ns;
	ret_limit->tokens = left_ns / limit->cost;
}

/* A byte costs a fraction of a nanosecond, in fixed point. */
static void describe_bytes(const struct sl_limit *limit, uint64_t owed_ns,
			   struct explained_limit *ret_limit)
{
	describe_limit(limit, owed_ns, ret_limit);
	if (limit->cost)
		ret_limit->tokens = (uint64_t)((double)(limit->burst_ns - owed_ns) *
					       (double)(1u << SL_BYTE_SHIFT) / (double)limit->cost);
}

/* "0.4 ms", "12.3 s": when so much is over. */
static const char *format_wait(uint64_t wait_ns, char *out, size_t size)
{
	double wait = (double)wait_ns;

	if (wait_ns < NS_PER_MS)
		(void)snprintf(out, size, "%.3g us", wait / 1e3);
	else if (wait_ns < NS_PER_SEC)
		(void)snprintf(out, size, "%.3g ms", wait / 1e6);
	else
		(void)snprintf(out, size, "%.1f s", wait / 1e9);
	return out;
}

static uint8_t tier_index(const struct explanation_input *input)
{
	return input->rule ? input->rule->tier : input->policy->default_tier;
}

/* "line 14 of the policy" or "the policy's default". */
static const char *format_rule(const struct explanation_input *input, char *out, size_t size)
{
	char prefix[PREFIX_TEXT_MAX];

	if (!input->rule)
		(void)snprintf(out, size, "the policy's default");
	else
		(void)snprintf(out, size, "%s, line %u of the policy",
			       prefix_format(&input->rule->prefix, prefix),
			       input->rule->place.line);
	return out;
}

static void conclude_over(const struct explanation_input *input, enum sl_kind kind,
			  uint64_t short_ns, struct explanation *explanation)
{
	static const enum sl_reason dropped[] = {SL_OVER_PACKETS, SL_OVER_BYTES,
						 SL_OVER_CONNECTIONS};
	static const enum sl_reason reasons[] = {
		[SL_OVER_FLAG] = SL_FLAG_OVER, [SL_OVER_COUNT] = SL_DRY_RUN};
	static const char *const deeds[] = {
		[SL_OVER_DROP] = "dropped", [SL_OVER_FLAG] = "flagged", [SL_OVER_COUNT] = "passed"};
	const struct policy_tier *tier = &input->policy->tiers[tier_index(input)];
	uint8_t over = input->tier->over;
	char rate[RATE_TEXT_MAX];
	char wait[32];

	conclude(explanation, over == SL_OVER_DROP ? dropped[kind] : reasons[over],
		 "%s: over its %s, %s; a token is back in %s%s", deeds[over], limit_names[kind],
		 rate_format(&tier->rate[kind], kind, rate),
		 format_wait(short_ns, wait, sizeof(wait)),
		 over == SL_OVER_COUNT ? " (its tier only counts)" : "");
}

static void conclude_within(const struct explanation_input *input, bool is_soft,
			    struct explanation *explanation)
{
	const char *name = policy_tier_name(input->policy, tier_index(input));
	const struct explained_limit *packets = &explanation->limits[SL_PACKETS];
	char left[64] = "";

	if (packets->is_limited)
		(void)snprintf(left, sizeof(left), "; %llu packet%s left",
			       (unsigned long long)packets->tokens,
			       packets->tokens == 1 ? "" : "s");
	if (is_soft)
		conclude(explanation, SL_FLAG_SOFT, "flagged: above the soft mark of tier %s%s",
			 name, left);
	else
		conclude(explanation, SL_CONFORMING, "passed: within the limits of tier %s%s", name,
			 left);
}

/* A plain packet: connections are charged for SYNs only. */
static void judge_limits(const struct explanation_input *input, struct explanation *explanation)
{
	bool is_soft = false;

	for (int kind = SL_PACKETS; kind <= SL_BYTES; kind++) {
		const struct sl_limit *limit = &input->tier->limit[kind];
		uint64_t cost_ns = sl_limit_cost_ns(limit, kind, EXPLANATION_PACKET_BYTES);
		uint64_t owed_ns = input->owed_ns[kind] < limit->burst_ns ? input->owed_ns[kind]
									  : limit->burst_ns;

		if (!limit->cost)
			continue;
		if (!sl_bucket_fits(owed_ns, cost_ns, limit->burst_ns)) {
			conclude_over(input, kind, owed_ns + cost_ns - limit->burst_ns,
				      explanation);
			return;
		}
		is_soft |= owed_ns + cost_ns > limit->flag_above_ns;
	}
	conclude_within(input, is_soft, explanation);
}

static void conclude_banned(const struct explanation_input *input, struct explanation *explanation)
{
	static const char *const causes[] = {
#define HELP(name, label, help) [SL_BAN_##name] = help,
		SL_BAN_CAUSES(HELP)
#undef HELP
	};
	const struct ban *ban = input->ban;
	char prefix[PREFIX_TEXT_MAX];
	char until[TIMESTAMP_TEXT_MAX];

	conclude(explanation, SL_BANNED, "dropped: %s is banned until %s (%s)",
		 prefix_format(&ban->prefix, prefix),
		 timestamp_format(ban->until_ns + input->unix_offset_ns, until),
		 ban->reason[0] ? ban->reason : causes[ban->cause]);
}

static void describe_limits(const struct explanation_input *input, struct explanation *explanation)
{
	for (int kind = 0; input->tier && kind < SL_KIND_COUNT; kind++) {
		const struct sl_limit *limit = &input->tier->limit[kind];
		uint64_t owed_ns = input->owed_ns[kind] < limit->burst_ns ? input->owed_ns[kind]
									  : limit->burst_ns;

		if (kind == SL_BYTES)
			describe_bytes(limit, owed_ns, &explanation->limits[kind]);
		else
			describe_limit(limit, owed_ns, &explanation->limits[kind]);
	}
}

void explain(const struct explanation_input *input, struct explanation *ret_explanation)
{
	uint8_t tier = tier_index(input);
	char rule[PREFIX_TEXT_MAX + 48];
	char prefix[PREFIX_TEXT_MAX];

	*ret_explanation = (struct explanation){0};
	describe_limits(input, ret_explanation);
	format_rule(input, rule, sizeof(rule));

	if (input->allow)
		conclude(ret_explanation, SL_ALLOWED, "passed: %s is allowed at run time",
			 prefix_format(&input->allow->prefix, prefix));
	else if (tier == SL_TIER_ALLOW)
		conclude(ret_explanation, SL_ALLOW_RULE, "passed: allowed by %s", rule);
	else if (tier == SL_TIER_DENY)
		conclude(ret_explanation, SL_DENIED, "dropped: denied by %s", rule);
	else if (input->ban)
		conclude_banned(input, ret_explanation);
	else if (!input->tier || input->tier->unlimited)
		conclude(ret_explanation, SL_UNLIMITED, "passed: tier %s is unlimited",
			 policy_tier_name(input->policy, tier));
	else
		judge_limits(input, ret_explanation);
}

bool explanation_is_over(const struct policy_tier *tier, const struct sl_tracked *tracked,
			 uint64_t now_ns)
{
	for (int kind = 0; kind < SL_KIND_COUNT; kind++) {
		struct sl_limit limit;
		uint64_t owed_ns;

		if (!tier->limited[kind])
			continue;
		limit = rate_limit(&tier->rate[kind], kind, 0);
		owed_ns = sl_bucket_owed(tracked->full_at_ns[kind], limit.burst_ns, now_ns);
		if (!sl_bucket_fits(owed_ns,
				    sl_limit_cost_ns(&limit, kind, EXPLANATION_PACKET_BYTES),
				    limit.burst_ns))
			return true;
	}
	return false;
}
