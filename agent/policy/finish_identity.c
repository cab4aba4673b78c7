/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields that the policy knows clients by, wherever in it that is said: what an answer to a request
 * with one of them holds may be its client's own, also on a route that does not count by it.
 */
#include <errno.h>

#include "policy/finish_http.h"

struct identities {
	struct reading *r;
	struct arena_list headers; /* of const char * */
	struct arena_list cookies;
};

/* Names are few: what a policy calls its clients by. */
static void add_name(struct identities *found, struct arena_list *names, const char *name)
{
	const char *const *at = names->at;
	const char **added;

	if (!name)
		return;
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(at[i], name))
			return;
	added = arena_list_add(found->r->http->arena, names, sizeof(*added));
	if (added)
		*added = name;
	else
		found->r->error = -ENOMEM;
}

static void add_key(struct identities *found, const struct http_key *key)
{
	for (size_t i = 0; i < key->count; i++) {
		if (key->part[i].kind == HTTP_KEY_HEADER)
			add_name(found, &found->headers, key->part[i].name);
		else if (key->part[i].kind == HTTP_KEY_COOKIE)
			add_name(found, &found->cookies, key->part[i].name);
	}
}

static void add_limits(struct identities *found, const struct http_limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		add_key(found, &limits->at[i].how.key);
}

static void add_route(struct identities *found, const struct http_route *route)
{
	add_key(found, &route->how.key);
	add_limits(found, &route->limits);
}

void finish_identities(struct reading *r)
{
	struct http_policy *http = r->http->http;
	struct identities found = {.r = r};

	add_name(&found, &found.headers, http->keys.header);
	add_key(&found, &http->how.key);
	add_limits(&found, &http->global_limits);
	for (size_t i = 0; i < http->route_count && !r->error; i++)
		add_route(&found, &http->routes[i]);
	add_route(&found, &http->other);
	http->identity_headers = (struct http_names){found.headers.at, found.headers.count};
	http->identity_cookies = (struct http_names){found.cookies.at, found.cookies.count};
}
