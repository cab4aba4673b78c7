/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/siphash.h"
#include "policy/key_file_parts.h"

/* The same everywhere: the file is the operator's, so nobody has an interest in collisions. */
uint64_t key_hash(struct bytes name)
{
	static const struct siphash_secret fixed = {{0x736c756963652031, 0x6e616d65206f6620}};
	uint64_t hash = siphash(&fixed, name);

	return hash ? hash : 1;
}

static bool same_digest(const uint8_t *a, const uint8_t *b)
{
	uint8_t differs = 0;

	for (int i = 0; i < KEY_DIGEST_LEN; i++)
		differs |= a[i] ^ b[i];
	return !differs;
}

/* The slot of the key with this digest, or the empty one where it belongs. */
uint32_t *key_digest_slot(const struct key_file *file, const uint8_t *digest)
{
	uint64_t at = key_hash((struct bytes){(const char *)digest, KEY_DIGEST_LEN});

	for (;; at++) {
		uint32_t *slot = &file->by_digest.slot[at & file->by_digest.mask];

		if (!*slot || same_digest(file->keys[*slot - 1].digest, digest))
			return slot;
	}
}

uint32_t *key_name_slot(const struct key_file *file, uint64_t hash)
{
	for (uint64_t at = hash;; at++) {
		uint32_t *slot = &file->by_name.slot[at & file->by_name.mask];

		if (!*slot || file->clients[*slot - 1].hash == hash)
			return slot;
	}
}

uint32_t key_file_find(const struct key_file *file, const uint8_t digest[static KEY_DIGEST_LEN])
{
	uint32_t found = *key_digest_slot(file, digest);

	return found ? file->keys[found - 1].client : KEY_NONE;
}

uint32_t key_file_hashed(const struct key_file *file, uint64_t hash)
{
	uint32_t found = *key_name_slot(file, hash);

	return found ? found - 1 : KEY_NONE;
}

uint32_t key_file_named(const struct key_file *file, struct bytes name)
{
	uint32_t client = key_file_hashed(file, key_hash(name));

	return client != KEY_NONE && bytes_equal(key_file_name(file, client), name) ? client
										    : KEY_NONE;
}

struct bytes key_file_name(const struct key_file *file, uint32_t client)
{
	const struct key_client *it = &file->clients[client];

	return (struct bytes){file->names + it->name_at, it->name_len};
}

uint64_t key_file_hash(const struct key_file *file, uint32_t client)
{
	return file->clients[client].hash;
}

uint32_t key_file_tier(const struct key_file *file, uint32_t client)
{
	return file->clients[client].tier ? file->clients[client].tier - 1u : KEY_NONE;
}

uint32_t key_file_tier_count(const struct key_file *file)
{
	return file->tier_count;
}

const char *key_file_tier_name(const struct key_file *file, uint32_t tier)
{
	return file->tiers[tier];
}

uint32_t key_file_count(const struct key_file *file)
{
	return file->key_count;
}

uint64_t key_file_memory(const struct key_file *file)
{
	return file->memory;
}
