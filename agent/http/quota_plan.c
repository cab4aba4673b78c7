/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/quota_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "http/quota_counter.h"
#include "http/quota_scope.h"
#include "http/respond.h"
#include "limit/limit_fields.h"

#define ITEM_MAX    1024 /* bytes of a limit's item: its name is at most 96, each byte at most two */
#define REFUSAL_MAX 1024

struct making {
	struct quota_plan *plan;
	const struct quota_source *source;
	struct arena_list tiers; /* const char *: names that limits and exemptions use */
	bool failed;		 /* no memory */
};

/* ---- Tiers ---- */

static uint16_t find_tier(const struct making *making, const char *name)
{
	const char *const *at = making->tiers.at;

	for (size_t i = 0; i < making->tiers.count; i++)
		if (!strcmp(at[i], name))
			return (uint16_t)i;
	return QUOTA_TIER_NONE;
}

static void collect_tiers(struct making *making, const struct http_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char **slot;

		if (find_tier(making, names->at[i]) != QUOTA_TIER_NONE)
			continue;
		slot = arena_list_add(making->plan->arena, &making->tiers, sizeof(*slot));
		if (slot)
			*slot = names->at[i];
		making->failed |= !slot;
	}
}

static void collect_tiers_of(struct making *making, const struct http_limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		collect_tiers(making, &limits->at[i].how.tiers);
}

static uint16_t tier_called(const struct making *making, const struct policy *policy, uint8_t tier)
{
	/* allow and deny are no tiers, whatever one may be called. */
	return tier < policy->tier_count ? find_tier(making, policy->tiers[tier].name)
					 : QUOTA_TIER_NONE;
}

static void number_tiers(struct making *making)
{
	const struct policy *policy = making->source->policy;
	const struct key_file *keys = making->source->keys;
	struct quota_plan *plan = making->plan;
	uint32_t count = keys ? key_file_tier_count(keys) : 0;

	plan->tier_words = (making->tiers.count + 63) / 64;
	for (unsigned i = 0; i <= UINT8_MAX; i++)
		plan->tier_of_policy[i] = tier_called(making, policy, (uint8_t)i);
	plan->tier_default = tier_called(making, policy, policy->default_tier);
	plan->tier_of_key = arena_take(plan->arena, (count + 1) * sizeof(*plan->tier_of_key));
	making->failed |= !plan->tier_of_key;
	for (uint32_t i = 0; !making->failed && i < count; i++)
		plan->tier_of_key[i] = find_tier(making, key_file_tier_name(keys, i));
}

static const uint64_t *set_of(struct making *making, const struct http_names *names)
{
	uint64_t *set;

	if (!names->count)
		return NULL;
	set = arena_take(making->plan->arena, making->plan->tier_words * sizeof(*set));
	making->failed |= !set;
	for (size_t i = 0; set && i < names->count; i++) {
		uint16_t tier = find_tier(making, names->at[i]);

		set[tier / 64] |= 1ull << tier % 64;
	}
	return set;
}

static void collect_all_tiers(struct making *making)
{
	const struct http_policy *http = making->plan->http;

	collect_tiers_of(making, &http->global_limits);
	collect_tiers_of(making, &http->other.limits);
	for (size_t i = 0; i < http->route_count; i++) {
		collect_tiers_of(making, &http->routes[i].limits);
		collect_tiers(making, &http->routes[i].exempt_tiers);
	}
	if (!making->failed)
		number_tiers(making);
}

/* ---- One limit ---- */

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

static bool any_bounds_address(const struct http_limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		if (bounds_address(&limits->at[i]))
			return true;
	return false;
}

static struct bytes keep(struct making *making, struct buffer *text)
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
	quota->item = keep(making, &text);
	limit_policy_item_write(&shown, &text);
	quota->policy_item = keep(making, &text);
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

static struct quota_list make_list(struct making *making, const struct http_limits *limits,
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
		quota->tiers = set_of(making, &limit->how.tiers);
		quota->reads_key = has_part(&limit->how.key, HTTP_KEY_API_KEY);
		quota->may_invent = may_invent(&limit->how.key);
		quota->is_paired = quota->may_invent && !is_bounded;
		quota->counter = quota_counter_hold(making->source, label_of(route), limit->name);
		making->failed |= !quota->counter;
		write_items(making, quota);
	}
	return (struct quota_list){at, count};
}

/* ---- Routes ---- */

static bool list_needs_tier(const struct quota_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].tiers)
			return true;
	return false;
}

static bool list_may_invent(const struct quota_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].may_invent)
			return true;
	return false;
}

static uint16_t held_of(const struct quota_list *list)
{
	uint16_t held = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].limit->how.counts_status)
			held += list->at[i].is_paired ? 2 : 1;
	return held;
}

static struct bytes make_refusal(struct making *making, const struct http_on_limit *on_limit)
{
	auto_buffer struct buffer text = buffer_new(REFUSAL_MAX + HTTP_BODY_MAX);
	struct bytes reason = respond_reason(on_limit->status);

	buffer_printf(&text, "HTTP/1.1 %u %.*s\r\nCache-Control: no-store\r\nContent-Type: %s\r\n",
		      on_limit->status, (int)reason.len, reason.at ? reason.at : "",
		      on_limit->type ? on_limit->type : LIMIT_PROBLEM_TYPE);
	if (on_limit->body)
		buffer_printf(&text, "Content-Length: %zu\r\n", strlen(on_limit->body));
	return keep(making, &text);
}

static void make_route(struct making *making, const struct http_route *policy,
		       struct quota_route *route)
{
	const struct quota_plan *plan = making->plan;
	const bool is_bounded = any_bounds_address(&policy->limits) ||
				any_bounds_address(&plan->http->global_limits);

	route->policy = policy;
	route->own = make_list(making, &policy->limits, policy, is_bounded);
	route->is_limited =
		!policy->exempt && (route->own.count || plan->global.count || policy->concurrency);
	route->exempt_tiers = set_of(making, &policy->exempt_tiers);
	route->needs_tier = route->exempt_tiers || list_needs_tier(&route->own) ||
			    list_needs_tier(&plan->global);
	route->may_invent = list_may_invent(&route->own) || list_may_invent(&plan->global);
	route->judged_max = (uint16_t)(route->own.count + plan->global.count);
	route->held_max = (uint16_t)(held_of(&route->own) + held_of(&plan->global));
	route->scope = quota_scope_of_concurrency(policy);
	if (route->is_limited)
		route->refusal = make_refusal(making, &policy->on_limit);
}

static void make_routes(struct making *making)
{
	struct quota_plan *plan = making->plan;
	const struct http_policy *http = plan->http;

	plan->route_count = http->route_count + 1;
	plan->routes = arena_take(plan->arena, plan->route_count * sizeof(*plan->routes));
	making->failed |= !plan->routes;
	if (!making->failed)
		plan->global = make_list(making, &http->global_limits, NULL,
					 any_bounds_address(&http->global_limits));
	for (size_t i = 0; !making->failed && i < plan->route_count; i++)
		make_route(making, i < http->route_count ? &http->routes[i] : &http->other,
			   &plan->routes[i]);
}

/* ---- All of them ---- */

static int compare_scopes(const void *a, const void *b)
{
	const struct quota *const *left = a, *const *right = b;

	return ((*left)->scope > (*right)->scope) - ((*left)->scope < (*right)->scope);
}

static void gather(struct making *making, const struct quota_list *list)
{
	struct quota_plan *plan = making->plan;

	for (size_t i = 0; i < list->count; i++) {
		plan->counters[plan->count] = list->at[i].counter;
		plan->sorted[plan->count++] = &list->at[i];
	}
}

static void sort_all(struct making *making)
{
	struct quota_plan *plan = making->plan;
	size_t count = plan->global.count;

	for (size_t i = 0; i < plan->route_count; i++)
		count += plan->routes[i].own.count;
	plan->sorted = arena_take(plan->arena, (count + 1) * sizeof(*plan->sorted));
	plan->counters = arena_take(plan->arena, (count + 1) * sizeof(*plan->counters));
	making->failed |= !plan->sorted || !plan->counters;
	if (making->failed)
		return;
	for (size_t i = 0; i < plan->route_count; i++)
		gather(making, &plan->routes[i].own);
	gather(making, &plan->global);
	plan->counter_count = plan->count;
	qsort(plan->sorted, plan->count, sizeof(*plan->sorted), compare_scopes);
	quota_counters_sort(plan->counters, plan->counter_count);
}

const struct quota *quota_plan_find(const struct quota_plan *plan, uint64_t scope)
{
	const struct quota wanted = {.scope = scope}, *key = &wanted;
	const struct quota *const *found =
		bsearch(&key, plan->sorted, plan->count, sizeof(*plan->sorted), compare_scopes);

	return found ? *found : NULL;
}

static unsigned families_of(const struct http_limit_fields *fields)
{
	return (fields->retry_after ? LIMIT_FIELDS_RETRY_AFTER : 0u) |
	       (fields->x_ratelimit ? LIMIT_FIELDS_X_RATELIMIT : 0u) |
	       (fields->ratelimit ? LIMIT_FIELDS_RATELIMIT : 0u);
}

int quota_plan_new(const struct quota_source *source, struct quota_plan **ret_plan)
{
	struct quota_plan *plan = calloc(1, sizeof(*plan));
	struct making making = {.plan = plan, .source = source};

	if (!plan)
		return -ENOMEM;
	plan->arena = arena_new();
	plan->policy = source->policy;
	plan->http = source->policy->http;
	plan->keys = source->keys;
	plan->families = families_of(&plan->http->limit_fields);
	making.failed = !plan->arena;
	if (!making.failed)
		collect_all_tiers(&making);
	if (!making.failed)
		make_routes(&making);
	if (!making.failed)
		sort_all(&making);
	if (making.failed) {
		quota_plan_free(plan);
		return -ENOMEM;
	}
	*ret_plan = plan;
	return 0;
}

static void drop_counters(const struct quota_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		quota_counter_drop(list->at[i].counter);
}

void quota_plan_free(struct quota_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; plan->routes && i < plan->route_count; i++)
		drop_counters(&plan->routes[i].own);
	drop_counters(&plan->global);
	arena_free(plan->arena);
	free(plan);
}
