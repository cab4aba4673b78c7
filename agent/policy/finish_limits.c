/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits, resolved: each knows by itself whom it counts, how, and at what cost. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "policy/finish_http.h"

#define ENTRIES_MIN \
	128 /* of the table of counts; those that clients share in need are some of them */
#define ENTRY_BYTES 256 /* of each, beside the instants that a moving window remembers */
#define NAME_TRIES  HTTP_LIMITS_MAX /* more limits than these cannot have taken a name */

void http_how_inherit(struct http_limit_how *to, const struct http_limit_how *from)
{
	const unsigned given = to->given;

	if (!(given & HTTP_OPTION_STRATEGY))
		to->strategy = from->strategy;
	if (!(given & HTTP_OPTION_KEY))
		to->key = from->key;
	if (!(given & HTTP_OPTION_COST))
		to->cost = from->cost;
	if (!(given & HTTP_OPTION_COUNT_STATUS)) {
		to->counts_status = from->counts_status;
		to->count_status = from->count_status;
	}
	if (!(given & HTTP_OPTION_SHARED))
		to->shared = from->shared;
	if (!(given & HTTP_OPTION_PER_METHOD))
		to->per_method = from->per_method;
	if (!(given & HTTP_OPTION_DRY_RUN))
		to->dry_run = from->dry_run;
	if (!(given & HTTP_OPTION_TIERS))
		to->tiers = from->tiers;
}

/* ---- Whether it can be what it says ---- */

static void check_strategy(struct reading *r, const struct http_limit *limit)
{
	const struct http_limit_how *how = &limit->how;
	const bool is_bucket = how->strategy == HTTP_STRATEGY_TOKEN_BUCKET;

	if (limit->rate.burst && !is_bucket)
		reading_error(r, limit->place, "a burst makes a token bucket, not a %s",
			      http_strategy_name(how->strategy));
	if (is_bucket && !limit->rate.burst && limit->rate.count > limit->rate.period_ns)
		reading_error(r, limit->place,
			      "a token bucket lets in one request a nanosecond at most");
	if (how->strategy == HTTP_STRATEGY_MOVING_WINDOW &&
	    limit->rate.count > HTTP_LIMIT_MOVING_MAX)
		reading_error(r, limit->place,
			      "moving-window remembers each of %" PRIu64 " requests; above %d use "
			      "sliding-window",
			      limit->rate.count, HTTP_LIMIT_MOVING_MAX);
}

/* A table of few large entries would refuse newcomers for want of room. */
static void check_table(struct reading *r, const struct http_limit *limit)
{
	const uint64_t room = r->http->http->max.limit_table;
	const uint64_t each = limit->rate.count * sizeof(uint64_t) + ENTRY_BYTES;

	if (limit->how.strategy == HTTP_STRATEGY_MOVING_WINDOW && room / each < ENTRIES_MIN)
		reading_error(r, limit->place,
			      "moving-window remembers each of %" PRIu64
			      " requests: max.limit_table, as all entries are of one size, holds "
			      "less than %d clients then",
			      limit->rate.count, ENTRIES_MIN);
}

static void check_cost(struct reading *r, const struct http_limit *limit)
{
	const uint64_t size = limit->rate.burst ? limit->rate.burst : limit->rate.count;

	if (size && limit->how.cost > size)
		reading_error(r, limit->place,
			      "a request costs %u here, more than the %" PRIu64
			      " that are ever let in at once",
			      limit->how.cost, size);
}

static void check_key(struct reading *r, const struct http_limit *limit)
{
	const struct http_key *key = &limit->how.key;

	for (size_t i = 0; i < key->count; i++)
		if (key->part[i].kind == HTTP_KEY_API_KEY && !r->http->http->keys.file)
			reading_error(r, limit->place,
				      "counts by api-key, and `keys: {file: ...}` names no keys");
}

/* Tiers may also come with the keys, whose file is not read here. */
static void check_tiers(struct reading *r, const struct http_names *tiers, struct place place)
{
	if (r->http->http->keys.file)
		return;
	for (size_t i = 0; i < tiers->count; i++)
		if (policy_find_tier(r->policy, bytes_of(tiers->at[i])) < 0)
			reading_error(r, place,
				      "no tier is called %s: neither `tiers` nor a key file has it",
				      tiers->at[i]);
}

/* ---- Resolving ---- */

static void check(struct reading *r, const struct http_limit *limit)
{
	check_strategy(r, limit);
	check_table(r, limit);
	check_cost(r, limit);
	check_key(r, limit);
	check_tiers(r, &limit->how.tiers, limit->place);
}

/* A burst makes a token bucket, whatever strategy is inherited; where the limit itself says another, check() minds. */
static void resolve(struct http_limit *limit, const struct http_limit_how *from)
{
	http_how_inherit(&limit->how, from);
	if (limit->rate.burst && !(limit->how.given & HTTP_OPTION_STRATEGY))
		limit->how.strategy = HTTP_STRATEGY_TOKEN_BUCKET;
	limit->burst = limit->rate.burst;
	if (limit->how.strategy == HTTP_STRATEGY_TOKEN_BUCKET && !limit->burst)
		limit->burst = limit->rate.count;
	limit->scope = limit->how.shared ? HTTP_SCOPE_SHARED : HTTP_SCOPE_ROUTE;
}

static const struct http_limit *find_name(const struct http_limit *limits, size_t count,
					  const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(limits[i].name, name))
			return &limits[i];
	return NULL;
}

/* Clients tell limits apart by their names: two of one name get numbers, unless people gave it. */
static void name_limit(struct reading *r, struct http_limit *limits, size_t i)
{
	char plain[HTTP_LIMIT_TEXT_MAX], text[HTTP_LIMIT_TEXT_MAX + 16];
	struct http_limit *limit = &limits[i];

	if (limit->name_given) {
		const struct http_limit *same = find_name(limits, i, limit->name);
		/* Of two defaults it is told once, and not again for each route. */
		bool is_known = same && same->is_default && limit->is_default &&
				limits != r->http->http->limits.at;

		if (same && !is_known)
			reading_error(r, limit->place,
				      "the limit on line %u is called %s already, and both are in "
				      "force on one route",
				      same->place.line, limit->name);
		return;
	}
	snprintf(text, sizeof(text), "%s", http_limit_name(&limit->rate, plain));
	for (int number = 2; find_name(limits, i, text) && number <= NAME_TRIES + 1; number++)
		snprintf(text, sizeof(text), "%s-%d", plain, number);
	limit->name = arena_text(r->http->arena, bytes_of(text));
	if (!limit->name) {
		r->error = -ENOMEM;
		limit->name = "";
	}
}

static bool same_key(const struct http_key *a, const struct http_key *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct http_key_part *x = &a->part[i], *y = &b->part[i];

		if (x->kind != y->kind || (x->name && strcmp(x->name, y->name)))
			return false;
	}
	return true;
}

static bool same_statuses(const struct http_limit_how *a, const struct http_limit_how *b)
{
	if (!a->counts_status || !b->counts_status)
		return a->counts_status == b->counts_status;
	return !memcmp(&a->count_status, &b->count_status, sizeof(a->count_status));
}

/* Counts are known by scope, identity and window: two that agree in them would count in one place twice. */
static bool same_count(const struct http_limit *a, const struct http_limit *b)
{
	return a->rate.period_ns == b->rate.period_ns && a->rate.count == b->rate.count &&
	       a->burst == b->burst && a->how.strategy == b->how.strategy &&
	       same_key(&a->how.key, &b->how.key) && !a->how.shared == !b->how.shared &&
	       (!a->how.shared || !strcmp(a->how.shared, b->how.shared)) && !a->how.tiers.count &&
	       !b->how.tiers.count && a->how.per_method == b->how.per_method &&
	       same_statuses(&a->how, &b->how);
}

static void check_twice(struct reading *r, const struct http_limit *limits, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (!same_count(&limits[i], &limits[j]))
			continue;
		reading_error(r, limits[i].place,
			      "the same limit is in force here already, from line %u",
			      limits[j].place.line);
		return;
	}
}

/* Add what list has to the limits at *at, of which there are *count. */
static void add_resolved(struct reading *r, const struct arena_list *list, struct http_limits *to,
			 const struct http_limit_how *from)
{
	const struct http_limit *limits = list->at;
	struct http_limit *at = (struct http_limit *)to->at; /* ours until it is handed out */

	for (size_t i = 0; i < list->count; i++) {
		at[to->count] = limits[i];
		resolve(&at[to->count], from);
		/* A default that a route changes nothing about was checked among the defaults. */
		if (!limits[i].is_default || from == &r->http->http->how || from->given) {
			check(r, &at[to->count]);
			check_twice(r, at, to->count);
		}
		name_limit(r, at, to->count);
		to->count++;
	}
}

static bool make_room(struct reading *r, struct http_limits *limits, size_t count)
{
	limits->count = 0;
	limits->at = arena_take(r->http->arena, (count + 1) * sizeof(struct http_limit));
	if (!limits->at)
		r->error = -ENOMEM;
	return limits->at;
}

static void finish_global(struct reading *r)
{
	struct http_policy *http = r->http->http;
	struct http_limit *limits;

	if (!make_room(r, &http->global_limits, r->http->global_limits.count))
		return;
	add_resolved(r, &r->http->global_limits, &http->global_limits, &http->how);
	limits = (struct http_limit *)http->global_limits.at;
	for (size_t i = 0; i < http->global_limits.count; i++) {
		if (limits[i].how.shared)
			reading_error(r, limits[i].place,
				      "global limits count everything together: `shared` has no "
				      "meaning here");
		limits[i].scope = HTTP_SCOPE_GLOBAL;
	}
}

void finish_default_limits(struct reading *r)
{
	struct http_policy *http = r->http->http;
	struct http_limit *drafts = r->http->limits.at;

	http_how_inherit(&http->how, &http_limit_defaults);
	for (size_t i = 0; i < r->http->limits.count; i++)
		drafts[i].is_default = true;
	if (make_room(r, &http->limits, r->http->limits.count))
		add_resolved(r, &r->http->limits, &http->limits, &http->how);
	if (!r->error)
		finish_global(r);
}

void finish_route_limits(struct reading *r, const struct arena_list *own, struct http_route *route)
{
	const struct arena_list *defaults = &r->http->limits;
	const bool takes_defaults = !route->has_limits || route->and_defaults;
	size_t count = own->count + (takes_defaults ? defaults->count : 0);

	check_tiers(r, &route->exempt_tiers, route->place);
	if (count + r->http->global_limits.count > HTTP_LIMITS_MAX) {
		reading_error(r, route->place,
			      "more than %d limits, the defaults and the global ones included",
			      HTTP_LIMITS_MAX);
		return;
	}
	if (r->error || !make_room(r, &route->limits, count))
		return;
	add_resolved(r, own, &route->limits, &route->how);
	if (takes_defaults)
		add_resolved(r, defaults, &route->limits, &route->how);
}
