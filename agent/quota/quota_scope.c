/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_scope.h"

#include "base/siphash.h"

/* All is the operator's: nobody has an interest in collisions, so the secret need not be one. */
static uint64_t hash(struct bytes text)
{
	static const struct siphash_secret fixed = {{0x736c756963652071, 0x756f746120736370}};
	uint64_t number = siphash(&fixed, text);

	return number ? number : 1;
}

static uint64_t join(uint64_t scope, uint64_t more)
{
	const uint64_t both[2] = {scope, more};

	return hash((struct bytes){(const char *)both, sizeof(both)});
}

static uint64_t join_text(uint64_t scope, const char *text)
{
	return join(scope, text ? hash(bytes_of(text)) : 0);
}

static uint64_t what(const struct http_limit *limit, const struct http_route *route)
{
	switch (limit->scope) {
	case HTTP_SCOPE_SHARED:
		return join_text(hash(BYTES("shared")), limit->how.shared);
	case HTTP_SCOPE_GLOBAL:
		return hash(BYTES("global"));
	case HTTP_SCOPE_ROUTE:
		break;
	}
	return join_text(hash(BYTES("route")), route ? route->match : NULL);
}

static uint64_t whom(uint64_t scope, const struct http_key *key)
{
	for (size_t i = 0; i < key->count; i++) {
		scope = join(scope, (uint64_t)key->part[i].kind + 1);
		scope = join_text(scope, key->part[i].name);
	}
	return scope;
}

uint64_t quota_scope_of(const struct http_limit *limit, const struct http_route *route)
{
	uint64_t scope = whom(what(limit, route), &limit->how.key);

	scope = join(scope, limit->rate.period_ns);
	scope = join(scope, (uint64_t)limit->how.strategy + 1);
	scope = join(scope, limit->how.per_method);
	for (int i = 0; limit->how.counts_status && i < 8; i++)
		scope = join(scope, limit->how.count_status.bits[i]);
	return scope;
}

uint64_t quota_scope_with_count(uint64_t scope, const struct http_limit *limit)
{
	return join(join(scope, limit->rate.count), limit->burst);
}

uint64_t quota_scope_of_concurrency(const struct http_route *route)
{
	return join_text(hash(BYTES("concurrency")), route->match);
}

uint64_t quota_scope_of_identities(void)
{
	return hash(BYTES("identities"));
}
