/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changes between two policies, by meaning: `60 per minute burst 64` and `1/second burst 64` are the
 * same limit. Sources are sorted in both, so that a million lines are compared in one pass.
 */
#include <inttypes.h>
#include <stdio.h>

#include "policy/diff_http.h"
#include "policy/flow_text.h"
#include "policy/print.h"
#include "policy/rate.h"

#define KEY_MAX	  128	/* of a part of a value: mappings nest no deeper than three */
#define VALUE_MAX 16384 /* bytes of one value as text: 256 ranges of each protocol */

struct diff {
	const struct policy *before; /* NULL: all is new */
	const struct policy *after;
	struct buffer *out;
	size_t changes;
};

static bool has_room(struct diff *diff)
{
	return diff->changes++ < POLICY_DIFF_MAX;
}

/* A change of one thing: empty where there is none. */
struct change {
	const char *what;
	const char *key; /* of what, "cache.for"; "": all of it */
	struct bytes before, after;
};

static void add_text(struct buffer *out, const char *before, struct bytes text)
{
	buffer_add_text(out, before);
	buffer_add(out, text);
}

static void tell(struct diff *diff, const struct change *change)
{
	struct buffer *out = diff->out;

	if (!has_room(diff))
		return;
	buffer_printf(out, "%s:%s%s", change->what, *change->key ? " " : "", change->key);
	if (!change->before.len) {
		add_text(out, " added, ", change->after);
	} else if (!change->after.len) {
		add_text(out, " removed, was ", change->before);
	} else {
		add_text(out, " ", change->before);
		add_text(out, " -> ", change->after);
	}
	buffer_add_text(out, "\n");
}

static void compare_parts(struct diff *diff, const struct change *change);

static void compare_part(struct diff *diff, const struct change *whole, struct change part,
			 struct bytes key)
{
	char name[KEY_MAX];

	(void)snprintf(name, sizeof(name), "%s%s%.*s", whole->key, *whole->key ? "." : "",
		       (int)key.len, key.at);
	part.what = whole->what;
	part.key = name;
	compare_parts(diff, &part);
}

/* Of two mappings what is new or different, then what is gone, key by key; of anything else the whole. */
static void compare_parts(struct diff *diff, const struct change *change)
{
	struct bytes before, after, rest;
	struct flow_text_pair pair;

	if (bytes_equal(change->before, change->after))
		return;
	if (!flow_text_inside(change->before, &before) ||
	    !flow_text_inside(change->after, &after)) {
		tell(diff, change);
		return;
	}
	for (rest = after; flow_text_take(&rest, &pair);)
		compare_part(diff, change,
			     (struct change){.before = flow_text_value(before, pair.key),
					     .after = pair.value},
			     pair.key);
	for (rest = before; flow_text_take(&rest, &pair);)
		if (!flow_text_value(after, pair.key).len)
			compare_part(diff, change, (struct change){.before = pair.value}, pair.key);
}

/* before and after as text; "" where there is none. */
static void compare_texts(struct diff *diff, const char *what, const char *before,
			  const char *after)
{
	compare_parts(diff, &(struct change){what, "", bytes_of(before), bytes_of(after)});
}

static const char *text_of(const struct buffer *buf)
{
	return buf->len ? buf->at : "";
}

static void compare_values(struct diff *diff, const char *what,
			   void (*print)(const struct policy *policy, struct buffer *out))
{
	auto_buffer struct buffer before = buffer_new(VALUE_MAX), after = buffer_new(VALUE_MAX);

	if (diff->before)
		print(diff->before, &before);
	print(diff->after, &after);
	compare_texts(diff, what, text_of(&before), text_of(&after));
}

/* ---- Tiers ---- */

static bool same_limit(const struct rate *a, const struct rate *b, enum sl_kind kind)
{
	struct sl_limit x = rate_limit(a, kind, 0), y = rate_limit(b, kind, 0);

	return x.cost == y.cost && x.burst_ns == y.burst_ns;
}

static const char *limit_text(const struct policy_tier *tier, enum sl_kind kind,
			      char out[static RATE_TEXT_MAX])
{
	return tier->limited[kind] ? rate_format(&tier->rate[kind], kind, out) : "no limit";
}

static void compare_limit(struct diff *diff, const struct policy_tier *before,
			  const struct policy_tier *after, enum sl_kind kind)
{
	char old[RATE_TEXT_MAX], new[RATE_TEXT_MAX];

	if (before->limited[kind] && after->limited[kind] &&
	    same_limit(&before->rate[kind], &after->rate[kind], kind))
		return;
	if (!before->limited[kind] && !after->limited[kind])
		return;
	if (has_room(diff))
		buffer_printf(diff->out, "tier %s: %s %s -> %s\n", after->name,
			      rate_kind_name(kind), limit_text(before, kind, old),
			      limit_text(after, kind, new));
}

static void compare_whole_tiers(struct diff *diff, const struct policy_tier *before,
				const struct policy_tier *after)
{
	auto_buffer struct buffer old = buffer_new(VALUE_MAX), new = buffer_new(VALUE_MAX);
	char what[POLICY_NAME_MAX + sizeof("tier ")];

	snprintf(what, sizeof(what), "tier %s", before ? before->name : after->name);
	if (before)
		print_tier(before, &old);
	if (after)
		print_tier(after, &new);
	compare_texts(diff, what, text_of(&old), text_of(&new));
}

static void compare_tier(struct diff *diff, const struct policy_tier *before,
			 const struct policy_tier *after)
{
	if (before->unlimited || after->unlimited) {
		compare_whole_tiers(diff, before, after);
		return;
	}
	for (int kind = 0; kind < SL_KIND_COUNT; kind++)
		compare_limit(diff, before, after, (enum sl_kind)kind);
	if (before->over != after->over && has_room(diff))
		buffer_printf(diff->out, "tier %s: over %s -> %s\n", after->name,
			      print_over(before->over), print_over(after->over));
	if (before->flag_above_percent != after->flag_above_percent && has_room(diff))
		buffer_printf(diff->out, "tier %s: flag above %u%% -> %u%%\n", after->name,
			      before->flag_above_percent, after->flag_above_percent);
}

static const struct policy_tier *same_tier(const struct policy *policy,
					   const struct policy_tier *tier)
{
	int i = policy ? policy_find_tier(policy, bytes_of(tier->name)) : -1;

	return i < 0 ? NULL : &policy->tiers[i];
}

static void compare_tiers(struct diff *diff)
{
	for (size_t i = 0; i < diff->after->tier_count; i++) {
		const struct policy_tier *after = &diff->after->tiers[i];
		const struct policy_tier *before = same_tier(diff->before, after);

		if (before)
			compare_tier(diff, before, after);
		else
			compare_whole_tiers(diff, NULL, after);
	}
	for (size_t i = 0; diff->before && i < diff->before->tier_count; i++)
		if (!same_tier(diff->after, &diff->before->tiers[i]))
			compare_whole_tiers(diff, &diff->before->tiers[i], NULL);
}

static void print_default(const struct policy *policy, struct buffer *out)
{
	buffer_add_text(out, policy_tier_name(policy, policy->default_tier));
}

/* ---- Sources ---- */

/* One of the two may be NULL. */
static void tell_source(struct diff *diff, const struct policy_source *before,
			const struct policy_source *after)
{
	char text[PREFIX_TEXT_MAX];

	if (!has_room(diff))
		return;
	buffer_printf(diff->out, "source %s: ",
		      prefix_format(before ? &before->prefix : &after->prefix, text));
	if (!before)
		buffer_printf(diff->out, "added, %s\n", policy_tier_name(diff->after, after->tier));
	else if (!after)
		buffer_printf(diff->out, "removed, was %s\n",
			      policy_tier_name(diff->before, before->tier));
	else
		buffer_printf(diff->out, "%s -> %s\n", policy_tier_name(diff->before, before->tier),
			      policy_tier_name(diff->after, after->tier));
}

/* What each tier of the policy before is in the one after, by index; SL_TIERS_MAX: gone. */
static void map_tiers(const struct diff *diff, uint8_t map[static 256])
{
	map[SL_TIER_ALLOW] = SL_TIER_ALLOW;
	map[SL_TIER_DENY] = SL_TIER_DENY;
	for (size_t i = 0; diff->before && i < diff->before->tier_count; i++) {
		int now = policy_find_tier(diff->after, bytes_of(diff->before->tiers[i].name));

		map[i] = now < 0 ? SL_TIERS_MAX : (uint8_t)now;
	}
}

static void compare_sources(struct diff *diff)
{
	const size_t old_count = diff->before ? diff->before->source_count : 0;
	const size_t new_count = diff->after->source_count;
	uint8_t now[256];
	size_t i = 0, j = 0;

	map_tiers(diff, now);
	while (i < old_count || j < new_count) {
		const struct policy_source *before, *after;
		int order;

		before = i < old_count ? &diff->before->sources[i] : NULL;
		after = j < new_count ? &diff->after->sources[j] : NULL;
		if (before && after)
			order = prefix_compare(&before->prefix, &after->prefix);
		else
			order = before ? -1 : 1;
		i += order <= 0;
		j += order >= 0;
		if (order)
			tell_source(diff, order < 0 ? before : NULL, order < 0 ? NULL : after);
		else if (now[before->tier] != after->tier)
			tell_source(diff, before, after);
	}
}

/* ---- The rest ---- */

static void print_scope(const struct policy *policy, struct buffer *out)
{
	buffer_add_text(out, policy->scope_everything ? "everything" : "protected");
}

static void print_source_prefix(const struct policy *policy, struct buffer *out)
{
	buffer_printf(out, "{ipv4: %u, ipv6: %u}", policy->source_bits.ipv4,
		      policy->source_bits.ipv6);
}

static void print_table_sources(const struct policy *policy, struct buffer *out)
{
	buffer_printf(out, "%u", policy->tables.sources);
}

static void print_table_strangers(const struct policy *policy, struct buffer *out)
{
	char text[RATE_TEXT_MAX];

	buffer_add_text(out, rate_format_bytes(policy->tables.strangers, text));
}

static void print_table_prefixes(const struct policy *policy, struct buffer *out)
{
	buffer_printf(out, "%u", policy->tables.prefixes);
}

static void print_table_bans(const struct policy *policy, struct buffer *out)
{
	buffer_printf(out, "%u", policy->tables.bans);
}

static void print_planes(const struct policy *policy, struct buffer *out)
{
	if (policy->has_packet_plane)
		print_interfaces(policy, out);
}

static void tell_http(void *context, const char *key, const char *before, const char *after)
{
	compare_texts(context, key, before, after);
}

static void compare_http(struct diff *diff)
{
	const struct http_policy *before = diff->before ? diff->before->http : NULL;
	const struct http_policy *after = diff->after->http;
	int err;

	/* All of its defaults would be told as added, or removed. */
	if (!before || !after) {
		compare_texts(diff, "http", before ? "the HTTP plane" : "",
			      after ? "the HTTP plane" : "");
		return;
	}
	err = http_diff(before, after, tell_http, diff);
	if (err)
		diff->out->error = err;
}

size_t policy_diff(const struct policy *before, const struct policy *after, struct buffer *out)
{
	struct diff diff = {.before = before, .after = after, .out = out};

	compare_values(&diff, "interfaces", print_planes);
	compare_values(&diff, "protect", print_protect);
	compare_values(&diff, "scope", print_scope);
	compare_tiers(&diff);
	compare_values(&diff, "default", print_default);
	compare_sources(&diff);
	compare_values(&diff, "bans", print_bans);
	compare_values(&diff, "source_prefix", print_source_prefix);
	compare_values(&diff, "tables.sources", print_table_sources);
	compare_values(&diff, "tables.strangers", print_table_strangers);
	compare_values(&diff, "tables.prefixes", print_table_prefixes);
	compare_values(&diff, "tables.bans", print_table_bans);
	compare_values(&diff, "flag", print_flag);
	compare_http(&diff);
	if (diff.changes <= POLICY_DIFF_MAX)
		return diff.changes;
	buffer_printf(out, "and %zu more changes\n", diff.changes - POLICY_DIFF_MAX);
	return POLICY_DIFF_MAX + 1;
}
