/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/caching_facts.h"

#include <stdlib.h>

#include "base/duration.h"
#include "cache/facts_read.h"
#include "message/cookies.h"

static bool has_name(struct http_names names, struct bytes name)
{
	for (size_t i = 0; i < names.count; i++)
		if (bytes_equal_nocase(bytes_of(names.at[i]), name))
			return true;
	return false;
}

/* Names of cookies have case: what is declared as "sid" says nothing of "SID". */
static bool has_cookie_name(struct http_names names, struct bytes name)
{
	for (size_t i = 0; i < names.count; i++)
		if (bytes_equal(bytes_of(names.at[i]), name))
			return true;
	return false;
}

/* ---- What says who asks ---- */

static bool identity_has(const struct http_key *key, enum http_key_kind kind, struct bytes name)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->part[i].kind == kind && bytes_equal(bytes_of(key->part[i].name), name))
			return true;
	return false;
}

/* Part of the route's key, or listed under `ignore`. */
static bool is_declared_header(const struct http_policy *http, const struct http_route *route,
			       struct bytes name)
{
	const struct http_cache_key *key = &route->cache.key;

	if (has_name(key->headers, name) || has_name(route->ignore.headers, name))
		return true;
	if (!key->identity)
		return false;
	if (identity_has(&route->how.key, HTTP_KEY_HEADER, name))
		return true;
	for (size_t i = 0; i < route->how.key.count; i++)
		if (route->how.key.part[i].kind == HTTP_KEY_API_KEY && http->keys.header &&
		    bytes_equal_nocase(bytes_of(http->keys.header), name))
			return true;
	return false;
}

static bool is_declared_cookie(const struct http_route *route, struct bytes name)
{
	const struct http_cache_key *key = &route->cache.key;

	return has_cookie_name(key->cookies, name) ||
	       has_cookie_name(route->ignore.cookies, name) ||
	       (key->identity && identity_has(&route->how.key, HTTP_KEY_COOKIE, name));
}

/* Of a field that is there. */
static enum personal judge_given(const struct http_policy *http, const struct request *req,
				 struct bytes name)
{
	return is_declared_header(http, req->route, name) ? PERSONAL_DECLARED : PERSONAL_LOOSE;
}

static enum personal judge_header(const struct http_policy *http, const struct request *req,
				  struct bytes name)
{
	if (!fields_find(&req->head.fields, name, NULL))
		return PERSONAL_ABSENT;
	return judge_given(http, req, name);
}

static enum personal judge_authorization(const struct http_policy *http, const struct request *req)
{
	if (!fields_first(&req->head.fields, FIELD_AUTHORIZATION))
		return PERSONAL_ABSENT;
	return judge_given(http, req, BYTES("authorization"));
}

static enum personal judge_cookies(const struct http_policy *http, const struct request *req)
{
	struct cookies cookies = cookies_of(&req->head.fields);
	struct bytes name, value;

	if (!cookies.field)
		return PERSONAL_ABSENT;
	if (judge_given(http, req, BYTES("cookie")) == PERSONAL_DECLARED)
		return PERSONAL_DECLARED;
	while (cookies_next(&cookies, &name, &value))
		if (name.len && !is_declared_cookie(req->route, name))
			return PERSONAL_LOOSE;
	return PERSONAL_DECLARED;
}

static enum personal worse(enum personal a, enum personal b)
{
	return a > b ? a : b;
}

/* Fields the policy knows clients by, whichever limit of whichever route it is that names them. */
static enum personal judge_identity(const struct http_policy *http, const struct request *req)
{
	enum personal is = PERSONAL_ABSENT;
	struct bytes value;

	for (size_t i = 0; i < http->identity_headers.count; i++)
		is = worse(is, judge_header(http, req, bytes_of(http->identity_headers.at[i])));
	for (size_t i = 0; i < http->identity_cookies.count; i++)
		if (cookies_find(&req->head.fields, bytes_of(http->identity_cookies.at[i]), &value))
			is = worse(is, judge_cookies(http, req));
	return is;
}

/* ---- Rules ---- */

static uint32_t whole_seconds(uint64_t span_ns)
{
	uint64_t seconds = span_ns / NS_PER_SEC;

	return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

struct route_rules caching_rules_of(const struct http_policy *http, const struct http_route *route)
{
	static const enum covered_statuses covered[] = {
		[HTTP_COVERS_USUAL] = COVERED_USUAL,
		[HTTP_COVERS_ONLY] = COVERED_ONLY,
		[HTTP_COVERS_EXCEPT] = COVERED_EXCEPT,
	};
	const struct http_cache_rule *cache = &route->cache;
	struct route_rules rules = {
		.no_cache = http->cache.off || cache->off,
		.has_lifetime = cache->has_lifetime,
		.heuristics = http->cache.heuristics,
		.share_set_cookie = route->share_set_cookie,
		.honour_request = http->cache.honour_request,
		.is_prefix = route->is_prefix && cache->has_lifetime,
		.refresh_early_percent = http->cache.refresh_early_percent,
		.covers = covered[route->covers],
		.lifetime_s = whole_seconds(cache->lifetime_ns),
		.stale_on_error_s = whole_seconds(http->cache.stale_on_error_ns),
		.stale_if_error_s = SECONDS_ABSENT,
		.stale_while_revalidate_s = SECONDS_ABSENT,
	};

	_Static_assert(sizeof(rules.status) == sizeof(route->status.bits), "the same statuses");
	memcpy(rules.status, route->status.bits, sizeof(rules.status));
	if (cache->has_stale_if_error)
		rules.stale_if_error_s = whole_seconds(cache->stale_if_error_ns);
	if (cache->has_stale_while_revalidate)
		rules.stale_while_revalidate_s = whole_seconds(cache->stale_while_revalidate_ns);
	return rules;
}

struct route_rules *caching_rules_of_all(const struct http_policy *http)
{
	struct route_rules *rules = calloc(http->route_count + 1, sizeof(*rules));

	if (!rules)
		return NULL;
	for (size_t i = 0; i < http->route_count; i++)
		rules[http->routes[i].number] = caching_rules_of(http, &http->routes[i]);
	rules[http->other.number] = caching_rules_of(http, &http->other);
	return rules;
}

struct caching_facts caching_facts_of(const struct plan *plan, const struct request *req)
{
	bool has_content = req->body.kind == BODY_CHUNKED ||
			   (req->body.kind == BODY_LENGTH && req->body.length);
	struct caching_facts facts = {facts_of_request(&req->head, has_content),
				      &plan->cache_rules[req->route->number]};

	/* Only what reaches the upstream can change its mind. */
	facts.req.has_method_override &= req->route->method_override;
	facts.req.authorization = judge_authorization(plan->http, req);
	facts.req.cookie = judge_cookies(plan->http, req);
	facts.req.identity = judge_identity(plan->http, req);
	return facts;
}
