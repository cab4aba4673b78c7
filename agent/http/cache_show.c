/* SPDX-License-Identifier: BSD-2-Clause */
/* `sluice cache show URL`: the stored responses of a URL, and what each would be good for now. */
#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "http/cache_url.h"
#include "http/cache_view.h"
#include "http/caching_facts.h"
#include "http/http_parts.h"
#include "http/json_text.h"
#include "message/chars.h"

#define SHOWN_MAX     256	   /* responses of one URL; more are only counted */
#define HEAD_READ_MAX (128u << 10) /* a stored head: what a policy may allow, and what a 304 adds */

/* ---- Finding --------------------------------------------------------------------------------- */

struct shown {
	struct cache_object *object; /* held */
	bool is_soft_purged;	     /* as the store had it */
	uint32_t hits;
};

struct shelf {
	struct bytes url;
	struct shown at[SHOWN_MAX];
	size_t count;
	uint64_t found;
};

static void put_on_shelf(void *context, const struct cache_object *object)
{
	struct shelf *shelf = context;

	if (!bytes_equal(object_url(object), shelf->url))
		return;
	if (shelf->count < SHOWN_MAX)
		shelf->at[shelf->count++] =
			(struct shown){object_hold((struct cache_object *)object),
				       object->is_soft_purged, object->hits};
	shelf->found++;
}

static void clear_shelf(struct cache_store *store, struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->count; i++)
		cache_release(store, shelf->at[i].object);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void add_tag(struct bytes tag, size_t *count, struct buffer *out)
{
	if (!tag.len)
		return;
	buffer_add_text(out, (*count)++ ? ", " : "");
	json_text_add(out, tag);
}

static bool is_between_tags(char byte, bool by_comma)
{
	return char_is_blank(byte) || (by_comma && byte == ',');
}

static void add_tags_of(struct bytes value, bool by_comma, size_t *count, struct buffer *out)
{
	size_t start = 0;

	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && !is_between_tags(value.at[i], by_comma))
			continue;
		add_tag((struct bytes){value.at + start, i - start}, count, out);
		start = i + 1;
	}
}

/* The store keeps hashes of tags only: their names stand in the head, and with the route. */
static void write_tags(const struct http_route *route, const struct fields *fields,
		       struct buffer *out)
{
	size_t count = 0;

	buffer_add_text(out, ", \"tags\": [");
	for (size_t i = 0; i < route->tags.count; i++)
		add_tag(bytes_of(route->tags.at[i]), &count, out);
	for (const struct field *field = fields_first(fields, FIELD_SURROGATE_KEY); field;
	     field = fields_next(fields, field))
		add_tags_of(field->value, false, &count, out);
	for (const struct field *field = fields_first(fields, FIELD_CACHE_TAG); field;
	     field = fields_next(fields, field))
		add_tags_of(field->value, true, &count, out);
	buffer_add_text(out, "]");
}

static void write_field(const char *name, const struct field *field, struct buffer *out)
{
	buffer_printf(out, ", \"%s\": ", name);
	if (field)
		json_text_add(out, field->value);
	else
		buffer_add_text(out, "null");
}

static void write_head(const struct cache_object *object, const struct http_route *route,
		       struct buffer *out)
{
	static const struct head_limits limits = {.max_bytes = HEAD_READ_MAX,
						  .max_fields = HTTP_FIELDS_MAX};
	auto_buffer struct buffer head = buffer_new(HEAD_READ_MAX);
	auto_free struct response_head *parsed = malloc(sizeof(*parsed));
	size_t scanned = 0;

	buffer_add(&head, object_head(object));
	buffer_add(&head, BYTES("\r\n"));
	if (!parsed || head.error ||
	    head_parse_response((struct bytes){head.at, head.len}, &limits, &scanned, parsed) !=
		    MESSAGE_DONE)
		return;
	write_tags(route, &parsed->fields, out);
	write_field("etag", fields_first(&parsed->fields, FIELD_ETAG), out);
	write_field("cache_control", fields_first(&parsed->fields, FIELD_CACHE_CONTROL), out);
	write_field("content_type", fields_first(&parsed->fields, FIELD_CONTENT_TYPE), out);
}

static const char *lifetime_label(const struct freshness *fresh)
{
	switch ((enum lifetime_source)fresh->source) {
	case LIFETIME_NONE:
		break;
	case LIFETIME_EXPLICIT:
		return "origin";
	case LIFETIME_POLICY:
		return "policy";
	case LIFETIME_HEURISTIC:
		return "heuristic";
	}
	return "none";
}

/* What a GET that says nothing about itself would find. */
static struct judgement judge(const struct shown *shown, const struct http_policy *http,
			      const struct http_route *route, uint64_t now_ns)
{
	const struct request_facts asked = {.method = ASKS_GET, .says = CACHE_CONTROL_NONE};
	const struct route_rules rules = caching_rules_of(http, route);
	const struct lookup_facts at = {.now_ns = now_ns, .is_soft_purged = shown->is_soft_purged};

	return freshness_judge(&shown->object->fresh, &asked, &rules, &at);
}

/* "name" LF is a field that was not there, "name:value" LF one that was. */
static void write_selector(struct bytes selector, struct buffer *out)
{
	size_t start = 0, count = 0;

	buffer_add_text(out, ", \"vary\": [");
	for (size_t i = 0; i < selector.len; i++) {
		if (selector.at[i] != '\n')
			continue;
		buffer_add_text(out, count++ ? ", " : "");
		json_text_add(out, (struct bytes){selector.at + start, i - start});
		start = i + 1;
	}
	buffer_add_text(out, "]");
}

struct showing {
	const struct http_policy *http;
	const struct http_route *route;
	uint64_t now_ns;
	struct buffer *out;
};

static void write_shown(const struct showing *showing, const struct shown *shown)
{
	const struct cache_object *object = shown->object;
	const struct judgement is = judge(shown, showing->http, showing->route, showing->now_ns);
	struct bytes key = object_key(object);
	struct buffer *out = showing->out;

	buffer_printf(out,
		      "{\"status\": %u, \"verdict\": \"%s\", \"hit\": %s, \"age\": %u, "
		      "\"lifetime\": %u, \"ttl\": %" PRId64 ", \"lifetime_from\": \"%s\"",
		      object->status, freshness_label(is.verdict),
		      freshness_is_usable(is.verdict) ? "true" : "false", is.age_s,
		      object->fresh.lifetime_s, is.ttl_s, lifetime_label(&object->fresh));
	buffer_printf(out, ", \"size\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"hits\": %u",
		      object->body_len, object_bytes(object), shown->hits);
	write_selector(object_selector(object), out);
	buffer_add_text(out, ", \"key\": ");
	json_text_add(out, bytes_from(key, object->url_len));
	write_head(object, showing->route, out);
	buffer_add_text(out, "}");
}

static void write_shelf(const struct showing *showing, const struct shelf *shelf)
{
	struct buffer *out = showing->out;
	bool is_off = caching_rules_of(showing->http, showing->route).no_cache;

	buffer_add_text(out, "{\"url\": ");
	json_text_add(out, shelf->url);
	buffer_add_text(out, ", \"route\": ");
	if (showing->route->match)
		json_text_add(out, bytes_of(showing->route->match));
	else
		buffer_add_text(out, "null");
	buffer_printf(out, ", \"route_cached\": %s, \"found\": %" PRIu64 ", \"variants\": [",
		      is_off ? "false" : "true", shelf->found);
	for (size_t i = 0; i < shelf->count; i++) {
		buffer_add_text(out, i ? ", " : "");
		write_shown(showing, &shelf->at[i]);
	}
	buffer_add_text(out, "]}");
}

void cache_view_show(struct http *http, struct bytes url, uint64_t now_ns, struct buffer *out)
{
	auto_buffer struct buffer room = buffer_new(CACHE_KEY_MAX);
	auto_free struct shelf *shelf = calloc(1, sizeof(*shelf));
	struct cache_url wanted = {.why = "no memory for the answer"};
	int err;

	if (!http->cache) {
		json_text_refuse(out, 409, "this policy has no cache");
		return;
	}
	err = shelf ? cache_url_read(http->plan->http, url, &room, &wanted) : -ENOMEM;
	if (err) {
		json_text_refuse(out, err == -ENOMEM ? 500 : 400, wanted.why);
		return;
	}
	shelf->url = wanted.key.whole;
	cache_each(http->cache, put_on_shelf, shelf);
	write_shelf(&(struct showing){http->plan->http, wanted.route, now_ns, out}, shelf);
	clear_shelf(http->cache, shelf);
}
