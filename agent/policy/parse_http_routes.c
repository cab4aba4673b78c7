/* SPDX-License-Identifier: BSD-2-Clause */
/* routes: [{match: "GET /users", cache: 60 seconds, tags: [users]}, ...] */
#include <errno.h>

#include "base/duration.h"
#include "policy/parse_http.h"
#include "policy/rate.h"
#include "policy/route_pattern.h"

#define CONCURRENCY_MAX 1000000
#define QUEUE_MAX_NS	(3600 * NS_PER_SEC)

static void read_match(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	struct route_pattern pattern;
	struct route_error error;

	if (!reading_wants_text(r, value, "a pattern such as \"GET /users\""))
		return;
	if (route_pattern_parse(value->text, &pattern, &error)) {
		reading_error(r, node_place_at(value, error.offset), "%s", error.text);
		draft->route.match = ""; /* it is there, so that nothing more is said of it */
		return;
	}
	draft->route.match = arena_text(r->http->arena, value->text);
	draft->route.is_prefix = route_pattern_is_prefix(&pattern);
	draft->route.place = value->place;
	if (!draft->route.match)
		r->error = -ENOMEM;
}

static void read_route_upstream(struct reading *r, void *into, struct place key,
				const struct node *value)
{
	struct route_draft *draft = into;
	struct arena_list names = {0};

	draft->upstream_at = value->place;
	if (http_add_name(r, value, check_tier_name, &names))
		draft->upstream = *(const char **)names.at;
}

static void read_route_limits(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct route_draft *draft = into;

	draft->route.has_limits = true;
	http_read_limits(r, value, &draft->limits);
}

static void read_and_defaults(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct route_draft *draft = into;

	(void)reading_bool(r, value, &draft->route.and_defaults); /* has said what is wrong */
}

static void read_how(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	const struct field *field = r->field->spec;

	field->read(r, &draft->route.how, key, value);
}

/* ---- exempt ---- */

static void read_exempted(struct reading *r, void *into, const struct node *item)
{
	struct route_draft *draft = into;
	struct prefix prefix;

	if (item->kind == NODE_SCALAR && item->text.len &&
	    prefix_parse(item->text, &prefix, NULL) != PREFIX_BAD_ADDRESS)
		(void)http_add_prefix(r, item, &draft->exempt_prefixes); /* likewise */
	else
		(void)http_add_name(r, item, check_tier_name, &draft->exempt_tiers); /* likewise */
}

static void read_exempt(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	bool is_true = value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("true"));
	bool is_false = value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("false"));

	draft->route.exempt = is_true;
	if (!is_true && !is_false)
		reading_list(r, value, "true, or a list of tiers, addresses and prefixes",
			     read_exempted, draft);
	draft->route.exempt_tiers =
		(struct http_names){draft->exempt_tiers.at, draft->exempt_tiers.count};
	draft->route.exempt_prefixes =
		(struct http_prefixes){draft->exempt_prefixes.at, draft->exempt_prefixes.count};
}

/* ---- on_limit ---- */

static void read_limit_status(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct http_on_limit *on_limit = into;
	uint64_t status;

	if (reading_number(r, value, 400, 599, &status))
		on_limit->status = (uint16_t)status;
}

static void read_limit_type(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	struct http_on_limit *on_limit = into;

	on_limit->type = http_text(r, value, 255, "a media type such as text/plain");
}

static void read_limit_body(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	struct http_on_limit *on_limit = into;

	if (!reading_wants_text(r, value, "the body of the answer"))
		return;
	if (value->text.len > HTTP_BODY_MAX || memchr(value->text.at, 0, value->text.len)) {
		reading_unexpected(r, value, "text of at most 64 KiB");
		return;
	}
	on_limit->body = arena_text(r->http->arena, value->text);
	if (!on_limit->body)
		r->error = -ENOMEM;
}

static void read_limit_queue(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	struct http_on_limit *on_limit = into;
	uint64_t ns;

	if (!reading_duration(r, value, &ns))
		return;
	if (ns > QUEUE_MAX_NS)
		reading_unexpected(r, value, "at most one hour");
	else
		on_limit->queue_ns = ns;
}

static void read_on_limit(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {
		{"status", read_limit_status, NULL},
		{"type", read_limit_type, NULL},
		{"body", read_limit_body, NULL},
		{"queue", read_limit_queue, NULL},
	};
	struct http_route *route = into;

	if (!READING_MAP(r, value, fields, &route->on_limit))
		return;
	if (route->on_limit.type && !route->on_limit.body)
		reading_error(r, value->place, "a type without a `body`");
	if (route->on_limit.body && !route->on_limit.type)
		route->on_limit.type = "text/plain; charset=utf-8";
}

/* ---- The rest ---- */

static void read_concurrency(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	struct route_draft *draft = into;
	uint64_t number;

	if (reading_number(r, value, 0, CONCURRENCY_MAX, &number))
		draft->route.concurrency = (uint32_t)number;
}

static void read_share(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;

	draft->share_set_cookie_given = reading_bool(r, value, &draft->route.share_set_cookie);
}

static void read_retry(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	unsigned word;

	if (reading_word(r, value, http_retry_words, &word))
		draft->route.retry = (enum http_retry)word;
}

static void read_path(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	unsigned word;

	if (!reading_word(r, value, http_path_words, &word))
		return;
	draft->route.lenient_path = word;
	draft->lenient_given = true;
}

static void read_upgrade(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const char *const words[] = {"off", "websocket", NULL};
	struct route_draft *draft = into;
	unsigned word;

	if (reading_word(r, value, words, &word))
		draft->route.websocket = word;
}

static void read_override(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;

	draft->method_override_given = reading_bool(r, value, &draft->route.method_override);
}

static void read_max_body(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	struct rate_error error;

	if (!reading_wants_text(r, value, "an amount of memory such as \"16 MiB\""))
		return;
	if (rate_parse_bytes(value->text, &draft->route.max_body, &error))
		reading_error(r, node_place_at(value, error.offset), "%s", error.text);
	else
		draft->max_body_given = true;
}

static void read_response(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;

	draft->response_given = reading_duration(r, value, &draft->route.response_ns);
}

/* The readers of a plain route, seen from a struct route_draft. */
static void read_plain(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct route_draft *draft = into;
	const struct field *field = r->field->spec;

	field->read(r, &draft->route, key, value);
}

static const struct field plain_fields[] = {
	{"on_limit", read_on_limit, NULL},  {"cache", http_read_cache_rule, NULL},
	{"ignore", http_read_ignore, NULL}, {"status", http_read_status_list, NULL},
	{"tags", http_read_tags, NULL},	    {"invalidates", http_read_invalidates, NULL},
};

static const struct field draft_fields[] = {
	{"match", read_match, NULL},
	{"upstream", read_route_upstream, NULL},
	{"limits", read_route_limits, NULL},
	{"and_defaults", read_and_defaults, NULL},
	{"exempt", read_exempt, NULL},
	{"concurrency", read_concurrency, NULL},
	{"share_set_cookie", read_share, NULL},
	{"retry", read_retry, NULL},
	{"path", read_path, NULL},
	{"upgrade", read_upgrade, NULL},
	{"method_override", read_override, NULL},
	{"max_body", read_max_body, NULL},
	{"response_timeout", read_response, NULL},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* `tiers` is of single limits: a route for some tiers only would leave the others without any. */
#define HOW_OF_ROUTE (HTTP_HOW_FIELDS - 1)

struct field_list {
	struct field at[READING_KEYS_MAX];
	size_t count;
};

_Static_assert(COUNT(draft_fields) + COUNT(plain_fields) + HTTP_HOW_FIELDS <= READING_KEYS_MAX,
	       "all keys of a route fit");

static void wrap_fields(struct field_list *list, const struct field *fields, size_t count,
			field_fn *read)
{
	for (size_t i = 0; i < count; i++)
		list->at[list->count++] = (struct field){fields[i].name, read, &fields[i]};
}

static void read_route(struct reading *r, void *into, const struct node *item)
{
	struct field_list list = {.count = COUNT(draft_fields)};
	struct route_draft *draft;

	memcpy(list.at, draft_fields, sizeof(draft_fields));
	wrap_fields(&list, plain_fields, COUNT(plain_fields), read_plain);
	wrap_fields(&list, http_how_fields, HOW_OF_ROUTE, read_how);
	if (r->http->routes.count == HTTP_ROUTES_MAX) {
		reading_error(r, item->place, "more than %d routes", HTTP_ROUTES_MAX);
		reader_skip(&r->reader, item);
		return;
	}
	draft = http_list_add(r, &r->http->routes, sizeof(*draft));
	if (!draft) {
		reader_skip(&r->reader, item);
		return;
	}
	draft->route = http_route_defaults;
	draft->route.place = item->place;
	if (reading_map(r, item, list.at, list.count, draft) && !draft->route.match)
		reading_error(r, item->place, "`match` is missing; for example \"GET /users\"");
}

void http_read_routes(struct reading *r, void *into, struct place key, const struct node *value)
{
	if (value->kind != NODE_LIST)
		reading_unexpected(r, value, "a list of routes");
	else
		reading_list(r, value, "a list of routes", read_route, NULL);
}
