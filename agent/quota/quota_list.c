/* SPDX-License-Identifier: BSD-2-Clause */
/* One limit after the other, made ready. */
#include "quota/quota_counter.h"
#include "quota/quota_plan_parts.h"
#include "quota/quota_scope.h"
#include "limit/limit_fields.h"

#define ITEM_MAX 1024 /* bytes of a limit's item: its name is at most 96, each byte at most two */

static bool has_part(const struct http_key *key, enum http_key_kind kind)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->part[i].kind == kind)
			return true;
	return false;
}

static bool may_invent(const struct http_key *key)
{
	return has_part(key, HTTP_KEY_HEADER) || has_part(key, HTTP_KEY_COOKIE);
}

/* Whether limit holds everything that comes from one address within bounds. */
static bool bounds_address(const struct http_limit *limit)
{
	const struct http_limit_how *how = &limit->how;

	return how->key.count == 1 &&
	       (how->key.part[0].kind == HTTP_KEY_CLIENT ||
		how->key.part[0].kind == HTTP_KEY_SOURCE) &&
	       !how->dry_run && !how->tiers.count && !how->counts_status && how->cost;
}

bool quota_plan_bounds_address(const struct http_limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		if (bounds_address(&limits->at[i]))
			return true;
	return false;
}

struct bytes quota_plan_keep(struct making *making, struct buffer *text)
{
	struct bytes kept = {arena_text(making->plan->arena, (struct bytes){text->at, text->len}),
			     text->len};

	making->failed |= !kept.at || text->error;
	text->len = 0;
	return kept;
}

static void write_items(struct making *making, struct quota *quota)
{
	auto_buffer struct buffer text = buffer_new(ITEM_MAX);
	const struct limit_shown shown = {.name = bytes_of(quota->limit->name),
					  .spec = quota->spec};

	limit_item_write(&shown, &text);
	quota->item = quota_plan_keep(making, &text);
	limit_policy_item_write(&shown, &text);
	quota->policy_item = quota_plan_keep(making, &text);
}

static bool is_smaller(const struct http_limit *a, const struct http_limit *b)
{
	return a->rate.count != b->rate.count ? a->rate.count < b->rate.count : a->burst < b->burst;
}

/* Of limits on one request no two may count in one place. */
static uint64_t distinct_scope(const struct http_limits *limits, size_t i,
			       const struct http_route *route)
{
	const uint64_t scope = quota_scope_of(&limits->at[i], route);

	for (size_t j = 0; j < limits->count; j++)
		if (j != i && is_smaller(&limits->at[j], &limits->at[i]) &&
		    quota_scope_of(&limits->at[j], route) == scope)
			return quota_scope_with_count(scope, &limits->at[i]);
	return scope;
}

static const char *label_of(const struct http_route *route)
{
	if (!route)
		return "";
	return route->match ? route->match : "*";
}

struct quota_list quota_plan_list(struct making *making, const struct http_limits *limits,
				  const struct http_route *route, bool is_bounded)
{
	struct quota *at = arena_take(making->plan->arena, (limits->count + 1) * sizeof(*at));
	size_t count = 0;

	making->failed |= !at;
	while (!making->failed && count < limits->count) {
		const struct http_limit *limit = &limits->at[count];
		struct quota *quota = &at[count];

		quota->spec = quota_spec(limit);
		quota->limit = limit;
		quota->scope = distinct_scope(limits, count++, route);
		quota->tiers = quota_plan_tier_set(making, &limit->how.tiers);
		quota->reads_key = has_part(&limit->how.key, HTTP_KEY_API_KEY);
		quota->may_invent = may_invent(&limit->how.key);
		quota->is_paired = quota->may_invent && !is_bounded;
		quota->counter = quota_counter_hold(making->source, label_of(route), limit->name);
		making->failed |= !quota->counter;
		write_items(making, quota);
	}
	return (struct quota_list){at, count};
}
