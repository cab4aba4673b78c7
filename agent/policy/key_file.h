/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of API keys: a line a key, "NAME TIER SHA256", and comments that begin with '#'.
 *
 * NAME is who is counted: two keys of one name (the old and the new) count together. TIER is the client's, or
 * '-' for that of its address. SHA256 is the key's digest in 64 hexadecimal digits; the keys themselves stand
 * nowhere. Pure; knows neither SHA-256 nor files. What is wrong is told without repeating what was found: it may
 * be a key.
 */
#ifndef POLICY_KEY_FILE_H
#define POLICY_KEY_FILE_H

#include <stdint.h>

#include "base/bytes.h"

#define KEY_FILE_MAX	   (256u << 20) /* bytes */
#define KEY_FILE_KEYS_MAX  1000000
#define KEY_FILE_TIERS_MAX 250 /* different ones */
#define KEY_NAME_MAX	   63  /* bytes of NAME and of TIER */
#define KEY_DIGEST_LEN	   32
#define KEY_NONE	   UINT32_MAX

struct key_file;

struct key_error {
	uint32_t line; /* both count from 1 */
	uint32_t column;
	char text[160];
};

/*
 * Read text, which may be freed afterwards. Returns 0 and *ret_file, freed with key_file_free(); -EINVAL with
 * *ret_error set; -ENOMEM.
 */
int key_file_parse(struct bytes text, struct key_error *ret_error, struct key_file **ret_file);
void key_file_free(struct key_file *file); /* NULL is fine */

/* Memory it takes. */
uint64_t key_file_memory(const struct key_file *file);

/* How many keys there are. */
uint32_t key_file_count(const struct key_file *file);

/*
 * The client whose key has this digest: a number below key_file_count(), or KEY_NONE. The time it takes does not
 * depend on how much of a digest is right.
 */
uint32_t key_file_find(const struct key_file *file, const uint8_t digest[static KEY_DIGEST_LEN]);

/* The client called name, and what its name is. */
uint32_t key_file_named(const struct key_file *file, struct bytes name);
struct bytes key_file_name(const struct key_file *file, uint32_t client);

/*
 * Its name as one number, the same in every file and process; never 0. And back: KEY_NONE if nobody has it.
 */
uint64_t key_file_hash(const struct key_file *file, uint32_t client);
uint32_t key_file_hashed(const struct key_file *file, uint64_t hash);

/* Its tier: a number below key_file_tier_count(), or KEY_NONE. */
uint32_t key_file_tier(const struct key_file *file, uint32_t client);
uint32_t key_file_tier_count(const struct key_file *file);
const char *key_file_tier_name(const struct key_file *file, uint32_t tier);

#endif
