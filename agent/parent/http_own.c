/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_own.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static const struct prefix loopback = {.family = ADDRESS_IPV4, .bits = 8, .byte = {127}};

static bool read_address(const struct sockaddr *from, struct prefix *ret_address)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)from;

	if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return false;
	*ret_address = (struct prefix){.family = ADDRESS_IPV4, .bits = 32};
	if (from->sa_family == AF_INET) {
		memcpy(ret_address->byte, &ipv4->sin_addr, 4);
		return true;
	}
	*ret_address = (struct prefix){.family = ADDRESS_IPV6, .bits = 128};
	memcpy(ret_address->byte, &ipv6->sin6_addr, 16);
	return true;
}

static bool has_one_in(const struct ifaddrs *list, const struct prefix *prefix)
{
	struct prefix own;

	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		if (read_address(at->ifa_addr, &own) && prefix_covers(prefix, &own))
			return true;
	return false;
}

bool http_own_address_in(const struct prefix *prefix)
{
	struct ifaddrs *list = NULL;
	bool found;

	if (prefix_covers(&loopback, prefix) || getifaddrs(&list))
		return true;
	found = has_one_in(list, prefix);
	freeifaddrs(list);
	return found;
}
