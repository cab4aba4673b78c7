/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/caching_facts.h"

#include <errno.h>

#include "base/duration.h"
#include "cache/facts_read.h"
#include "cache/vary.h"

#define KEY_VALUES_MAX 8192 /* bytes of all dimensions of a key together; more is not cached */
#define DIMENSIONS_MAX (2 * HTTP_NAMES_MAX + HTTP_KEY_PARTS_MAX)

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

/* ---- Cookies ---- */

/* "a=1; b=2", of all Cookie lines. */
struct cookies {
	const struct fields *fields;
	const struct field *field;
	struct bytes rest;
};

static struct cookies cookies_of(const struct fields *fields)
{
	const struct field *field = fields_first(fields, FIELD_COOKIE);

	return (struct cookies){fields, field, field ? field->value : (struct bytes){NULL, 0}};
}

static struct bytes trim(struct bytes text)
{
	while (text.len && (*text.at == ' ' || *text.at == '\t'))
		text = (struct bytes){text.at + 1, text.len - 1};
	while (text.len && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

static bool next_cookie(struct cookies *cookies, struct bytes *ret_name, struct bytes *ret_value)
{
	const char *end, *equals;
	struct bytes pair;

	while (cookies->field && !cookies->rest.len) {
		cookies->field = fields_next(cookies->fields, cookies->field);
		if (cookies->field)
			cookies->rest = cookies->field->value;
	}
	if (!cookies->field)
		return false;

	end = memchr(cookies->rest.at, ';', cookies->rest.len);
	pair = cookies->rest;
	if (end)
		pair.len = (size_t)(end - pair.at);
	cookies->rest = end ? (struct bytes){end + 1, cookies->rest.len - pair.len - 1}
			    : (struct bytes){NULL, 0};

	equals = pair.len ? memchr(pair.at, '=', pair.len) : NULL;
	*ret_name = trim(equals ? (struct bytes){pair.at, (size_t)(equals - pair.at)} : pair);
	*ret_value =
		equals ? trim((struct bytes){equals + 1, pair.len - (size_t)(equals - pair.at) - 1})
		       : (struct bytes){NULL, 0};
	return true;
}

static bool find_cookie(const struct fields *fields, struct bytes name, struct bytes *ret_value)
{
	struct cookies cookies = cookies_of(fields);
	struct bytes other;

	while (next_cookie(&cookies, &other, ret_value))
		if (bytes_equal(other, name))
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

static enum personal judge_header(const struct http_policy *http, const struct request *req,
				  struct bytes name)
{
	if (!fields_find(&req->head.fields, name, NULL))
		return PERSONAL_ABSENT;
	return is_declared_header(http, req->route, name) ? PERSONAL_DECLARED : PERSONAL_LOOSE;
}

static enum personal judge_cookies(const struct http_policy *http, const struct request *req)
{
	struct cookies cookies = cookies_of(&req->head.fields);
	struct bytes name, value;

	if (judge_header(http, req, BYTES("cookie")) != PERSONAL_LOOSE)
		return judge_header(http, req, BYTES("cookie"));
	while (next_cookie(&cookies, &name, &value))
		if (name.len && !is_declared_cookie(req->route, name))
			return PERSONAL_LOOSE;
	return PERSONAL_DECLARED;
}

static enum personal worse(enum personal a, enum personal b)
{
	return a > b ? a : b;
}

static enum personal judge_key(const struct http_policy *http, const struct request *req,
			       const struct http_key *key)
{
	enum personal is = PERSONAL_ABSENT;
	struct bytes value;

	for (size_t i = 0; i < key->count; i++) {
		struct bytes name =
			key->part[i].name ? bytes_of(key->part[i].name) : (struct bytes){NULL, 0};

		if (key->part[i].kind == HTTP_KEY_HEADER)
			is = worse(is, judge_header(http, req, name));
		else if (key->part[i].kind == HTTP_KEY_COOKIE &&
			 find_cookie(&req->head.fields, name, &value))
			is = worse(is, judge_cookies(http, req));
	}
	return is;
}

/* Fields the policy knows clients by, whichever limit it is that names them. */
static enum personal judge_identity(const struct http_policy *http, const struct request *req)
{
	const struct http_limits *const lists[] = {&req->route->limits, &http->global_limits};
	enum personal is = judge_key(http, req, &req->route->how.key);

	if (http->keys.header)
		is = worse(is, judge_header(http, req, bytes_of(http->keys.header)));
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l]->count; i++)
			is = worse(is, judge_key(http, req, &lists[l]->at[i].how.key));
	return is;
}

/* ---- Rules ---- */

static uint32_t whole_seconds(uint64_t span_ns)
{
	uint64_t seconds = span_ns / NS_PER_SEC;

	return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static struct route_rules rules_of(const struct http_policy *http, const struct http_route *route)
{
	const struct http_cache_rule *cache = &route->cache;
	struct route_rules rules = {
		.no_cache = http->cache.off || cache->off,
		.has_lifetime = cache->has_lifetime,
		.heuristics = http->cache.heuristics,
		.share_set_cookie = route->share_set_cookie,
		.honour_request = http->cache.honour_request,
		.is_prefix = route->is_prefix && cache->has_lifetime,
		.refresh_early_percent = http->cache.refresh_early_percent,
		.lifetime_s = whole_seconds(cache->lifetime_ns),
		.stale_on_error_s = whole_seconds(http->cache.stale_on_error_ns),
		.stale_if_error_s = SECONDS_ABSENT,
		.stale_while_revalidate_s = SECONDS_ABSENT,
	};

	_Static_assert(RULES_STATUS_MAX >= HTTP_STATUSES_MAX, "all of a route's statuses fit");
	rules.status_count = (uint8_t)route->status_count;
	memcpy(rules.status, route->status, route->status_count * sizeof(route->status[0]));
	if (cache->has_stale_if_error)
		rules.stale_if_error_s = whole_seconds(cache->stale_if_error_ns);
	if (cache->has_stale_while_revalidate)
		rules.stale_while_revalidate_s = whole_seconds(cache->stale_while_revalidate_ns);
	return rules;
}

struct caching_facts caching_facts_of(const struct http_policy *http, const struct request *req)
{
	bool has_content = req->body.kind == BODY_CHUNKED ||
			   (req->body.kind == BODY_LENGTH && req->body.length);
	struct caching_facts facts = {facts_of_request(&req->head, has_content),
				      rules_of(http, req->route)};

	/* Only what reaches the upstream can change its mind. */
	facts.req.has_method_override &= req->route->method_override;
	facts.req.authorization = judge_header(http, req, BYTES("authorization"));
	facts.req.cookie = judge_cookies(http, req);
	facts.req.identity = judge_identity(http, req);
	return facts;
}

/* ---- The key ---- */

struct dimensions {
	struct key_dimension at[DIMENSIONS_MAX];
	size_t count;
	char room[KEY_VALUES_MAX];
	size_t used;
	bool is_cut;
};

static void add_header(struct dimensions *to, const struct request *req, char kind,
		       struct bytes name)
{
	struct vary_value value = {to->room, to->used, sizeof(to->room), false};

	if (!vary_normalise(&req->head.fields, name, &value)) {
		to->is_cut = true;
		return;
	}
	to->at[to->count++] = (struct key_dimension){
		kind, value.is_given, name, {to->room + to->used, value.len - to->used}};
	to->used = value.len;
}

static void add_cookie(struct dimensions *to, const struct request *req, char kind,
		       struct bytes name)
{
	struct key_dimension dimension = {.kind = kind, .name = name};

	dimension.is_given = find_cookie(&req->head.fields, name, &dimension.value);
	to->at[to->count++] = dimension;
}

static void add_address(struct dimensions *to, const struct prefix *address)
{
	size_t left = sizeof(to->room) - to->used;
	char *at = to->room + to->used;

	if (left < PREFIX_TEXT_MAX) {
		to->is_cut = true;
		return;
	}
	at[0] = '\0';
	if (address->family)
		prefix_format(address, at);
	to->at[to->count++] = (struct key_dimension){'i', true, BYTES("client"), bytes_of(at)};
	to->used += strlen(at);
}

static void add_part(struct dimensions *to, const struct http_policy *http,
		     const struct request *req, const struct http_key_part *part)
{
	switch (part->kind) {
	case HTTP_KEY_API_KEY: /* who has no key is known by address */
		if (http->keys.header)
			add_header(to, req, 'i', bytes_of(http->keys.header));
		add_address(to, &req->identity.address);
		break;
	case HTTP_KEY_CLIENT:
	case HTTP_KEY_SOURCE: /* no finer than the client in front of a trusted proxy */
		add_address(to, &req->identity.address);
		break;
	case HTTP_KEY_HEADER:
		add_header(to, req, 'i', bytes_of(part->name));
		break;
	case HTTP_KEY_COOKIE:
		add_cookie(to, req, 'i', bytes_of(part->name));
		break;
	}
}

static void add_dimensions(struct dimensions *to, const struct http_policy *http,
			   const struct request *req)
{
	const struct http_cache_key *key = &req->route->cache.key;

	for (size_t i = 0; i < key->headers.count; i++)
		add_header(to, req, 'h', bytes_of(key->headers.at[i]));
	for (size_t i = 0; i < key->cookies.count; i++)
		add_cookie(to, req, 'c', bytes_of(key->cookies.at[i]));
	for (size_t i = 0; key->identity && i < req->route->how.key.count; i++)
		add_part(to, http, req, &req->route->how.key.part[i]);
}

static enum query_rule query_rule_of(enum http_query_rule rule)
{
	switch (rule) {
	case HTTP_QUERY_ALL:
		break;
	case HTTP_QUERY_NONE:
		return QUERY_NONE;
	case HTTP_QUERY_ONLY:
		return QUERY_ONLY;
	case HTTP_QUERY_EXCEPT:
		return QUERY_EXCEPT;
	}
	return QUERY_ALL;
}

struct url {
	struct bytes path;
	bool has_query;
	struct bytes query;
};

static int build(const struct request *req, const struct http_cache_key *rule,
		 const struct url *url, const struct dimensions *dimensions, struct buffer *out,
		 struct cache_key *ret_key)
{
	struct bytes names[HTTP_NAMES_MAX];
	struct key_parts parts = {
		.scheme = req->is_https ? BYTES("https") : BYTES("http"),
		.host = req->authority_text,
		.path = url->path,
		.has_query = url->has_query,
		.query = url->query,
		.query_rule = query_rule_of(rule->query),
		.query_names = names,
		.query_name_count = rule->query_names.count,
		.dimensions = dimensions->at,
		.dimension_count = dimensions->count,
	};

	/* Without a host every name of the upstream would share what it answered. */
	if (!req->authority_text.len || dimensions->is_cut)
		return -EINVAL;
	for (size_t i = 0; i < parts.query_name_count; i++)
		names[i] = bytes_of(rule->query_names.at[i]);
	return cache_key_build(&parts, out, ret_key);
}

int caching_key(const struct http_policy *http, const struct request *req, struct buffer *out,
		struct cache_key *ret_key)
{
	const struct url url = {req->target.path.text, req->target.has_query, req->target.query};
	struct dimensions dimensions;

	if (req->target.is_asterisk)
		return -EINVAL;
	dimensions.count = dimensions.used = 0;
	dimensions.is_cut = false;
	add_dimensions(&dimensions, http, req);
	return build(req, &req->route->cache.key, &url, &dimensions, out, ret_key);
}

void caching_origin(const struct request *req, struct buffer *out)
{
	out->len = 0;
	out->error = 0;
	buffer_add(out, req->is_https ? BYTES("https://") : BYTES("http://"));
	buffer_add(out, req->authority_text);
}

int caching_url(const struct http_policy *http, const struct request *req, struct bytes whole,
		struct buffer *out, struct cache_key *ret_key)
{
	size_t origin_len = (req->is_https ? 8 : 7) + req->authority_text.len;
	struct route_request get = {.method = BYTES("GET"), .host = req->host};
	const struct http_route *route;
	struct dimensions none;
	struct url url = {0};
	const char *mark;

	if (whole.len <= origin_len || whole.at[origin_len] != '/')
		return -EINVAL;
	url.path = (struct bytes){whole.at + origin_len, whole.len - origin_len};
	mark = memchr(url.path.at, '?', url.path.len);
	url.has_query = mark;
	if (mark) {
		url.query =
			(struct bytes){mark + 1, (size_t)(url.path.at + url.path.len - mark) - 1};
		url.path.len = (size_t)(mark - url.path.at);
	}
	get.path = url.path;
	route = http->route_count ? http_policy_route(http, &get) : &http->other;
	none.count = 0;
	none.is_cut = false;
	return build(req, &route->cache.key, &url, &none, out, ret_key);
}
