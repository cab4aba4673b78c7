/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_key.h"

#include <nettle/sha2.h>

#include "message/cookies.h"

#define API_KEY_MAX 512 /* bytes; hashing longer ones would be work for nothing */

_Static_assert(KEY_DIGEST_LEN == SHA256_DIGEST_SIZE, "digests of the key file");

#define COARSE_IPV4 24
#define COARSE_IPV6 48

/* ---- API keys ---- */

/* Of several lines none is believed: origins differ in which one they take. */
static bool find_line(const struct fields *fields, struct bytes name, struct bytes *ret_value)
{
	bool found = false;

	for (unsigned i = 0; i < fields->count; i++) {
		if (!bytes_equal_nocase(fields->field[i].name, name))
			continue;
		if (found)
			return false;
		*ret_value = fields->field[i].value;
		found = true;
	}
	return found;
}

uint32_t quota_client_key(struct quota_client *client)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;
	struct bytes value;

	if (client->has_looked)
		return client->api_key;
	client->has_looked = true;
	client->api_key = KEY_NONE;
	if (!client->keys || !find_line(client->fields, bytes_of(client->keys_header), &value) ||
	    !value.len || value.len > API_KEY_MAX)
		return KEY_NONE;
	sha256_init(&hash);
	sha256_update(&hash, value.len, (const uint8_t *)value.at);
	sha256_digest(&hash, sizeof(digest), digest);
	client->api_key = key_file_find(client->keys, digest);
	return client->api_key;
}

/* ---- Parts ---- */

struct building {
	struct quota_key *key;
	struct quota_client *client;
};

/* The first as it is, so that it can be read back. */
static void add_rest(struct building *b, enum quota_part part, uint64_t number)
{
	const uint64_t both[2] = {b->key->rest, number};

	if (b->key->rest)
		number = limit_table_hash(b->client->table,
					  (struct bytes){(const char *)both, sizeof(both)});
	b->key->rest = number ? number : 1;
	b->key->parts |= part;
}

static void add_address(struct building *b, const struct prefix *address)
{
	const struct source_bits *bits = &b->client->bits;
	const uint8_t wanted = address->family == ADDRESS_IPV4 ? bits->ipv4 : bits->ipv6;
	struct prefix cut = *address;

	if (cut.family && wanted < cut.bits)
		cut = prefix_cut(&cut, wanted);
	if (b->key->parts & QUOTA_ADDRESS) {
		if (cut.family != b->key->family || memcmp(cut.byte, b->key->address, 16))
			add_rest(b, QUOTA_ADDRESS,
				 limit_table_hash(b->client->table,
						  (struct bytes){(const char *)&cut, sizeof(cut)}));
		return;
	}
	b->key->parts |= QUOTA_ADDRESS;
	b->key->family = cut.family;
	b->key->bits = cut.bits;
	memcpy(b->key->address, cut.byte, sizeof(b->key->address));
}

static void add_value(struct building *b, enum quota_part part, struct bytes value)
{
	add_rest(b, part, limit_table_hash(b->client->table, value));
}

/* All its lines, one after the other; empty ones say nothing. */
static bool add_header(struct building *b, struct bytes name)
{
	const struct fields *fields = b->client->fields;
	bool found = false;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct field *field = &fields->field[i];

		if (!field->value.len || !bytes_equal_nocase(field->name, name))
			continue;
		add_value(b, QUOTA_HEADER, field->value);
		found = true;
	}
	return found;
}

/* Of several none is believed, as of API keys. */
static bool add_cookie(struct building *b, struct bytes name)
{
	struct bytes value;

	if (cookies_find(b->client->fields, name, &value) != 1 || !value.len)
		return false;
	add_value(b, QUOTA_COOKIE, value);
	return true;
}

static bool add_api_key(struct building *b)
{
	uint32_t number = quota_client_key(b->client);

	if (number == KEY_NONE)
		return false;
	add_rest(b, QUOTA_API_KEY, key_file_hash(b->client->keys, number));
	return true;
}

/* False: the request has no such part. */
static bool add_part(struct building *b, const struct http_key_part *part)
{
	switch (part->kind) {
	case HTTP_KEY_CLIENT:
		add_address(b, &b->client->client);
		return true;
	case HTTP_KEY_SOURCE:
		add_address(b, &b->client->source);
		return true;
	case HTTP_KEY_API_KEY:
		return add_api_key(b);
	case HTTP_KEY_HEADER:
		return add_header(b, bytes_of(part->name));
	case HTTP_KEY_COOKIE:
		return add_cookie(b, bytes_of(part->name));
	}
	return false;
}

/* ---- Keys ---- */

struct quota_key quota_key_for(uint64_t scope, const struct http_key *parts,
			       struct quota_client *client)
{
	struct quota_key key = {.scope = scope};
	struct building building = {&key, client};

	for (size_t i = 0; i < parts->count; i++)
		if (!add_part(&building, &parts->part[i]))
			add_address(&building, &client->client);
	return key;
}

struct quota_key quota_key_of(const struct quota *quota, struct quota_client *client)
{
	const struct http_limit_how *how = &quota->limit->how;
	struct quota_key key = quota_key_for(quota->scope, &how->key, client);

	if (how->per_method)
		key.method = (uint8_t)(client->method + 1);
	return key;
}

struct quota_key quota_key_of_address(uint64_t scope, const struct quota_client *client,
				      const struct quota_key *like)
{
	struct quota_key key = {.scope = scope, .method = like ? like->method : 0};
	struct building building = {&key, (struct quota_client *)client};

	add_address(&building, &client->client); /* reads the client only */
	return key;
}

struct quota_key quota_key_coarse(const struct quota_key *key, const struct quota_client *client)
{
	const struct prefix *from = &client->client;
	struct quota_key coarse = {
		.scope = key->scope, .method = key->method, .parts = QUOTA_ADDRESS | QUOTA_SHARED};
	struct prefix cut = *from;

	if (cut.family)
		cut = prefix_cut(&cut, cut.family == ADDRESS_IPV4 ? COARSE_IPV4 : COARSE_IPV6);
	coarse.family = cut.family;
	coarse.bits = cut.bits;
	memcpy(coarse.address, cut.byte, sizeof(coarse.address));
	return coarse;
}
