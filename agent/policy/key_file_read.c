/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/key_file_parts.h"

struct cursor {
	struct bytes line; /* without its end */
	size_t at;
	uint32_t number;
	struct key_error *error;
};

static int fail(struct cursor *cur, size_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct cursor *cur, size_t at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(cur->error->text, sizeof(cur->error->text), format, args);
	va_end(args);
	cur->error->line = cur->number;
	cur->error->column = (uint32_t)at + 1;
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct bytes take_word(struct cursor *cur, size_t *ret_at)
{
	struct bytes word;

	while (cur->at < cur->line.len && is_blank(cur->line.at[cur->at]))
		cur->at++;
	*ret_at = cur->at;
	word = (struct bytes){cur->line.at + cur->at, 0};
	while (cur->at < cur->line.len && !is_blank(cur->line.at[cur->at])) {
		cur->at++;
		word.len++;
	}
	return word;
}

/* Letters, digits, '_', '-', '.'; begins with one of the first two: as tiers of a policy are called. */
static bool is_name(struct bytes name)
{
	if (!name.len || name.len > KEY_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i];
		bool is_alnum =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!is_alnum && !(i && (c == '_' || c == '-' || c == '.')))
			return false;
	}
	return true;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_digest(struct bytes text, uint8_t digest[static KEY_DIGEST_LEN])
{
	if (text.len != 2 * KEY_DIGEST_LEN)
		return false;
	for (size_t i = 0; i < KEY_DIGEST_LEN; i++) {
		int high = hex_of(text.at[2 * i]), low = hex_of(text.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int find_tier(struct key_file *file, struct cursor *cur, struct bytes name, size_t at,
		     uint16_t *ret_tier)
{
	*ret_tier = 0;
	if (bytes_equal(name, BYTES("-")))
		return 0;
	if (!is_name(name))
		return fail(cur, at, "expected the name of a tier, or '-'");
	for (uint32_t i = 0; i < file->tier_count; i++)
		if (bytes_equal(name, bytes_of(file->tiers[i])))
			*ret_tier = (uint16_t)(i + 1);
	if (*ret_tier)
		return 0;
	if (file->tier_count == KEY_FILE_TIERS_MAX)
		return fail(cur, at, "more than %d different tiers", KEY_FILE_TIERS_MAX);
	memcpy(file->tiers[file->tier_count], name.at, name.len);
	*ret_tier = (uint16_t)++file->tier_count;
	return 0;
}

static int add_client(struct key_file *file, struct cursor *cur, struct bytes name, uint16_t tier,
		      size_t tier_at, uint32_t *ret_client)
{
	const uint64_t hash = key_hash(name);
	uint32_t *slot = key_name_slot(file, hash);
	struct key_client *client;

	if (*slot) {
		client = &file->clients[*slot - 1];
		if (!bytes_equal(key_file_name(file, *slot - 1), name))
			return fail(cur, 0, "this name and that of line %u have one hash",
				    client->line);
		if (client->tier != tier)
			return fail(cur, tier_at, "on line %u this client has another tier",
				    client->line);
		*ret_client = *slot - 1;
		return 0;
	}
	client = &file->clients[file->client_count];
	*client = (struct key_client){hash, file->names_len, (uint8_t)name.len, tier, cur->number};
	memcpy(file->names + file->names_len, name.at, name.len);
	file->names_len += (uint32_t)name.len;
	*ret_client = file->client_count++;
	*slot = file->client_count;
	return 0;
}

static int add_key(struct key_file *file, struct cursor *cur, const struct key *key, size_t at)
{
	uint32_t *slot = key_digest_slot(file, key->digest);

	if (*slot)
		return fail(cur, at, "line %u has this key already", file->keys[*slot - 1].line);
	file->keys[file->key_count++] = *key;
	*slot = file->key_count;
	return 0;
}

static int read_line(struct key_file *file, struct cursor *cur)
{
	size_t name_at, tier_at, digest_at, rest_at;
	const struct bytes name = take_word(cur, &name_at);
	struct bytes tier_name, digest;
	struct key key = {.line = cur->number};
	uint16_t tier;
	int err;

	if (!name.len || name.at[0] == '#')
		return 0;
	if (!is_name(name))
		return fail(cur, name_at,
			    "expected a name of at most %d letters, digits, '_', '-' and '.'",
			    KEY_NAME_MAX);
	tier_name = take_word(cur, &tier_at);
	digest = take_word(cur, &digest_at);
	err = find_tier(file, cur, tier_name, tier_at, &tier);
	if (err)
		return err;
	if (!read_digest(digest, key.digest))
		return fail(cur, digest_at,
			    "expected the key's SHA-256 in %d hexadecimal digits, never the key",
			    2 * KEY_DIGEST_LEN);
	if (take_word(cur, &rest_at).len)
		return fail(cur, rest_at, "expected the end of the line");
	err = add_client(file, cur, name, tier, tier_at, &key.client);
	return err ? err : add_key(file, cur, &key, digest_at);
}

/* The next line of *rest, without what ends it. */
static struct bytes take_line(struct bytes *rest)
{
	const char *end = memchr(rest->at, '\n', rest->len);
	struct bytes line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};

	rest->at += line.len + !!end;
	rest->len -= line.len + !!end;
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Lines that are not comments. */
static uint64_t count_keys(struct bytes text)
{
	uint64_t count = 0;

	while (text.len) {
		struct bytes line = take_line(&text);

		while (line.len && is_blank(line.at[0]))
			line = (struct bytes){line.at + 1, line.len - 1};
		count += line.len && line.at[0] != '#';
	}
	return count;
}

/* ---- The whole ---- */

static void *take(struct key_file *file, uint64_t count, size_t size)
{
	file->memory += count * size;
	return calloc(count ? count : 1, size);
}

static bool make_room(struct key_file *file, uint64_t keys)
{
	uint64_t slots = 4;

	while (slots < 2 * keys)
		slots *= 2;
	file->keys = take(file, keys, sizeof(*file->keys));
	file->clients = take(file, keys, sizeof(*file->clients));
	file->names = take(file, keys, KEY_NAME_MAX);
	file->tiers = take(file, KEY_FILE_TIERS_MAX, sizeof(*file->tiers));
	file->by_digest = (struct key_index){take(file, slots, sizeof(uint32_t)), slots - 1};
	file->by_name = (struct key_index){take(file, slots, sizeof(uint32_t)), slots - 1};
	return file->keys && file->clients && file->names && file->tiers && file->by_digest.slot &&
	       file->by_name.slot;
}

static int read_lines(struct key_file *file, struct bytes text, struct key_error *error)
{
	struct cursor cur = {.error = error};
	int err = 0;

	while (text.len && !err) {
		cur.line = take_line(&text);
		cur.number++;
		cur.at = 0;
		err = read_line(file, &cur);
	}
	return err;
}

/* The longest names were made room for. */
static void give_back_names(struct key_file *file, uint64_t keys)
{
	char *names = realloc(file->names, file->names_len + 1);

	if (!names)
		return;
	file->names = names;
	file->memory -= keys * KEY_NAME_MAX - file->names_len;
}

int key_file_parse(struct bytes text, struct key_error *ret_error, struct key_file **ret_file)
{
	const uint64_t keys = count_keys(text);
	struct key_file *file;
	int err = -ENOMEM;

	if (keys > KEY_FILE_KEYS_MAX) {
		*ret_error = (struct key_error){.line = 1, .column = 1};
		snprintf(ret_error->text, sizeof(ret_error->text), "more than %d keys",
			 KEY_FILE_KEYS_MAX);
		return -EINVAL;
	}
	file = calloc(1, sizeof(*file));
	if (file && make_room(file, keys))
		err = read_lines(file, text, ret_error);
	if (err) {
		key_file_free(file);
		return err;
	}
	give_back_names(file, keys);
	*ret_file = file;
	return 0;
}

void key_file_free(struct key_file *file)
{
	if (!file)
		return;
	free(file->keys);
	free(file->clients);
	free(file->names);
	free(file->tiers);
	free(file->by_digest.slot);
	free(file->by_name.slot);
	free(file);
}
