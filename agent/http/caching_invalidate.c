/* SPDX-License-Identifier: BSD-2-Clause */
/* What an answer to a request that changes something makes untrue, and is forgotten. */
#include "cache/facts_read.h"
#include "cache/invalidation.h"
#include "http/caching.h"
#include "http/caching_facts.h"
#include "http/exchange.h"
#include "http/http_parts.h"

static struct cache_store *store_of(const struct exchange *x)
{
	return x->worker->http->cache;
}

static void purge_reference(struct exchange *x, struct bytes url, enum field_name id)
{
	const struct field *field = fields_first(&x->worker->resp.fields, id);
	auto_buffer struct buffer resolved = buffer_new(CACHE_KEY_MAX);
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct cache_key key;

	if (!field || invalidation_resolve(url, field->value, &resolved))
		return;
	if (!caching_url(x->share->plan->http, exchange_request(x),
			 (struct bytes){resolved.at, resolved.len}, &out, &key))
		(void)cache_purge_url(store_of(x), cache_key_url(&key), PURGE_HARD);
}

/* RFC 9111 section 4.4: the URI itself, Location and Content-Location. */
static void purge_uris(struct exchange *x)
{
	const struct request *req = exchange_request(x);
	auto_buffer struct buffer url = buffer_new(CACHE_KEY_MAX);
	auto_buffer struct buffer out = buffer_new(CACHE_KEY_MAX);
	struct cache_key key;

	caching_origin(req, &url);
	buffer_add(&url, req->target.path.text);
	if (req->target.has_query) {
		buffer_add(&url, BYTES("?"));
		buffer_add(&url, req->target.query);
	}
	if (url.error)
		return;
	if (!caching_url(x->share->plan->http, req, (struct bytes){url.at, url.len}, &out, &key))
		(void)cache_purge_url(store_of(x), cache_key_url(&key), PURGE_HARD);
	purge_reference(x, (struct bytes){url.at, url.len}, FIELD_LOCATION);
	purge_reference(x, (struct bytes){url.at, url.len}, FIELD_CONTENT_LOCATION);
}

/* `invalidates` with a path: it and its queries, or all that begins so. */
static void purge_path(struct exchange *x, struct bytes path)
{
	bool is_prefix = path.len && path.at[path.len - 1] == '*';
	auto_buffer struct buffer url = buffer_new(PATTERN_LEN_MAX);
	struct url_pattern pattern = {.is_glob = false};
	uint64_t count;

	caching_origin(exchange_request(x), &url);
	buffer_add(&url, (struct bytes){path.at, path.len - is_prefix});
	if (!is_prefix && !url.error)
		(void)cache_purge_url(store_of(x), (struct bytes){url.at, url.len}, PURGE_HARD);
	if (!is_prefix)
		buffer_add(&url, BYTES("?"));
	pattern.text = (struct bytes){url.at, url.len};
	if (!url.error)
		(void)cache_purge_pattern(store_of(x), &pattern, PURGE_HARD, &count); /* fits */
}

static void purge_of_route(struct exchange *x)
{
	const struct http_route *route = x->route;

	for (size_t i = 0; i < route->invalidate_tags.count; i++)
		cache_purge_tag(store_of(x),
				cache_tag_id(store_of(x), TAG_NAMED, (struct bytes){NULL, 0},
					     bytes_of(route->invalidate_tags.at[i])),
				PURGE_HARD);
	for (size_t i = 0; i < route->invalidate_paths.count; i++)
		purge_path(x, bytes_of(route->invalidate_paths.at[i]));
}

static void purge_groups(struct exchange *x)
{
	auto_buffer struct buffer origin = buffer_new(CACHE_KEY_MAX);
	struct tag_list groups = {.count = 0};

	caching_origin(exchange_request(x), &origin);
	facts_add_invalidated(store_of(x), &x->worker->resp.fields,
			      (struct bytes){origin.at, origin.len}, &groups);
	for (size_t i = 0; i < groups.count; i++)
		cache_purge_tag(store_of(x), groups.id[i], PURGE_HARD);
}

void caching_invalidate(struct exchange *x)
{
	const struct request *req = exchange_request(x);
	struct request_facts facts = facts_of_request(&req->head, true);

	if (!invalidation_applies(facts.method, x->worker->resp.status) ||
	    !req->authority_text.len || req->target.is_asterisk)
		return;
	purge_uris(x);
	purge_of_route(x);
	purge_groups(x);
}
