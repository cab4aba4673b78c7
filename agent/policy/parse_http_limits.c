/* SPDX-License-Identifier: BSD-2-Clause */
/* limits, global_limits, and what limits inherit: strategy, key, cost, count_status, shared, ... */
#include <errno.h>
#include <stdio.h>

#include "policy/parse_http.h"

#define COST_MAX      1000000
#define LIMIT_EXAMPLE "a limit such as \"100 per minute\""

/* ---- key ---- */

struct key_reading {
	struct http_key *key;
	struct http_key_part part; /* of {header: NAME} or {cookie: NAME} */
};

static void add_part(struct reading *r, const struct node *node, struct http_key *key,
		     const struct http_key_part *part)
{
	if (key->count == HTTP_KEY_PARTS_MAX)
		reading_error(r, node->place, "more than %d parts of one key", HTTP_KEY_PARTS_MAX);
	else
		key->part[key->count++] = *part;
}

static void read_named_part(struct reading *r, struct key_reading *reading, enum http_key_kind kind,
			    const struct node *value)
{
	struct arena_list names = {0};

	if (!http_add_name(r, value, kind == HTTP_KEY_HEADER ? check_field_name : check_cookie_name,
			   &names))
		return;
	reading->part = (struct http_key_part){kind, *(const char **)names.at};
	add_part(r, value, reading->key, &reading->part);
}

static void read_header(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_named_part(r, into, HTTP_KEY_HEADER, value);
}

static void read_cookie(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_named_part(r, into, HTTP_KEY_COOKIE, value);
}

static void read_part(struct reading *r, void *into, const struct node *item)
{
	static const struct field fields[] = {{"header", read_header, NULL},
					      {"cookie", read_cookie, NULL}};
	static const char *const words[] = {[HTTP_KEY_CLIENT] = "client",
					    [HTTP_KEY_SOURCE] = "source",
					    [HTTP_KEY_API_KEY] = "api-key",
					    NULL};
	struct key_reading *reading = into;
	unsigned word;

	if (item->kind == NODE_MAP)
		READING_MAP(r, item, fields, reading);
	else if (item->kind != NODE_SCALAR)
		reading_unexpected(r, item,
				   "client, source, api-key, {header: NAME} or {cookie: NAME}");
	else if (reading_word(r, item, words, &word))
		add_part(r, item, reading->key,
			 &(struct http_key_part){(enum http_key_kind)word, NULL});
}

static void read_key(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;
	struct http_key found = {.count = 0};
	struct key_reading reading = {.key = &found};
	size_t errors = r->problems->errors;

	if (value->kind == NODE_MAP)
		read_part(r, &reading, value);
	else
		reading_list(r, value,
			     "client, source, api-key, {header: NAME}, {cookie: NAME}, or a list",
			     read_part, &reading);
	if (!found.count && r->problems->errors == errors)
		reading_error(r, value->place, "found an empty list, expected who is counted");
	if (!found.count)
		return;
	how->key = found;
	how->given |= HTTP_OPTION_KEY;
}

/* ---- The other options ---- */

static void read_strategy(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;
	unsigned word;

	if (!reading_word(r, value, http_strategy_words, &word))
		return;
	how->strategy = (enum http_strategy)word;
	how->given |= HTTP_OPTION_STRATEGY;
}

static void read_cost(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;
	uint64_t cost;

	if (!reading_number(r, value, 0, COST_MAX, &cost))
		return;
	how->cost = (uint32_t)cost;
	how->given |= HTTP_OPTION_COST;
}

static void read_count_status(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct http_limit_how *how = into;

	how->given |= HTTP_OPTION_COUNT_STATUS;
	how->counts_status = true;
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("all")))
		how->counts_status = false;
	else
		http_read_statuses(r, value, &how->count_status);
}

static void read_shared(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;
	struct arena_list names = {0};

	if (!http_add_name(r, value, check_tier_name, &names))
		return;
	how->shared = *(const char **)names.at;
	how->given |= HTTP_OPTION_SHARED;
}

static void read_per_method(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	struct http_limit_how *how = into;

	if (reading_bool(r, value, &how->per_method))
		how->given |= HTTP_OPTION_PER_METHOD;
}

static void read_dry_run(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;

	if (reading_bool(r, value, &how->dry_run))
		how->given |= HTTP_OPTION_DRY_RUN;
}

static void read_tiers(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_limit_how *how = into;

	http_read_names(r, value, "tiers", check_tier_name, &how->tiers);
	how->given |= HTTP_OPTION_TIERS;
}

const struct field http_how_fields[HTTP_HOW_FIELDS] = {
	{"strategy", read_strategy, NULL}, {"key", read_key, NULL},
	{"cost", read_cost, NULL},	   {"count_status", read_count_status, NULL},
	{"shared", read_shared, NULL},	   {"per_method", read_per_method, NULL},
	{"dry_run", read_dry_run, NULL},   {"tiers", read_tiers, NULL},
};

/* ---- Limits ---- */

struct limit_reading {
	struct arena_list *list; /* where they go */
	struct arena_list own;	 /* of one item */
	struct http_limit model; /* what its other keys say */
	bool has_limit;
};

static void add_limit(struct reading *r, struct limit_reading *reading,
		      const struct http_rate *rate, struct place place)
{
	struct http_limit *slot = http_list_add(r, &reading->own, sizeof(*slot));

	if (slot) {
		slot->rate = *rate;
		slot->place = place;
	}
}

/* All limits of one text, "200 per day; 50 per hour". */
static void read_text(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct limit_reading *reading = into;
	struct http_limit_error error;
	struct http_rate rate;
	struct bytes text;

	reading->has_limit = true;
	if (!reading_wants_text(r, value, LIMIT_EXAMPLE))
		return;
	for (text = value->text; text.len;) {
		size_t start = (size_t)(text.at - value->text.at);

		if (http_limit_take(&text, &rate, &error)) {
			reading_error(r, node_place_at(value, start + error.offset), "%s",
				      error.text);
			return;
		}
		add_limit(r, reading, &rate, node_place_at(value, start));
	}
}

static void read_limit_name(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	struct limit_reading *reading = into;
	struct arena_list names = {0};

	if (!http_add_name(r, value, check_tier_name, &names))
		return;
	reading->model.name = *(const char **)names.at;
	reading->model.name_given = true;
}

/* Fields of struct http_limit_how, seen from a struct limit_reading. */
static void read_how(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct limit_reading *reading = into;
	const struct field *field = r->field->spec;

	field->read(r, &reading->model.how, key, value);
}

static void read_limit_map(struct reading *r, struct limit_reading *reading,
			   const struct node *item)
{
	struct field fields[2 + HTTP_HOW_FIELDS] = {{"limit", read_text, NULL},
						    {"name", read_limit_name, NULL}};
	size_t errors = r->problems->errors;

	for (size_t i = 0; i < HTTP_HOW_FIELDS; i++)
		fields[2 + i] =
			(struct field){http_how_fields[i].name, read_how, &http_how_fields[i]};
	READING_MAP(r, item, fields, reading);
	if (!reading->has_limit && r->problems->errors == errors)
		reading_error(r, item->place, "`limit` is missing; expected " LIMIT_EXAMPLE);
	if (!reading->model.name_given || reading->own.count < 2)
		return;
	reading_error(r, item->place, "one name for %zu limits; write them one by one",
		      reading->own.count);
	reading->model.name_given = false; /* the rest of the reading need not mind it again */
}

static void keep_limits(struct reading *r, struct limit_reading *reading)
{
	struct http_limit *own = reading->own.at;

	for (size_t i = 0; i < reading->own.count; i++) {
		struct http_limit *slot;

		if (reading->list->count == HTTP_LIMITS_MAX) {
			reading_error(r, own[i].place, "more than %d limits", HTTP_LIMITS_MAX);
			return;
		}
		slot = http_list_add(r, reading->list, sizeof(*slot));
		if (!slot)
			return;
		*slot = reading->model;
		slot->rate = own[i].rate;
		slot->place = own[i].place;
	}
}

static void read_limit(struct reading *r, void *into, const struct node *item)
{
	struct limit_reading reading = {.list = into};

	if (item->kind == NODE_MAP)
		read_limit_map(r, &reading, item);
	else
		read_text(r, &reading, item->place, item);
	keep_limits(r, &reading);
}

void http_read_limits(struct reading *r, const struct node *node, struct arena_list *list)
{
	if (node->kind == NODE_MAP)
		read_limit(r, list, node);
	else
		reading_list(r, node, "limits such as [\"200 per day\", \"50 per hour\"]",
			     read_limit, list);
}

void http_read_default_limits(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	http_read_limits(r, value, &r->http->limits);
}

void http_read_global_limits(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	http_read_limits(r, value, &r->http->global_limits);
}
