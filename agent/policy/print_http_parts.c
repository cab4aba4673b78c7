/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/print_http_parts.h"

#include <ctype.h>
#include <inttypes.h>

#include "base/duration.h"
#include "policy/rate.h"

struct flow_map flow_map_begin(struct buffer *out)
{
	buffer_add_text(out, "{");
	return (struct flow_map){.out = out};
}

struct buffer *flow_key(struct flow_map *map, const char *name)
{
	buffer_printf(map->out, "%s%s: ", map->has_keys ? ", " : "", name);
	map->has_keys = true;
	return map->out;
}

void flow_end(struct flow_map *map)
{
	buffer_add_text(map->out, "}");
}

/* YAML 1.2 section 5.7: what JSON escapes, YAML reads the same way. */
void print_quoted(const char *text, struct buffer *out)
{
	buffer_add_text(out, "\"");
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			buffer_printf(out, "\\%c", byte);
		else if (byte == '\n')
			buffer_add_text(out, "\\n");
		else if (byte < ' ' || byte == 0x7f)
			buffer_printf(out, "\\x%02X", byte);
		else
			buffer_add(out, (struct bytes){text, 1});
	}
	buffer_add_text(out, "\"");
}

void print_names(const struct http_names *names, struct buffer *out)
{
	buffer_add_text(out, "[");
	for (size_t i = 0; i < names->count; i++) {
		buffer_add_text(out, i ? ", " : "");
		print_quoted(names->at[i], out);
	}
	buffer_add_text(out, "]");
}

void print_prefixes(const struct http_prefixes *prefixes, bool unix_socket, struct buffer *out)
{
	char text[PREFIX_TEXT_MAX];

	buffer_add_text(out, "[");
	for (size_t i = 0; i < prefixes->count; i++) {
		buffer_add_text(out, i ? ", " : "");
		print_quoted(prefix_format(&prefixes->at[i], text), out);
	}
	if (unix_socket)
		buffer_add_text(out, prefixes->count ? ", unix" : "unix");
	buffer_add_text(out, "]");
}

static unsigned run_end(const struct http_statuses *set, unsigned first)
{
	unsigned last = first;

	while (last < 599 && http_statuses_has(set, last + 1))
		last++;
	return last;
}

void print_statuses(const struct http_statuses *set, struct buffer *out)
{
	const char *before = "[";

	for (unsigned status = 100; status < 600; status++) {
		unsigned last;

		if (!http_statuses_has(set, status))
			continue;
		last = run_end(set, status);
		if (last > status)
			buffer_printf(out, "%s\"%u-%u\"", before, status, last);
		else
			buffer_printf(out, "%s%u", before, status);
		before = ", ";
		status = last;
	}
	buffer_add_text(out, *before == '[' ? "[]" : "]");
}

static void print_address(const struct http_address *address, struct buffer *out)
{
	char text[HTTP_ADDRESS_TEXT_MAX];

	print_quoted(http_address_format(address, text), out);
}

static void print_part(const struct http_key_part *part, struct buffer *out)
{
	switch (part->kind) {
	case HTTP_KEY_CLIENT:
		buffer_add_text(out, "client");
		return;
	case HTTP_KEY_SOURCE:
		buffer_add_text(out, "source");
		return;
	case HTTP_KEY_API_KEY:
		buffer_add_text(out, "api-key");
		return;
	case HTTP_KEY_HEADER:
	case HTTP_KEY_COOKIE:
		break;
	}
	buffer_add_text(out, part->kind == HTTP_KEY_HEADER ? "{header: " : "{cookie: ");
	print_quoted(part->name, out);
	buffer_add_text(out, "}");
}

void print_key(const struct http_key *key, struct buffer *out)
{
	buffer_add_text(out, "[");
	for (size_t i = 0; i < key->count; i++) {
		buffer_add_text(out, i ? ", " : "");
		print_part(&key->part[i], out);
	}
	buffer_add_text(out, "]");
}

/* Those that differ from defaults; all of them where that is NULL. */
static void print_values(struct flow_map *map, const struct http_values *values,
			 const void *section, const void *defaults)
{
	for (size_t i = 0; i < values->count; i++) {
		const struct http_value *value = values->fields[i].spec;

		if (!defaults || !http_value_equal(value, section, defaults))
			http_value_print(value, section, flow_key(map, values->fields[i].name));
	}
}

/* ---- Limits ---- */

static const char *word_of(bool is_true)
{
	return is_true ? "true" : "false";
}

static void print_count_status(const struct http_limit_how *how, struct buffer *out)
{
	if (how->counts_status)
		print_statuses(&how->count_status, out);
	else
		buffer_add_text(out, "all");
}

void print_how(struct flow_map *map, const struct http_limit_how *how)
{
	if (how->given & HTTP_OPTION_STRATEGY)
		buffer_add_text(flow_key(map, "strategy"), http_strategy_name(how->strategy));
	if (how->given & HTTP_OPTION_KEY)
		print_key(&how->key, flow_key(map, "key"));
	if (how->given & HTTP_OPTION_COST)
		buffer_printf(flow_key(map, "cost"), "%u", how->cost);
	if (how->given & HTTP_OPTION_COUNT_STATUS)
		print_count_status(how, flow_key(map, "count_status"));
	if (how->given & HTTP_OPTION_SHARED)
		print_quoted(how->shared, flow_key(map, "shared"));
	if (how->given & HTTP_OPTION_PER_METHOD)
		buffer_add_text(flow_key(map, "per_method"), word_of(how->per_method));
	if (how->given & HTTP_OPTION_DRY_RUN)
		buffer_add_text(flow_key(map, "dry_run"), word_of(how->dry_run));
	if (how->given & HTTP_OPTION_TIERS)
		print_names(&how->tiers, flow_key(map, "tiers"));
}

static void print_limit(const struct http_limit *limit, struct buffer *out)
{
	char text[HTTP_LIMIT_TEXT_MAX];
	struct flow_map map;

	(void)http_limit_format(&limit->rate, text);
	if (!limit->how.given && !limit->name_given) {
		print_quoted(text, out);
		return;
	}
	map = flow_map_begin(out);
	print_quoted(text, flow_key(&map, "limit"));
	if (limit->name_given)
		print_quoted(limit->name, flow_key(&map, "name"));
	print_how(&map, &limit->how);
	flow_end(&map);
}

void print_limits(const struct http_limits *limits, bool own_only, struct buffer *out)
{
	const char *before = "";

	buffer_add_text(out, "[");
	for (size_t i = 0; i < limits->count; i++) {
		if (own_only && limits->at[i].is_default)
			continue;
		buffer_add_text(out, before);
		print_limit(&limits->at[i], out);
		before = ", ";
	}
	buffer_add_text(out, "]");
}

/* ---- Listeners and upstreams ---- */

void print_senders(const struct http_senders *senders, struct buffer *out)
{
	if (!senders->required) {
		buffer_add_text(out, "off");
		return;
	}
	buffer_add_text(out, "{required: ");
	print_prefixes(&senders->prefixes, senders->unix_socket, out);
	buffer_add_text(out, "}");
}

void print_listener(const struct http_listener *listener, struct buffer *out)
{
	struct flow_map map;

	if (!listener->is_https && !listener->senders_given) {
		print_address(&listener->address, out);
		return;
	}
	map = flow_map_begin(out);
	print_address(&listener->address, flow_key(&map, "address"));
	if (listener->is_https)
		buffer_add_text(flow_key(&map, "scheme"), "https");
	if (listener->senders_given)
		print_senders(&listener->senders, flow_key(&map, "proxy_protocol"));
	flow_end(&map);
}

static void print_health(const struct http_health *health, struct buffer *out)
{
	struct flow_map map = flow_map_begin(out);

	if (health->path)
		print_quoted(health->path, flow_key(&map, "path"));
	if (health->host)
		print_quoted(health->host, flow_key(&map, "host"));
	print_statuses(&health->expect, flow_key(&map, "expect"));
	print_values(&map, &http_values_health, health, NULL);
	flow_end(&map);
}

void print_upstream(const struct http_upstream *upstream, struct buffer *out)
{
	struct flow_map map = flow_map_begin(out);
	char wait[DURATION_TEXT_MAX];

	buffer_add_text(flow_key(&map, "servers"), "[");
	for (size_t i = 0; i < upstream->server_count; i++) {
		buffer_add_text(out, i ? ", " : "");
		print_address(&upstream->servers[i], out);
	}
	buffer_add_text(out, "]");
	buffer_printf(flow_key(&map, "max_requests"), "%u", upstream->max_requests);
	buffer_printf(flow_key(&map, "queue"), "{length: %u, wait: %s}", upstream->queue,
		      duration_format(upstream->queue_wait_ns, wait));
	print_health(&upstream->health, flow_key(&map, "health"));
	flow_end(&map);
}
