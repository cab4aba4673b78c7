/* SPDX-License-Identifier: BSD-2-Clause */
/* What of upstreams is allowed, and cannot be meant. */
#include <string.h>

#include "policy/finish_http.h"
#include "policy/parse_http.h"

/* ---- Health ---- */

static bool same_check(const struct http_health *a, const struct http_health *b)
{
	const bool no_host = !a->host && !b->host;

	return !strcmp(a->path, b->path) &&
	       (no_host || (a->host && b->host && !strcmp(a->host, b->host))) &&
	       !memcmp(&a->expect, &b->expect, sizeof(a->expect));
}

static bool share_a_server(const struct http_upstream *a, const struct http_upstream *b)
{
	for (size_t i = 0; i < a->server_count; i++)
		for (size_t j = 0; j < b->server_count; j++)
			if (http_address_equal(&a->servers[i], &b->servers[j]))
				return true;
	return false;
}

/* One server has one state: what one check takes out the other would bring back. */
static void check_health(struct reading *r)
{
	const struct http_policy *http = r->http->http;

	for (size_t i = 0; i < http->upstream_count; i++)
		for (size_t j = 0; j < i; j++) {
			const struct http_upstream *a = &http->upstreams[j];
			const struct http_upstream *b = &http->upstreams[i];

			if (a->health.path && b->health.path &&
			    !same_check(&a->health, &b->health) && share_a_server(a, b))
				reading_warning(r, b->place,
						"`health` is another than that of %s, and a server "
						"is in both: its checks contradict each other",
						a->name);
		}
}

/* ---- Loops ---- */

static bool is_any(const struct prefix *address)
{
	static const uint8_t zero[16];

	return !memcmp(address->byte, zero, sizeof(zero));
}

static bool is_loopback(const struct prefix *address)
{
	static const struct prefix ipv4 = {.family = ADDRESS_IPV4, .bits = 8, .byte = {127}};
	static const struct prefix ipv6 = {.family = ADDRESS_IPV6, .bits = 128, .byte[15] = 1};

	return prefix_covers(&ipv4, address) || prefix_covers(&ipv6, address);
}

/* What a wildcard listens on beside loopback only the host knows. */
static bool listens_at(const struct http_address *listener, const struct http_address *server)
{
	if (http_address_equal(listener, server))
		return true;
	return listener->kind == HTTP_ADDRESS_IP && server->kind == HTTP_ADDRESS_IP &&
	       listener->port == server->port && listener->ip.family == server->ip.family &&
	       is_any(&listener->ip) && is_loopback(&server->ip);
}

static void check_loop(struct reading *r, const struct http_address *server)
{
	const struct http_policy *http = r->http->http;

	for (size_t i = 0; i < http->listener_count; i++)
		if (listens_at(&http->listeners[i].address, server))
			reading_warning(r, server->place,
					"this is an address of `listen`: requests go round in a "
					"circle until connections run out");
}

void finish_warn_upstreams(struct reading *r)
{
	const struct http_policy *http = r->http->http;

	check_health(r);
	for (size_t i = 0; i < http->upstream_count; i++)
		for (size_t j = 0; j < http->upstreams[i].server_count; j++)
			check_loop(r, &http->upstreams[i].servers[j]);
}
