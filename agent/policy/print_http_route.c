/* SPDX-License-Identifier: BSD-2-Clause */
/* One route, as far as it is not what every route is. */
#include "base/duration.h"
#include "policy/print_http_parts.h"
#include "policy/rate.h"

static void print_span(uint64_t ns, struct buffer *out)
{
	char text[DURATION_TEXT_MAX];

	buffer_add_text(out, duration_format(ns, text));
}

static void print_exempt(const struct http_route *route, struct buffer *out)
{
	const char *before = "[";
	char text[PREFIX_TEXT_MAX];

	if (route->exempt) {
		buffer_add_text(out, "true");
		return;
	}
	for (size_t i = 0; i < route->exempt_tiers.count; i++, before = ", ") {
		buffer_add_text(out, before);
		print_quoted(route->exempt_tiers.at[i], out);
	}
	for (size_t i = 0; i < route->exempt_prefixes.count; i++, before = ", ") {
		buffer_add_text(out, before);
		print_quoted(prefix_format(&route->exempt_prefixes.at[i], text), out);
	}
	buffer_add_text(out, "]");
}

static void print_on_limit(const struct http_on_limit *on_limit, struct buffer *out)
{
	struct flow_map map = flow_map_begin(out);

	buffer_printf(flow_key(&map, "status"), "%u", on_limit->status);
	if (on_limit->body) {
		print_quoted(on_limit->type, flow_key(&map, "type"));
		print_quoted(on_limit->body, flow_key(&map, "body"));
	}
	if (on_limit->queue_ns)
		print_span(on_limit->queue_ns, flow_key(&map, "queue"));
	flow_end(&map);
}

/* ---- Caching ---- */

static void print_query(const struct http_cache_key *key, struct buffer *out)
{
	switch (key->query) {
	case HTTP_QUERY_ALL:
		buffer_add_text(out, "all");
		return;
	case HTTP_QUERY_NONE:
		buffer_add_text(out, "none");
		return;
	case HTTP_QUERY_ONLY:
		print_names(&key->query_names, out);
		return;
	case HTTP_QUERY_EXCEPT:
		buffer_add_text(out, "{except: ");
		print_names(&key->query_names, out);
		buffer_add_text(out, "}");
		return;
	}
}

static bool is_plain_key(const struct http_cache_key *key)
{
	return key->query == HTTP_QUERY_ALL && !key->headers.count && !key->cookies.count &&
	       !key->identity;
}

static void print_cache_key(const struct http_cache_key *key, struct buffer *out)
{
	struct flow_map map = flow_map_begin(out);

	print_query(key, flow_key(&map, "query"));
	if (key->headers.count)
		print_names(&key->headers, flow_key(&map, "headers"));
	if (key->cookies.count)
		print_names(&key->cookies, flow_key(&map, "cookies"));
	if (key->identity)
		buffer_add_text(flow_key(&map, "identity"), "true");
	flow_end(&map);
}

static void print_cache(const struct http_cache_rule *rule, struct buffer *out)
{
	struct flow_map map;

	if (rule->off) {
		buffer_add_text(out, "off");
		return;
	}
	map = flow_map_begin(out);
	if (rule->has_lifetime)
		print_span(rule->lifetime_ns, flow_key(&map, "for"));
	if (!is_plain_key(&rule->key))
		print_cache_key(&rule->key, flow_key(&map, "key"));
	if (rule->has_stale_while_revalidate)
		print_span(rule->stale_while_revalidate_ns,
			   flow_key(&map, "stale_while_revalidate"));
	if (rule->has_stale_if_error)
		print_span(rule->stale_if_error_ns, flow_key(&map, "stale_if_error"));
	flow_end(&map);
}

static bool has_cache(const struct http_cache_rule *rule)
{
	return rule->off || rule->has_lifetime || !is_plain_key(&rule->key) ||
	       rule->has_stale_while_revalidate || rule->has_stale_if_error;
}

static void print_ignore(const struct http_ignore *ignore, struct buffer *out)
{
	const char *before = "[";

	for (size_t i = 0; i < ignore->headers.count; i++, before = ", ") {
		buffer_add_text(out, before);
		print_quoted(ignore->headers.at[i], out);
	}
	for (size_t i = 0; i < ignore->cookies.count; i++, before = ", ") {
		buffer_printf(out, "%s{cookie: ", before);
		print_quoted(ignore->cookies.at[i], out);
		buffer_add_text(out, "}");
	}
	buffer_add_text(out, "]");
}

static void print_covered(const struct http_route *route, struct buffer *out)
{
	struct flow_map map;

	if (route->covers == HTTP_COVERS_ONLY) {
		print_statuses(&route->status, out);
		return;
	}
	map = flow_map_begin(out);
	print_statuses(&route->status, flow_key(&map, "except"));
	flow_end(&map);
}

static void print_invalidates(const struct http_route *route, struct buffer *out)
{
	const char *before = "[";

	for (size_t i = 0; i < route->invalidate_tags.count; i++, before = ", ") {
		buffer_add_text(out, before);
		print_quoted(route->invalidate_tags.at[i], out);
	}
	for (size_t i = 0; i < route->invalidate_paths.count; i++, before = ", ") {
		buffer_add_text(out, before);
		print_quoted(route->invalidate_paths.at[i], out);
	}
	buffer_add_text(out, "]");
}

/* ---- All of it ---- */

static void print_limiting(const struct http_route *route, struct flow_map *map)
{
	if (route->has_limits)
		print_limits(&route->limits, true, flow_key(map, "limits"));
	if (route->and_defaults)
		buffer_add_text(flow_key(map, "and_defaults"), "true");
	print_how(map, &route->how);
	if (route->exempt || route->exempt_tiers.count || route->exempt_prefixes.count)
		print_exempt(route, flow_key(map, "exempt"));
	if (route->concurrency)
		buffer_printf(flow_key(map, "concurrency"), "%u", route->concurrency);
	if (route->on_limit.status != 429 || route->on_limit.body || route->on_limit.queue_ns)
		print_on_limit(&route->on_limit, flow_key(map, "on_limit"));
}

static void print_caching(const struct http_policy *http, const struct http_route *route,
			  struct flow_map *map)
{
	if (has_cache(&route->cache))
		print_cache(&route->cache, flow_key(map, "cache"));
	if (route->ignore.headers.count || route->ignore.cookies.count)
		print_ignore(&route->ignore, flow_key(map, "ignore"));
	if (route->covers != HTTP_COVERS_USUAL)
		print_covered(route, flow_key(map, "status"));
	if (route->tags.count)
		print_names(&route->tags, flow_key(map, "tags"));
	if (route->invalidate_tags.count || route->invalidate_paths.count)
		print_invalidates(route, flow_key(map, "invalidates"));
	if (route->share_set_cookie != http->cache.share_set_cookie)
		buffer_add_text(flow_key(map, "share_set_cookie"),
				route->share_set_cookie ? "true" : "false");
}

static void print_carrying(const struct http_policy *http, const struct http_route *route,
			   struct flow_map *map)
{
	char bytes[RATE_TEXT_MAX];

	if (route->retry != HTTP_RETRY_SAFE)
		buffer_add_text(flow_key(map, "retry"), http_retry_words[route->retry]);
	if (route->lenient_path != http->lenient_path)
		buffer_add_text(flow_key(map, "path"), http_path_words[route->lenient_path]);
	if (route->websocket)
		buffer_add_text(flow_key(map, "upgrade"), "websocket");
	if (route->method_override != http->method_override)
		buffer_add_text(flow_key(map, "method_override"),
				route->method_override ? "true" : "false");
	if (route->max_body != http->max.body)
		buffer_add_text(flow_key(map, "max_body"),
				rate_format_bytes(route->max_body, bytes));
	if (route->response_ns != http->timeouts.response_ns)
		print_span(route->response_ns, flow_key(map, "response_timeout"));
}

void print_route(const struct route_printing *printing)
{
	const struct http_policy *http = printing->http;
	const struct http_route *route = printing->route;

	if (route->upstream)
		print_quoted(http->upstreams[route->upstream].name,
			     flow_key(printing->map, "upstream"));
	print_limiting(route, printing->map);
	print_caching(http, route, printing->map);
	print_carrying(http, route, printing->map);
}
