/* SPDX-License-Identifier: BSD-2-Clause */
/* listen, upstream, upstreams, hosts, trusted_proxies, proxy_protocol: who is on the other ends. */
#include <errno.h>

#include "policy/parse_http.h"

/* ---- PROXY protocol and trusted proxies ---- */

struct peer_reading {
	struct arena_list prefixes;
	bool unix_socket;
};

static void read_peer(struct reading *r, void *into, const struct node *item)
{
	struct peer_reading *peers = into;

	if (item->kind == NODE_SCALAR && bytes_equal(item->text, BYTES("unix")))
		peers->unix_socket = true;
	else
		(void)http_add_prefix(r, item, &peers->prefixes); /* has said what is wrong */
}

static struct http_prefixes peer_prefixes(const struct peer_reading *peers)
{
	return (struct http_prefixes){peers->prefixes.at, peers->prefixes.count};
}

void http_read_trusted(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct peer_reading peers = {.unix_socket = false};
	struct http_policy *http = into;

	reading_list(r, value, "a list of addresses, prefixes, or `unix`", read_peer, &peers);
	http->trusted_proxies = peer_prefixes(&peers);
	http->trusted_unix = peers.unix_socket;
}

static void read_required(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct peer_reading peers = {.unix_socket = false};
	struct http_senders *senders = into;

	reading_list(r, value, "the list of senders: addresses, prefixes, or `unix`", read_peer,
		     &peers);
	senders->required = true;
	senders->prefixes = peer_prefixes(&peers);
	senders->unix_socket = peers.unix_socket;
}

/* Into a struct http_senders. */
static void read_proxy_protocol(struct reading *r, void *into, struct place key,
				const struct node *value)
{
	static const struct field fields[] = {{"required", read_required, NULL}};
	struct http_senders *senders = into;

	*senders = (struct http_senders){.required = false};
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("off")))
		return;
	if (value->kind != NODE_MAP) {
		reading_unexpected(r, value, "`off`, or {required: [SENDERS]}");
		return;
	}
	READING_MAP(r, value, fields, senders);
}

void http_read_senders(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_policy *http = into;

	read_proxy_protocol(r, &http->senders, key, value);
}

/* ---- Listeners ---- */

struct listener_draft {
	struct http_listener listener;
	bool has_address;
};

static void read_listener_address(struct reading *r, void *into, struct place key,
				  const struct node *value)
{
	struct listener_draft *draft = into;

	draft->has_address = http_read_address(r, value, false, &draft->listener.address);
}

static void read_scheme(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const char *const words[] = {"http", "https", NULL};
	struct listener_draft *draft = into;
	unsigned word;

	if (reading_word(r, value, words, &word))
		draft->listener.is_https = word;
}

static void read_listener_senders(struct reading *r, void *into, struct place key,
				  const struct node *value)
{
	struct listener_draft *draft = into;

	read_proxy_protocol(r, &draft->listener.senders, key, value);
	draft->listener.senders_given = true;
}

static const struct http_listener *find_listener(const struct http_reading *reading,
						 const struct http_address *address)
{
	const struct http_listener *listeners = reading->listeners.at;

	for (size_t i = 0; i < reading->listeners.count; i++)
		if (http_address_equal(&listeners[i].address, address))
			return &listeners[i];
	return NULL;
}

static void add_listener(struct reading *r, const struct http_listener *listener)
{
	const struct http_listener *known = find_listener(r->http, &listener->address);
	struct http_listener *slot;

	if (known) {
		reading_error(r, listener->address.place,
			      "this address stands twice; it is on line %u already",
			      known->address.place.line);
		return;
	}
	if (r->http->listeners.count == HTTP_LISTENERS_MAX) {
		reading_error(r, listener->address.place, "more than %d listeners",
			      HTTP_LISTENERS_MAX);
		return;
	}
	slot = http_list_add(r, &r->http->listeners, sizeof(*slot));
	if (slot)
		*slot = *listener;
}

static void read_listener(struct reading *r, void *into, const struct node *item)
{
	static const struct field fields[] = {
		{"address", read_listener_address, NULL},
		{"scheme", read_scheme, NULL},
		{"proxy_protocol", read_listener_senders, NULL},
	};
	struct listener_draft draft = {.has_address = false};
	size_t errors = r->problems->errors;

	if (item->kind == NODE_MAP)
		READING_MAP(r, item, fields, &draft);
	else
		draft.has_address = http_read_address(r, item, false, &draft.listener.address);
	if (draft.has_address)
		add_listener(r, &draft.listener);
	else if (r->problems->errors == errors)
		reading_error(r, item->place, "`address` is missing");
}

void http_read_listen(struct reading *r, void *into, struct place key, const struct node *value)
{
	size_t errors = r->problems->errors;

	r->http->listen_at = key;
	reading_list(r, value, "a list of addresses such as [\"0.0.0.0:80\"]", read_listener, NULL);
	if (!r->http->listeners.count && r->problems->errors == errors)
		reading_error(r, value->place, "found an empty list, expected an address");
}

/* ---- Upstreams ---- */

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
	if (value->kind != NODE_MAP) {
		read_servers(r, upstream, value->place, value);
		return;
	}
	READING_MAP(r, value, upstream_fields, upstream);
	if (!upstream->servers && upstream->server_count == 0)
		reading_error(r, value->place, "`servers` is missing, or has none");
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

/* ---- Hosts ---- */

void http_read_hosts(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_policy *http = into;

	http_read_names(r, value, "a list of host names", check_host_pattern, &http->hosts);
}
