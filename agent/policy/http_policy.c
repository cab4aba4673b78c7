/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/http_policy.h"

#include <errno.h>
#include <stdio.h>

#include "message/head.h"
#include "policy/arena.h"

_Static_assert(HTTP_FIELDS_MAX == HEAD_FIELDS_MAX, "a policy must not allow more than fit");

void http_policy_free(struct http_policy *http)
{
	if (!http)
		return;
	route_table_free(http->table);
	arena_free(http->arena); /* http itself is in there */
}

const struct http_route *http_policy_route(const struct http_policy *http,
					   const struct route_request *request)
{
	uint32_t number = route_table_find(http->table, request);

	return number == ROUTE_NONE ? &http->other : &http->routes[number];
}

/* "*.example.com" is any name below example.com, not itself. */
static bool host_fits(struct bytes pattern, struct bytes name)
{
	if (pattern.len < 2 || pattern.at[0] != '*')
		return bytes_equal(pattern, name);
	pattern = (struct bytes){pattern.at + 1, pattern.len - 1};
	return name.len > pattern.len &&
	       !memcmp(name.at + name.len - pattern.len, pattern.at, pattern.len);
}

bool http_policy_has_host(const struct http_policy *http, struct bytes name)
{
	for (size_t i = 0; i < http->hosts.count; i++)
		if (host_fits(bytes_of(http->hosts.at[i]), name))
			return true;
	return !http->hosts.count;
}

int http_policy_find_upstream(const struct http_policy *http, struct bytes name)
{
	for (size_t i = 0; i < http->upstream_count; i++)
		if (bytes_equal(bytes_of(http->upstreams[i].name), name))
			return (int)i;
	return -ENOENT;
}

const char *http_address_format(const struct http_address *address,
				char out[static HTTP_ADDRESS_TEXT_MAX])
{
	char ip[PREFIX_TEXT_MAX];

	switch (address->kind) {
	case HTTP_ADDRESS_IP:
		(void)snprintf(out, HTTP_ADDRESS_TEXT_MAX,
			       address->ip.family == ADDRESS_IPV6 ? "[%s]:%u" : "%s:%u",
			       prefix_format(&address->ip, ip), address->port);
		break;
	case HTTP_ADDRESS_NAME:
		(void)snprintf(out, HTTP_ADDRESS_TEXT_MAX, "%s:%u", address->name, address->port);
		break;
	case HTTP_ADDRESS_UNIX:
		(void)snprintf(out, HTTP_ADDRESS_TEXT_MAX, "unix:%s", address->name);
		break;
	}
	return out;
}

bool http_address_equal(const struct http_address *a, const struct http_address *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == HTTP_ADDRESS_UNIX)
		return !strcmp(a->name, b->name);
	if (a->port != b->port)
		return false;
	return a->kind == HTTP_ADDRESS_IP ? !prefix_compare(&a->ip, &b->ip)
					  : !strcmp(a->name, b->name);
}
