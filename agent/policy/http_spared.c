/* SPDX-License-Identifier: BSD-2-Clause */
/* Through whom others come, and what is the host's own: never banned for what comes from there. */
#include "policy/http_policy.h"

static bool overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static bool is_among(const struct http_prefixes *prefixes, const struct prefix *source)
{
	for (size_t i = 0; i < prefixes->count; i++)
		if (overlaps(&prefixes->at[i], source))
			return true;
	return false;
}

static bool is_sender(const struct http_policy *http, const struct prefix *source)
{
	for (size_t i = 0; i < http->listener_count; i++)
		if (is_among(&http->listeners[i].senders.prefixes, source))
			return true;
	return is_among(&http->senders.prefixes, source);
}

static bool is_at(const struct http_address *address, const struct prefix *source)
{
	return address->kind == HTTP_ADDRESS_IP && prefix_covers(source, &address->ip);
}

static bool is_server(const struct http_policy *http, const struct prefix *source)
{
	for (size_t i = 0; i < http->upstream_count; i++)
		for (size_t j = 0; j < http->upstreams[i].server_count; j++)
			if (is_at(&http->upstreams[i].servers[j], source))
				return true;
	return false;
}

static bool is_listened_on(const struct http_policy *http, const struct prefix *source)
{
	for (size_t i = 0; i < http->listener_count; i++)
		if (is_at(&http->listeners[i].address, source))
			return true;
	return false;
}

const char *http_policy_needs(const struct http_policy *http, const struct prefix *source)
{
	if (is_among(&http->trusted_proxies, source))
		return "a trusted proxy";
	if (is_sender(http, source))
		return "a sender of PROXY headers";
	return is_server(http, source) ? "an upstream" : NULL;
}

bool http_policy_spares(const struct http_policy *http, const struct prefix *source)
{
	return http_policy_needs(http, source) || is_listened_on(http, source);
}
