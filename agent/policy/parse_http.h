/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the reader of `http` share. Sections come in any order, so what one says about another
 * (a route about its upstream, the defaults about a route's limits) is settled when all is read.
 */
#ifndef POLICY_PARSE_HTTP_H
#define POLICY_PARSE_HTTP_H

#include "policy/arena.h"
#include "policy/http_values.h"

struct route_draft {
	struct http_route route;
	struct arena_list limits;	/* of struct http_limit, its own */
	struct arena_list exempt_tiers; /* of const char * */
	struct arena_list exempt_prefixes;
	const char *upstream; /* NULL: the default */
	struct place upstream_at;
	bool lenient_given, method_override_given, max_body_given, response_given,
		share_set_cookie_given;
};

struct http_reading {
	struct http_policy *http;
	struct arena *arena;	     /* http's */
	struct arena_list listeners; /* of struct http_listener */
	struct arena_list upstreams; /* of struct http_upstream; the default one first, if any */
	struct arena_list routes;    /* of struct route_draft */
	struct arena_list limits;    /* of struct http_limit */
	struct arena_list global_limits;
	struct place at; /* of http */
	struct place listen_at, cache_at, max_at, escalate_at, caution_at, trusted_at;
	bool has_default_upstream;
};

/* ---- Pieces (parse_http_text.c) ---- */

/* A copy of the node's text of at most max bytes, printable ASCII; NULL with an error. */
const char *http_text(struct reading *r, const struct node *node, size_t max, const char *expected);

/* What is wrong with one name of a list: NULL, or what was expected. May rewrite it (small letters). */
typedef const char *name_check_fn(char *name);
name_check_fn check_any_name, check_field_name, check_cookie_name, check_tag, check_tier_name,
	check_host_pattern;

/* Read a list of names, each checked, none twice, at most HTTP_NAMES_MAX. */
void http_read_names(struct reading *r, const struct node *node, const char *expected,
		     name_check_fn *check, struct http_names *names);

/* One more name; false with an error. */
bool http_add_name(struct reading *r, const struct node *node, name_check_fn *check,
		   struct arena_list *list);

/* Prefixes, without host bits. */
bool http_add_prefix(struct reading *r, const struct node *node, struct arena_list *list);

/* Statuses: 404, "4xx", "500-503", or a list of them. */
void http_read_statuses(struct reading *r, const struct node *node, struct http_statuses *set);

/* "127.0.0.1:80", "[::1]:80", "unix:/path", and where names_too "host:80". False with an error. */
bool http_read_address(struct reading *r, const struct node *node, bool names_too,
		       struct http_address *ret_address);

/* An item of a list in the arena; NULL and r->error without memory. */
void *http_list_add(struct reading *r, struct arena_list *list, size_t item_size);

/* ---- Sections ---- */

field_fn http_read_listen, http_read_upstream, http_read_upstreams, http_read_hosts,
	http_read_trusted, http_read_senders, http_read_default_limits, http_read_global_limits,
	http_read_routes, http_read_cache_rule, http_read_ignore, http_read_status_list,
	http_read_invalidates, http_read_tags;

/* What limits inherit, into a struct http_limit_how: strategy, key, cost and so on. */
extern const struct field http_how_fields[];
#define HTTP_HOW_FIELDS 8 /* the last, `tiers`, is of single limits only */

/* Limits of a list or scalar, added to list (of struct http_limit), unresolved. */
void http_read_limits(struct reading *r, const struct node *node, struct arena_list *list);

/* ---- When all is read (finish_http.c) ---- */

/* Copy what from says and to does not; to->given stays what it says itself. */
void http_how_inherit(struct http_limit_how *to, const struct http_limit_how *from);

#endif
