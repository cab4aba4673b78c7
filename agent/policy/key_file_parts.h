/* SPDX-License-Identifier: BSD-2-Clause */
/* How a key file lies in memory. For key_file*.c only. */
#ifndef POLICY_KEY_FILE_PARTS_H
#define POLICY_KEY_FILE_PARTS_H

#include <stdbool.h>

#include "policy/key_file.h"

struct key_client {
	uint64_t hash; /* of its name */
	uint32_t name_at;
	uint8_t name_len;
	uint16_t tier; /* index + 1; 0: none of its own */
	uint32_t line;
};

struct key {
	uint8_t digest[KEY_DIGEST_LEN];
	uint32_t client;
	uint32_t line;
};

/* Open addressing over at least twice as many slots as there are items; an item's index + 1, 0: empty. */
struct key_index {
	uint32_t *slot;
	uint64_t mask;
};

struct key_file {
	struct key *keys;
	uint32_t key_count;
	struct key_client *clients;
	uint32_t client_count;
	char *names;
	uint32_t names_len;
	char (*tiers)[KEY_NAME_MAX + 1];
	uint32_t tier_count;
	struct key_index by_digest;
	struct key_index by_name;
	uint64_t memory;
};

/* A name or a digest as a number; never 0. */
uint64_t key_hash(struct bytes text);

/* The slot of the item, or the empty one where it belongs. */
uint32_t *key_digest_slot(const struct key_file *file, const uint8_t *digest);
uint32_t *key_name_slot(const struct key_file *file, uint64_t hash);

#endif
