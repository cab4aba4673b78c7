/* SPDX-License-Identifier: BSD-2-Clause */
/* When all of `http` is read: what one section says about another, and what is missing. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "policy/finish_http.h"
#include "policy/suggest.h"

/* ---- Listeners ---- */

/* What stands under http holds for the listeners it can mean: `unix` for Unix, prefixes for the others. */
static void finish_listener(struct reading *r, struct http_listener *listener)
{
	const struct http_senders *common = &r->http->http->senders;
	const bool is_unix = listener->address.kind == HTTP_ADDRESS_UNIX;
	const struct http_senders *own = &listener->senders;

	if (!listener->senders_given) {
		if (common->required && (is_unix ? common->unix_socket : common->prefixes.count))
			listener->senders = *common;
		return;
	}
	if (own->required && !(is_unix ? own->unix_socket : own->prefixes.count))
		reading_error(r, listener->address.place,
			      "proxy_protocol is required here of nobody who can connect: name %s",
			      is_unix ? "`unix`" : "the addresses that send it");
}

static void finish_listeners(struct reading *r)
{
	struct http_policy *http = r->http->http;

	http->listeners = r->http->listeners.at;
	http->listener_count = r->http->listeners.count;
	if (!r->http->listen_at.line)
		reading_error(r, r->http->at,
			      "`listen` is missing under http; for example `listen: "
			      "[\"0.0.0.0:80\"]`");
	for (size_t i = 0; i < http->listener_count; i++)
		finish_listener(r, &http->listeners[i]);
}

/* ---- Upstreams ---- */

/* The default one comes first, so that its index is known. */
static void finish_upstreams(struct reading *r)
{
	struct http_policy *http = r->http->http;
	int found;

	http->upstreams = r->http->upstreams.at;
	http->upstream_count = r->http->upstreams.count;
	if (!http->upstream_count) {
		reading_error(r, r->http->at,
			      "`upstream` is missing under http; for example `upstream: "
			      "[\"127.0.0.1:5000\"]`");
		return;
	}
	found = http_policy_find_upstream(http, BYTES("default"));
	if (found > 0) {
		struct http_upstream first = http->upstreams[found];

		memmove(&http->upstreams[1], http->upstreams, (size_t)found * sizeof(first));
		http->upstreams[0] = first;
	}
	if (found < 0 && http->upstream_count > 1)
		reading_error(r, r->http->at,
			      "`upstream` is missing under http: where do requests go whose route "
			      "names none of `upstreams`?");
}

static const char *upstream_name(const void *context, size_t i)
{
	const struct http_policy *http = context;

	return http->upstreams[i].name;
}

static void finish_route_upstream(struct reading *r, const struct route_draft *draft,
				  struct http_route *route)
{
	const struct http_policy *http = r->http->http;
	const char *meant;
	int found;

	if (!draft->upstream)
		return; /* the first: the default one, or the only one */
	found = http_policy_find_upstream(http, bytes_of(draft->upstream));
	if (found >= 0) {
		route->upstream = (size_t)found;
		return;
	}
	meant = suggest_nearest(bytes_of(draft->upstream), upstream_name, http,
				http->upstream_count);
	reading_error(r, draft->upstream_at, "no upstream is called %s%s%s%s", draft->upstream,
		      meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
}

/* ---- Routes ---- */

static void check_route(struct reading *r, const struct http_route *route)
{
	bool has_method = route->match[0] && strchr(route->match, ' ');
	bool is_read = !strncmp(route->match, "GET ", 4) || !strncmp(route->match, "HEAD ", 5);

	if (route->cache.has_lifetime && has_method && !is_read)
		reading_warning(r, route->place,
				"`cache` on a route of another method than GET: only answers to "
				"GET are stored");
	if (route->cache.has_lifetime && r->http->http->cache.off)
		reading_warning(
			r, route->place,
			"`cache` on a route, and `cache: off` under http: nothing is stored");
	if (strstr(route->match, "/:"))
		reading_warning(r, route->place,
				"':' begins a name nowhere: {name} stands for any one segment");
	if (route->exempt && route->has_limits && route->limits.count)
		reading_warning(r, route->place, "`exempt`: its limits are never looked at");
}

static void add_to_table(struct reading *r, const struct http_route *route)
{
	struct http_policy *http = r->http->http;
	struct route_error error;
	uint32_t other;
	int err;

	if (!route->match || !route->match[0])
		return; /* an error already */
	err = route_table_add(http->table, bytes_of(route->match), route->number, &error, &other);
	if (err == -ENOMEM)
		r->error = err;
	if (err == -EEXIST)
		reading_error(r, route->place,
			      "fits the same requests as \"%s\" on line %u, and neither is more "
			      "specific",
			      http->routes[other].match, http->routes[other].place.line);
}

static void inherit_route(const struct http_policy *http, const struct route_draft *draft,
			  struct http_route *route)
{
	if (!draft->lenient_given)
		route->lenient_path = http->lenient_path;
	if (!draft->method_override_given)
		route->method_override = http->method_override;
	if (!draft->max_body_given)
		route->max_body = http->max.body;
	if (!draft->response_given)
		route->response_ns = http->timeouts.response_ns;
	if (!draft->share_set_cookie_given)
		route->share_set_cookie = http->cache.share_set_cookie;
	http_how_inherit(&route->how, &http->how);
}

static void finish_route(struct reading *r, const struct route_draft *draft,
			 struct http_route *route)
{
	inherit_route(r->http->http, draft, route);
	finish_route_upstream(r, draft, route);
	finish_route_limits(r, &draft->limits, route);
	if (route->match)
		check_route(r, route);
}

static void finish_routes(struct reading *r)
{
	static const struct route_draft nothing_said;
	const struct route_draft *drafts = r->http->routes.at;
	struct http_policy *http = r->http->http;

	http->route_count = r->http->routes.count;
	http->routes = arena_take(r->http->arena, (http->route_count + 1) * sizeof(*http->routes));
	if (!http->routes || route_table_new(&http->table)) {
		r->error = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < http->route_count && !r->error; i++) {
		http->routes[i] = drafts[i].route;
		http->routes[i].number = (uint32_t)i;
		finish_route(r, &drafts[i], &http->routes[i]);
		add_to_table(r, &http->routes[i]);
	}
	http->other.number = (uint32_t)http->route_count;
	http->other.place = r->http->at;
	finish_route(r, &nothing_said, &http->other);
}

/* ---- What belongs together ---- */

#define MIB    ((uint64_t)1 << 20)
#define MEMORY (512 * MIB)
#define BESIDE (352 * MIB) /* of MEMORY: for connections and buffers */

static uint64_t at_most(uint64_t most, uint64_t value)
{
	return value < most ? value : most;
}

/* Who says how much memory there is, or how big the cache, need not say the rest as well. */
static void share_memory(struct http_policy *http)
{
	struct http_max *max = &http->max;
	struct http_cache *cache = &http->cache;
	const uint64_t memory = max->memory ? max->memory : MEMORY;
	uint64_t needed;

	if (!max->limit_table)
		max->limit_table = at_most(32 * MIB, memory / 8);
	if (!cache->size)
		cache->size = at_most(128 * MIB, memory / 4);
	if (!cache->object_max)
		cache->object_max = at_most(8 * MIB, cache->size / 4);
	needed = max->limit_table + (cache->off ? 0 : cache->size) + BESIDE;
	if (!max->memory)
		max->memory = needed > MEMORY ? needed : MEMORY;
}

static void check_memory(struct reading *r)
{
	const struct http_policy *http = r->http->http;
	const uint64_t cached = http->cache.off ? 0 : http->cache.size;

	if (cached + http->max.limit_table > http->max.memory)
		reading_error(r, r->http->max_at.line ? r->http->max_at : r->http->cache_at,
			      "cache.size and max.limit_table together are more than max.memory");
	if (!http->cache.off && http->cache.object_max > http->cache.size / 4)
		reading_error(r, r->http->cache_at.line ? r->http->cache_at : r->http->at,
			      "cache.object_max is more than a quarter of cache.size: a handful of "
			      "objects would empty the cache");
	if (http->max.per_source > http->max.connections && r->http->max_at.line)
		reading_warning(r, r->http->max_at,
				"max.per_source is above max.connections: one source can take all");
}

static bool flags_any(const struct policy *policy)
{
	for (size_t i = 0; i < policy->tier_count; i++)
		if (policy->tiers[i].over == SL_OVER_FLAG || policy->tiers[i].flag_above_percent)
			return true;
	return false;
}

/* Whether the packet plane drops what a banned source sends to a TCP port. */
static bool bans_reach(const struct policy *policy, uint16_t port)
{
	const struct policy_protect *protect = &policy->protect;

	if (policy->scope_everything || protect->everything || protect->whole[IPPROTO_TCP])
		return true;
	for (size_t i = 0; i < protect->range_count[SL_PORTS_TCP]; i++)
		if (protect->ranges[SL_PORTS_TCP][i].first <= port &&
		    port <= protect->ranges[SL_PORTS_TCP][i].last)
			return true;
	return false;
}

/* A ban that the source does not notice is worse than none: it counts as done. */
static void check_reach(struct reading *r)
{
	const struct http_policy *http = r->http->http;

	for (size_t i = 0; i < http->listener_count; i++) {
		const struct http_address *address = &http->listeners[i].address;

		if (address->kind == HTTP_ADDRESS_IP && !bans_reach(r->policy, address->port))
			reading_warning(r, address->place,
					"`escalate` bans in vain: `protect` does not name tcp port "
					"%u",
					address->port);
	}
}

static void check_caution(struct reading *r)
{
	if (!r->policy->flag.accept)
		reading_warning(r, r->http->caution_at,
				"`caution` without `flag: {accept: true}`: accepted connections "
				"carry no mark");
	else if (!flags_any(r->policy))
		reading_warning(r, r->http->caution_at, "`caution`, but no tier flags anything");
}

static void check_planes(struct reading *r)
{
	const struct http_policy *http = r->http->http;
	const bool has_plane = r->policy->has_packet_plane;

	if (http->escalate.enabled && !has_plane)
		reading_warning(
			r, r->http->escalate_at,
			"`escalate` without `interfaces`: there is no packet plane to ban in");
	else if (http->escalate.enabled)
		check_reach(r);
	if (http->caution != HTTP_CAUTION_NORMAL && !has_plane)
		reading_warning(r, r->http->caution_at,
				"`caution` without `interfaces`: nothing is ever flagged");
	else if (http->caution != HTTP_CAUTION_NORMAL)
		check_caution(r);
}

static bool has_tag(const struct http_names *names, const char *tag)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->at[i], tag))
			return true;
	return false;
}

static void check_invalidated(struct reading *r, const struct http_route *route)
{
	const struct http_policy *http = r->http->http;

	for (size_t t = 0; t < route->invalidate_tags.count; t++) {
		const char *tag = route->invalidate_tags.at[t];
		bool is_given = false;

		for (size_t i = 0; i < http->route_count && !is_given; i++)
			is_given = has_tag(&http->routes[i].tags, tag);
		if (!is_given)
			reading_warning(r, route->place,
					"`invalidates` names %s, a tag that no route gives: "
					"nothing goes unless the "
					"upstream gives it",
					tag);
	}
}

/* Upstreams may give tags, too: where no route gives any, all are theirs. */
static void check_tags(struct reading *r)
{
	const struct http_policy *http = r->http->http;
	bool any = false;

	for (size_t i = 0; i < http->route_count && !any; i++)
		any = http->routes[i].tags.count;
	for (size_t i = 0; any && i < http->route_count; i++)
		check_invalidated(r, &http->routes[i]);
}

/* Then the word of every client about itself is believed: no limit counts whom it should. */
static void check_proxies(struct reading *r)
{
	const struct http_prefixes *proxies = &r->http->http->trusted_proxies;

	for (size_t i = 0; i < proxies->count; i++)
		if (!proxies->at[i].bits)
			reading_warning(r, r->http->trusted_at,
					"`trusted_proxies` has all addresses: any client can say "
					"that it is another");
}

void finish_http(struct reading *r)
{
	if (!r->http)
		return;
	share_memory(r->http->http);
	finish_listeners(r);
	finish_upstreams(r);
	finish_default_limits(r);
	finish_routes(r);
	if (!r->error)
		finish_identities(r);
	check_memory(r);
	check_planes(r);
	check_tags(r);
	finish_warn_upstreams(r);
	check_proxies(r);
}
