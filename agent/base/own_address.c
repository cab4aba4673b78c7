/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/own_address.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
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

struct own_addresses own_addresses_read(void)
{
	struct own_addresses own = {.unknown = true};
	struct ifaddrs *list = NULL;
	size_t room = 0;

	if (getifaddrs(&list))
		return own;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		room++;
	own.at = calloc(room + 1, sizeof(*own.at));
	own.unknown = !own.at;
	for (const struct ifaddrs *at = list; own.at && at; at = at->ifa_next)
		own.count += read_address(at->ifa_addr, &own.at[own.count]);
	freeifaddrs(list);
	return own;
}

void own_addresses_free(struct own_addresses *own)
{
	free(own->at);
	*own = (struct own_addresses){};
}

const struct prefix *own_addresses_find(const struct own_addresses *own,
					const struct prefix *prefix)
{
	if (prefix_covers(&loopback, prefix))
		return &loopback;
	for (size_t i = 0; i < own->count; i++)
		if (prefix_covers(prefix, &own->at[i]))
			return &own->at[i];
	return NULL;
}

bool own_address_in(const struct prefix *prefix)
{
	auto_own_addresses struct own_addresses own = own_addresses_read();

	return own.unknown || own_addresses_find(&own, prefix);
}
