/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "cache/vary.h"
#include "http/caching_facts.h"
#include "message/cookies.h"
#include "message/chars.h"

#define KEY_VALUES_MAX 8192 /* bytes of all dimensions of a key together; more is not cached */
#define DIMENSIONS_MAX (2 * HTTP_NAMES_MAX + HTTP_KEY_PARTS_MAX)

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
	const unsigned count = cookies_find(&req->head.fields, name, &dimension.value);

	dimension.is_given = count;
	/* The origin may answer for the second what would be stored under the first. */
	to->is_cut |= count > 1;
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

/* A URL, and what its route makes of it. */
struct wanted {
	const struct http_cache_key *rule;
	const struct dimensions *dimensions;
	struct caching_url url;
};

static int build(const struct wanted *wanted, struct buffer *out, struct cache_key *ret_key)
{
	const struct caching_url *url = &wanted->url;
	struct bytes names[HTTP_NAMES_MAX];
	struct key_parts parts = {
		.scheme = url->is_https ? BYTES("https") : BYTES("http"),
		.host = url->authority,
		.path = url->path,
		.has_query = url->has_query,
		.query = url->query,
		.query_rule = query_rule_of(wanted->rule->query),
		.query_names = names,
		.query_name_count = wanted->rule->query_names.count,
		.dimensions = wanted->dimensions->at,
		.dimension_count = wanted->dimensions->count,
	};

	/* Without a host every name of the upstream would share what it answered. */
	if (!url->authority.len || wanted->dimensions->is_cut)
		return -EINVAL;
	for (size_t i = 0; i < parts.query_name_count; i++)
		names[i] = bytes_of(wanted->rule->query_names.at[i]);
	return cache_key_build(&parts, out, ret_key);
}

/*
 * Whether Connection names a field that says something to the origin: it is taken out on the way, so the answer is to
 * another request than the one that Vary and keys would know it by.
 */
static bool hides_fields(const struct request *req)
{
	const struct fields *fields = &req->head.fields;

	if (!fields_first(fields, FIELD_CONNECTION))
		return false;
	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (field_set_has(&req->connection.hop, i) &&
		    !(field_flags((enum field_name)field->id, field->name) & FIELD_IS_HOP))
			return true;
	}
	return false;
}

int caching_key(const struct http_policy *http, const struct request *req, struct buffer *out,
		struct cache_key *ret_key)
{
	struct dimensions dimensions;
	const struct wanted wanted = {&req->route->cache.key,
				      &dimensions,
				      {req->is_https, req->authority_text, req->target.path.text,
				       req->target.has_query, req->target.query}};

	if (req->target.is_asterisk || hides_fields(req))
		return -EINVAL;
	dimensions.count = dimensions.used = 0;
	dimensions.is_cut = false;
	add_dimensions(&dimensions, http, req);
	return build(&wanted, out, ret_key);
}

int caching_url_key(const struct http_route *route, const struct caching_url *url,
		    struct buffer *out, struct cache_key *ret_key)
{
	struct dimensions none;
	const struct wanted wanted = {&route->cache.key, &none, *url};

	none.count = 0;
	none.is_cut = false;
	return build(&wanted, out, ret_key);
}

void caching_origin(const struct request *req, struct buffer *out)
{
	out->len = 0;
	out->error = 0;
	buffer_add(out, req->is_https ? BYTES("https://") : BYTES("http://"));
	buffer_add(out, req->authority_text);
}

const struct http_route *caching_route(const struct http_policy *http, struct bytes host,
				       struct bytes path)
{
	const struct route_request get = {.method = BYTES("GET"), .host = host, .path = path};

	return http->route_count ? http_policy_route(http, &get) : &http->other;
}

void caching_url_split(struct bytes target, struct caching_url *url)
{
	const char *mark = memchr(target.at, '?', target.len);

	url->path = target;
	url->has_query = mark;
	if (!mark)
		return;
	url->path.len = (size_t)(mark - target.at);
	url->query = bytes_from(target, url->path.len + 1);
}

int caching_url(const struct http_policy *http, const struct request *req, struct bytes whole,
		struct buffer *out, struct cache_key *ret_key)
{
	size_t origin_len = (req->is_https ? 8 : 7) + req->authority_text.len;
	struct caching_url url = {.is_https = req->is_https, .authority = req->authority_text};

	if (whole.len <= origin_len || whole.at[origin_len] != '/')
		return -EINVAL;
	caching_url_split(bytes_from(whole, origin_len), &url);
	return caching_url_key(caching_route(http, req->host, url.path), &url, out, ret_key);
}
