/* SPDX-License-Identifier: BSD-2-Clause */
/* What a route says about caching: cache, ignore, status, tags, invalidates. */
#include <errno.h>

#include "base/duration.h"
#include "policy/parse_http.h"

#define SPAN_EXAMPLE "`off`, a span of time such as \"60 seconds\", or {for: 60 seconds, ...}"

static bool is_word(const struct node *node, const char *word)
{
	return node->kind == NODE_SCALAR && bytes_equal(node->text, bytes_of(word));
}

/* HTTP counts freshness in seconds. */
static bool read_seconds(struct reading *r, const struct node *value, uint64_t *ret_ns)
{
	uint64_t ns;

	if (!reading_duration(r, value, &ns))
		return false;
	if (ns % NS_PER_SEC) {
		reading_unexpected(r, value, "whole seconds");
		return false;
	}
	*ret_ns = ns;
	return true;
}

static void read_for(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_rule *rule = into;

	if (read_seconds(r, value, &rule->lifetime_ns))
		rule->has_lifetime = true;
}

static void read_while_revalidate(struct reading *r, void *into, struct place key,
				  const struct node *value)
{
	struct http_cache_rule *rule = into;

	if (read_seconds(r, value, &rule->stale_while_revalidate_ns))
		rule->has_stale_while_revalidate = true;
}

static void read_if_error(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_rule *rule = into;

	if (read_seconds(r, value, &rule->stale_if_error_ns))
		rule->has_stale_if_error = true;
}

/* ---- The key's dimensions ---- */

static void read_except(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_key *cache_key = into;

	cache_key->query = HTTP_QUERY_EXCEPT;
	http_read_names(r, value, "parameters", check_any_name, &cache_key->query_names);
}

static void read_query(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {{"except", read_except, NULL}};
	struct http_cache_key *cache_key = into;

	if (is_word(value, "all")) {
		cache_key->query = HTTP_QUERY_ALL;
	} else if (is_word(value, "none")) {
		cache_key->query = HTTP_QUERY_NONE;
	} else if (value->kind == NODE_MAP) {
		READING_MAP(r, value, fields, cache_key);
	} else {
		cache_key->query = HTTP_QUERY_ONLY;
		http_read_names(r, value,
				"`all`, `none`, a list of parameters, or {except: [NAMES]}",
				check_any_name, &cache_key->query_names);
	}
}

static void read_headers(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_key *cache_key = into;

	http_read_names(r, value, "names of fields", check_field_name, &cache_key->headers);
}

static void read_cookies(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_key *cache_key = into;

	http_read_names(r, value, "names of cookies", check_cookie_name, &cache_key->cookies);
}

static void read_identity(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_cache_key *cache_key = into;

	(void)reading_bool(r, value, &cache_key->identity); /* has said what is wrong */
}

static void read_cache_key(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	static const struct field fields[] = {
		{"query", read_query, NULL},
		{"headers", read_headers, NULL},
		{"cookies", read_cookies, NULL},
		{"identity", read_identity, NULL},
	};
	struct http_cache_rule *rule = into;

	READING_MAP(r, value, fields, &rule->key);
}

void http_read_cache_rule(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {
		{"for", read_for, NULL},
		{"key", read_cache_key, NULL},
		{"stale_while_revalidate", read_while_revalidate, NULL},
		{"stale_if_error", read_if_error, NULL},
	};
	struct http_route *route = into;

	if (is_word(value, "off") || is_word(value, "no"))
		route->cache.off = true;
	else if (value->kind == NODE_MAP)
		READING_MAP(r, value, fields, &route->cache);
	else if (value->kind == NODE_SCALAR && value->text.len)
		read_for(r, &route->cache, key, value);
	else
		reading_unexpected(r, value, SPAN_EXAMPLE);
}

/* ---- ignore ---- */

struct ignore_reading {
	struct arena_list headers, cookies;
};

static void read_ignored_cookie(struct reading *r, void *into, struct place key,
				const struct node *value)
{
	struct ignore_reading *reading = into;

	(void)http_add_name(r, value, check_cookie_name, &reading->cookies); /* likewise */
}

static void read_ignored(struct reading *r, void *into, const struct node *item)
{
	static const struct field fields[] = {{"cookie", read_ignored_cookie, NULL}};
	struct ignore_reading *reading = into;

	if (item->kind == NODE_MAP)
		READING_MAP(r, item, fields, reading);
	else
		(void)http_add_name(r, item, check_field_name, &reading->headers); /* likewise */
}

void http_read_ignore(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_route *route = into;
	struct ignore_reading reading = {.headers = {0}};

	reading_list(r, value, "names of fields, or {cookie: NAME}", read_ignored, &reading);
	route->ignore.headers = (struct http_names){reading.headers.at, reading.headers.count};
	route->ignore.cookies = (struct http_names){reading.cookies.at, reading.cookies.count};
}

/* ---- status, tags, invalidates ---- */

static void read_except_statuses(struct reading *r, void *into, struct place key,
				 const struct node *value)
{
	struct http_route *route = into;

	http_read_statuses(r, value, &route->status);
}

/* What can be covered: a part, or an answer to a condition, is not kept as an answer to all. */
static void check_covered(struct reading *r, const struct node *value,
			  const struct http_statuses *set)
{
	for (unsigned status = 100; status < 600; status++) {
		if (!http_statuses_has(set, status))
			continue;
		if (status < 200 || status == 206 || status == 304) {
			reading_error(r, value->place, "%u is never stored by itself", status);
			return;
		}
	}
}

void http_read_status_list(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	static const struct field fields[] = {{"except", read_except_statuses, NULL}};
	struct http_route *route = into;

	if (value->kind == NODE_MAP) {
		route->covers = HTTP_COVERS_EXCEPT;
		READING_MAP(r, value, fields, route);
		return;
	}
	route->covers = HTTP_COVERS_ONLY;
	http_read_statuses(r, value, &route->status);
	check_covered(r, value, &route->status);
}

void http_read_tags(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_route *route = into;

	http_read_names(r, value, "tags", check_tag, &route->tags);
}

struct invalidate_reading {
	struct arena_list tags, paths;
};

static const char *check_path(char *name)
{
	const char *star = strchr(name, '*');

	return strpbrk(name, " #") || (star && star[1])
		       ? "a path, or the beginning of paths and '*'"
		       : NULL;
}

static void read_invalidated(struct reading *r, void *into, const struct node *item)
{
	struct invalidate_reading *reading = into;
	bool is_path = item->kind == NODE_SCALAR && item->text.len && item->text.at[0] == '/';

	(void)http_add_name(r, item, is_path ? check_path : check_tag,
			    is_path ? &reading->paths : &reading->tags); /* likewise */
}

void http_read_invalidates(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	struct http_route *route = into;
	struct invalidate_reading reading = {.tags = {0}};

	reading_list(r, value, "tags and paths, such as [users, \"/users*\"]", read_invalidated,
		     &reading);
	route->invalidate_tags = (struct http_names){reading.tags.at, reading.tags.count};
	route->invalidate_paths = (struct http_names){reading.paths.at, reading.paths.count};
}
