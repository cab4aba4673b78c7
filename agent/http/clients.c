/* SPDX-License-Identifier: BSD-2-Clause */
/* What the plane tells of its limits: what they have done, and to whom. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "http/http_parts.h"
#include "quota/quota_counter.h"
#include "quota/quota_scope.h"
#include "quota/quota_text.h"

#define FOUND_MAX 1000000 /* entries remembered at once, whatever was asked for */

_Static_assert(HTTP_CLIENT_TEXT_MAX == QUOTA_TEXT_MAX, "whom a key stands for");

/* ---- Counts of limits ---- */

static void tell_list(const struct quota_list *list, http_limit_count_fn *each, void *context)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct quota_counter *counter = list->at[i].counter;
		const struct quota_counts sum = quota_counter_read(counter);
		const struct http_limit_count count = {counter->route, counter->limit, sum.allowed,
						       sum.refused, sum.dry_run_refused};

		each(context, &count);
	}
}

void http_limit_counts(struct http *http, http_limit_count_fn *each, void *context)
{
	const struct quota_plan *plan = http->plan->quotas;

	for (size_t i = 0; i < plan->route_count; i++)
		tell_list(&plan->routes[i].own, each, context);
	tell_list(&plan->global, each, context);
}

/* ---- Entries of the table ---- */

/* What is remembered of an entry, so that nothing is written while others wait for its lock. */
struct found {
	struct quota_key key;
	const struct quota *quota;
	struct limit_view view;
	uint64_t held;
};

struct search {
	struct http *http;
	const struct http_client_query *query; /* NULL: whoever is asked for */
	const struct quota_who *who;
	struct limit_moment moment;
	struct found *found;
	uint64_t count;
	uint64_t room;
	uint64_t max;
	uint64_t more; /* that fit, beyond max or memory */
};

static bool contains(const char *text, struct bytes part)
{
	const size_t len = strlen(text);

	for (size_t at = 0; at + part.len <= len; at++)
		if (!strncasecmp(text + at, part.at, part.len))
			return true;
	return false;
}

static bool is_wanted(const struct search *search, const struct found *found)
{
	const struct http_client_query *query = search->query;
	const struct key_file *keys = search->http->plan->keys;
	char text[QUOTA_TEXT_MAX];

	if (search->who)
		return quota_who_is(search->who, &found->key, keys);
	if (query->only_over && !(found->quota && found->view.wait_ns))
		return false;
	return !query->text.len || contains(quota_text(&found->key, keys, text), query->text);
}

static bool make_room(struct search *search)
{
	uint64_t room = search->room ? 2 * search->room : 64;
	struct found *found;

	if (search->count < search->room)
		return true;
	found = reallocarray(search->found, room, sizeof(*found));
	if (!found)
		return false;
	search->found = found;
	search->room = room;
	return true;
}

static void look(void *context, struct bytes label, const struct limit_state *state)
{
	struct search *search = context;
	struct found found = {.held = state->held};

	if (label.len != sizeof(found.key))
		return;
	memcpy(&found.key, label.at, sizeof(found.key));
	if (found.key.scope == quota_scope_of_identities())
		return;
	found.quota = quota_plan_find(search->http->plan->quotas, found.key.scope);
	if (found.quota && state->strategy != found.quota->spec.strategy)
		found.quota = NULL;
	if (found.quota)
		found.view = limit_state_view(state, &found.quota->spec,
					      found.quota->limit->how.cost, search->moment.now_ns);
	if (limit_state_rests(state, search->moment) || !is_wanted(search, &found))
		return;
	if (search->count >= search->max || !make_room(search)) {
		search->more++;
		return;
	}
	search->found[search->count++] = found;
}

static void find_all(struct search *search)
{
	search->moment = limit_table_moment(search->http->table, clock_now_ns());
	search->max = search->max < FOUND_MAX ? search->max : FOUND_MAX;
	limit_table_visit(search->http->table, look, search);
}

static const char *method_name(uint8_t number)
{
	static const char *const names[] = {
		[METHOD_GET] = "GET",	  [METHOD_HEAD] = "HEAD",     [METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",	  [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS",
		[METHOD_PATCH] = "PATCH", [METHOD_OTHER] = "others",
	};

	return number && number <= sizeof(names) / sizeof(names[0]) ? names[number - 1] : NULL;
}

static void describe(const struct search *search, const struct found *found,
		     struct http_client *client)
{
	const struct quota *quota = found->quota;
	uint64_t now_ns = search->moment.now_ns;

	(void)quota_text(&found->key, search->http->plan->keys, client->who);
	client->method = method_name(found->key.method);
	client->held = found->held;
	if (!quota)
		return;
	client->route = quota->counter->route;
	client->limit = quota->counter->limit;
	client->quota =
		quota->spec.strategy == LIMIT_TOKEN_BUCKET ? quota->spec.burst : quota->spec.count;
	client->remaining = found->view.remaining;
	client->reset_in_ns = found->view.reset_ns > now_ns ? found->view.reset_ns - now_ns : 0;
	client->wait_ns = found->view.wait_ns;
	client->is_over = found->view.wait_ns;
	client->is_dry_run = quota->limit->how.dry_run;
}

static void tell_all(struct search *search, http_client_fn *each, void *context)
{
	for (uint64_t i = 0; i < search->count; i++) {
		struct http_client client = {.route = NULL};

		describe(search, &search->found[i], &client);
		each(context, &client);
	}
	free(search->found);
}

uint64_t http_clients(struct http *http, const struct http_client_query *query,
		      http_client_fn *each, void *context)
{
	struct search search = {.http = http, .query = query, .max = query->max};

	find_all(&search);
	tell_all(&search, each, context);
	return search.more;
}

int http_client_explain(struct http *http, struct bytes who, http_client_fn *each, void *context)
{
	struct quota_who asked;
	struct search search = {.http = http, .who = &asked, .max = FOUND_MAX};
	int err = quota_who_parse(who, http->plan->keys, &asked);

	if (err)
		return err;
	find_all(&search);
	tell_all(&search, each, context);
	return 0;
}

int64_t http_client_forget(struct http *http, struct bytes who)
{
	struct quota_who asked;
	struct search search = {.http = http, .who = &asked, .max = FOUND_MAX};
	int err = quota_who_parse(who, http->plan->keys, &asked);
	int64_t forgotten = 0;

	if (err)
		return err;
	find_all(&search);
	for (uint64_t i = 0; i < search.count; i++)
		forgotten += limit_table_forget(http->table, quota_key_bytes(&search.found[i].key));
	free(search.found);
	return forgotten;
}
