/* SPDX-License-Identifier: BSD-2-Clause */
/* upstream, upstreams: {NAME: {servers, max_requests, queue, health}} */
#include "policy/parse_http.h"

static void read_server(struct reading *r, void *into, const struct node *item)
{
	struct arena_list *servers = into;
	struct http_address address, *known = servers->at;

	if (!http_read_address(r, item, true, &address))
		return;
	for (size_t i = 0; i < servers->count; i++) {
		if (http_address_equal(&known[i], &address)) {
			reading_error(r, item->place, "this server stands here twice");
			return;
		}
	}
	if (servers->count == HTTP_SERVERS_MAX) {
		reading_error(r, item->place, "more than %d servers of one upstream",
			      HTTP_SERVERS_MAX);
		return;
	}
	known = http_list_add(r, servers, sizeof(*known));
	if (known)
		*known = address;
}

static void read_servers(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_upstream *upstream = into;
	struct arena_list servers = {0};
	size_t errors = r->problems->errors;

	reading_list(r, value, "a list of servers such as [\"127.0.0.1:5000\"]", read_server,
		     &servers);
	upstream->servers = servers.at;
	upstream->server_count = servers.count;
	if (!servers.count && r->problems->errors == errors)
		reading_error(r, value->place, "found an empty list, expected a server");
}

static void read_max_requests(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct http_upstream *upstream = into;
	uint64_t max;

	if (reading_number(r, value, 0, 1000000, &max))
		upstream->max_requests = (uint32_t)max;
}

static void read_queue_length(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct http_upstream *upstream = into;
	uint64_t length;

	if (reading_number(r, value, 0, 1000000, &length))
		upstream->queue = (uint32_t)length;
}

static void read_queue_wait(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	struct http_upstream *upstream = into;

	(void)reading_duration(r, value, &upstream->queue_wait_ns); /* has said what is wrong */
}

static void read_queue(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {{"length", read_queue_length, NULL},
					      {"wait", read_queue_wait, NULL}};

	if (value->kind == NODE_MAP)
		READING_MAP(r, value, fields, into);
	else
		read_queue_length(r, into, key, value);
}

static void read_health_path(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	struct http_health *health = into;
	const char *path = http_text(r, value, 1024, "a path such as /health");

	if (path && (path[0] != '/' || strpbrk(path, " #")))
		reading_error(r, value->place,
			      "found \"%s\", expected a path without spaces and '#'", path);
	else
		health->path = path;
}

static void read_health_host(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	struct http_health *health = into;
	struct arena_list names = {0};

	if (http_add_name(r, value, check_host_pattern, &names))
		health->host = *(const char **)names.at;
}

static void read_health_expect(struct reading *r, void *into, struct place key,
			       const struct node *value)
{
	struct http_health *health = into;

	http_read_statuses(r, value, &health->expect);
}

static void read_health(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_upstream *upstream = into;
	struct field fields[READING_KEYS_MAX] = {
		{"path", read_health_path, NULL},
		{"host", read_health_host, NULL},
		{"expect", read_health_expect, NULL},
	};
	const size_t own = 3, count = http_values_health.count;

	memcpy(fields + own, http_values_health.fields, count * sizeof(fields[0]));
	reading_map(r, value, fields, own + count, &upstream->health);
}

static const struct field upstream_fields[] = {
	{"servers", read_servers, NULL},
	{"max_requests", read_max_requests, NULL},
	{"queue", read_queue, NULL},
	{"health", read_health, NULL},
};

static void read_one_upstream(struct reading *r, struct http_upstream *upstream,
			      const struct node *value)
{
	const size_t errors = r->problems->errors;

	if (value->kind != NODE_MAP) {
		read_servers(r, upstream, value->place, value);
		return;
	}
	READING_MAP(r, value, upstream_fields, upstream);
	if (!upstream->server_count && r->problems->errors == errors)
		reading_error(r, value->place, "`servers` is missing");
}

static const struct http_upstream *find_upstream(const struct http_reading *reading,
						 struct bytes name)
{
	const struct http_upstream *upstreams = reading->upstreams.at;

	for (size_t i = 0; i < reading->upstreams.count; i++)
		if (bytes_equal(bytes_of(upstreams[i].name), name))
			return &upstreams[i];
	return NULL;
}

static void add_upstream(struct reading *r, const struct http_upstream *upstream)
{
	struct http_upstream *slot;

	if (r->http->upstreams.count == HTTP_UPSTREAMS_MAX) {
		reading_error(r, upstream->place, "more than %d upstreams", HTTP_UPSTREAMS_MAX);
		return;
	}
	slot = http_list_add(r, &r->http->upstreams, sizeof(*slot));
	if (slot)
		*slot = *upstream;
}

void http_read_upstream(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_upstream upstream = http_upstream_defaults;
	const struct http_upstream *known = find_upstream(r->http, BYTES("default"));

	upstream.name = "default";
	upstream.place = key;
	read_one_upstream(r, &upstream, value);
	if (known)
		reading_error(r, key,
			      "the upstream called default is on line %u already: say either "
			      "`upstream` or `upstreams: {default: ...}`",
			      known->place.line);
	else
		add_upstream(r, &upstream);
}

static bool read_upstream_name(struct reading *r, const struct node *key,
			       struct http_upstream *upstream)
{
	const struct http_upstream *known;
	struct arena_list names = {0};

	if (!http_add_name(r, key, check_tier_name, &names))
		return false;
	upstream->name = *(const char **)names.at;
	upstream->place = key->place;
	known = find_upstream(r->http, key->text);
	if (known)
		reading_error(r, key->place, "upstream %s stands twice; it is on line %u already",
			      upstream->name, known->place.line);
	return !known;
}

void http_read_upstreams(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct node name;

	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value, "a mapping of names to upstreams");
		return;
	}
	while ((name = reader_next(&r->reader)).kind != NODE_END) {
		struct http_upstream upstream = http_upstream_defaults;
		bool is_new = read_upstream_name(r, &name, &upstream);
		struct node node = reader_next(&r->reader);

		if (is_new) {
			read_one_upstream(r, &upstream, &node);
			add_upstream(r, &upstream);
		} else {
			reader_skip(&r->reader, &node);
		}
	}
}
