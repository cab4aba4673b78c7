/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_plan.h"

#include <errno.h>
#include <stdlib.h>

#include "quota/quota_counter.h"
#include "quota/quota_plan_parts.h"
#include "quota/quota_scope.h"
#include "message/status.h"
#include "limit/limit_fields.h"

#define REFUSAL_MAX 1024 /* bytes of a head's fixed part, but for the type, which is the policy's */

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
	struct bytes reason = status_reason(on_limit->status);

	buffer_printf(&text, "HTTP/1.1 %u %.*s\r\nCache-Control: no-store\r\nContent-Type: %s\r\n",
		      on_limit->status, (int)reason.len, reason.at ? reason.at : "",
		      on_limit->type ? on_limit->type : LIMIT_PROBLEM_TYPE);
	if (on_limit->body)
		buffer_printf(&text, "Content-Length: %zu\r\n", strlen(on_limit->body));
	return quota_plan_keep(making, &text);
}

static void make_route(struct making *making, const struct http_route *policy,
		       struct quota_route *route)
{
	const struct quota_plan *plan = making->plan;
	const bool is_bounded = quota_plan_bounds_address(&policy->limits) ||
				quota_plan_bounds_address(&plan->http->global_limits);

	route->policy = policy;
	route->own = quota_plan_list(making, &policy->limits, policy, is_bounded);
	route->is_limited =
		!policy->exempt && (route->own.count || plan->global.count || policy->concurrency);
	route->has_turns = route->is_limited && (policy->concurrency || policy->on_limit.queue_ns);
	route->exempt_tiers = quota_plan_tier_set(making, &policy->exempt_tiers);
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
		plan->global = quota_plan_list(making, &http->global_limits, NULL,
					       quota_plan_bounds_address(&http->global_limits));
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
		quota_plan_tiers(&making);
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
