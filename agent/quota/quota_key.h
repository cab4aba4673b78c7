/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is counted where: the key under which the table of counts (limit/limit_table.h) knows one client under one
 * limit. It fits the label that the table keeps, so that it can be read back: for people, and to forget it.
 *
 * What a stranger says of himself (headers, cookies) is in it as a number that only the table's owner can
 * make; an API key as the number of its client's name. Never what was sent.
 */
#ifndef QUOTA_KEY_H
#define QUOTA_KEY_H

#include "base/address.h"
#include "quota/quota_plan.h"
#include "message/head.h"

enum quota_part {
	QUOTA_ADDRESS = 1,
	QUOTA_API_KEY = 2,
	QUOTA_HEADER = 4,
	QUOTA_COOKIE = 8,
	QUOTA_SHARED = 16, /* of all clients in a /24 or /48, where the table has no room */
	QUOTA_PAIR =
		32, /* only in the coarse key of the address that is charged beside an identity */
};

struct quota_key {
	uint64_t scope;
	uint64_t rest; /* all parts but the address; of an API key alone key_file_hash() */
	uint8_t parts; /* enum quota_part */
	uint8_t method; /* enum method + 1 where each counts by itself; those without a name are one */
	uint8_t family; /* of the address; 0: a Unix socket, or there is none */
	uint8_t bits;
	uint8_t zero[4];
	uint8_t address[16];
};

_Static_assert(sizeof(struct quota_key) == LIMIT_LABEL_MAX, "a label is a whole key");

static inline struct bytes quota_key_bytes(const struct quota_key *key)
{
	return (struct bytes){(const char *)key, sizeof(*key)};
}

/* Who asks. Outlives every use; what the request says is read where a limit goes by it. */
struct quota_client {
	const struct fields *fields;
	enum method method;
	struct prefix source; /* whole; family 0: a Unix socket */
	struct prefix client; /* as trusted proxies tell it */
	struct source_bits bits;
	const struct limit_table *table;
	const struct key_file *keys; /* NULL: none */
	const char *keys_header;
	bool has_looked;  /* for its API key; then: */
	uint32_t api_key; /* its number in keys, or KEY_NONE */
};

/* The client's API key as a number of keys, or KEY_NONE where it has none that is known. */
uint32_t quota_client_key(struct quota_client *client);

/* The key for quota. Without any part that it goes by the client's address stands in. */
struct quota_key quota_key_of(const struct quota *quota, struct quota_client *client);

/* The same for a key that is no limit's: of what a route has in flight. */
struct quota_key quota_key_for(uint64_t scope, const struct http_key *parts,
			       struct quota_client *client);

/* The client's address alone. */
struct quota_key quota_key_of_address(uint64_t scope, const struct quota_client *client,
				      const struct quota_key *like);

/* What it shares with its neighbours where the table is full. */
struct quota_key quota_key_coarse(const struct quota_key *key, const struct quota_client *client);

static inline bool quota_key_is_invented(const struct quota_key *key)
{
	return key->parts & (QUOTA_HEADER | QUOTA_COOKIE);
}

#endif
