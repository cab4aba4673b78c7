/* SPDX-License-Identifier: BSD-2-Clause */
/* listen, hosts, trusted_proxies, proxy_protocol: who is on the clients' side. */
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

	r->http->trusted_at = key;
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

/* ---- Hosts ---- */

void http_read_hosts(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct http_policy *http = into;

	http_read_names(r, value, "a list of host names", check_host_pattern, &http->hosts);
}
