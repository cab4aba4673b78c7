/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static struct prefix address_of(const struct quota_key *key)
{
	struct prefix address = {.family = key->family, .bits = key->bits};

	memcpy(address.byte, key->address, sizeof(address.byte));
	return address;
}

/* A name, where an API key is all that there is; else what it is, and a few digits to tell it from others. */
static void add_rest(const struct quota_key *key, const struct key_file *keys, struct buffer *out)
{
	static const struct {
		unsigned part;
		const char *name;
	} names[] = {{QUOTA_API_KEY, "key"}, {QUOTA_HEADER, "header"}, {QUOTA_COOKIE, "cookie"}};
	const bool is_key = (key->parts & ~QUOTA_ADDRESS) == QUOTA_API_KEY;
	uint32_t client = is_key && keys ? key_file_hashed(keys, key->rest) : KEY_NONE;
	const char *before = "";
	struct bytes name;

	if (client != KEY_NONE) {
		name = key_file_name(keys, client);
		buffer_printf(out, "key %.*s", (int)name.len, name.at);
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(key->parts & names[i].part))
			continue;
		buffer_printf(out, "%s%s", before, names[i].name);
		before = "+";
	}
	buffer_printf(out, "#%08" PRIx32, (uint32_t)(key->rest >> 32));
}

const char *quota_text(const struct quota_key *key, const struct key_file *keys,
		       char out[static QUOTA_TEXT_MAX])
{
	auto_buffer struct buffer text = buffer_new(QUOTA_TEXT_MAX - 1);
	struct prefix address = address_of(key);
	char room[PREFIX_TEXT_MAX];

	if (key->parts & QUOTA_ADDRESS)
		buffer_add_text(&text, key->family ? prefix_format(&address, room) : "unix");
	if (key->parts & (QUOTA_API_KEY | QUOTA_HEADER | QUOTA_COOKIE)) {
		buffer_add_text(&text, text.len ? " + " : "");
		add_rest(key, keys, &text);
	}
	if (key->parts & QUOTA_SHARED)
		buffer_add_text(&text, " (shared)");
	(void)snprintf(out, QUOTA_TEXT_MAX, "%s", text.at ? text.at : "");
	return out;
}

/* ---- Asked for ---- */

int quota_who_parse(struct bytes text, const struct key_file *keys, struct quota_who *ret_who)
{
	struct quota_who who = {.text = text};
	const struct bytes front = BYTES("key ");
	enum prefix_result result = prefix_parse(text, &who.address, NULL);
	uint32_t client = KEY_NONE;

	who.is_address = result == PREFIX_OK || result == PREFIX_HOST_BITS;
	if (text.len > front.len && !memcmp(text.at, front.at, front.len))
		who.text = (struct bytes){text.at + front.len, text.len - front.len};
	if (!who.is_address && keys)
		client = key_file_named(keys, who.text);
	if (client != KEY_NONE)
		who.key_hash = key_file_hash(keys, client);
	else
		who.text = text;
	if (!who.is_address && client == KEY_NONE && !bytes_equal(text, BYTES("unix")) &&
	    !(text.len && memchr(text.at, '#', text.len)))
		return -EINVAL;
	*ret_who = who;
	return 0;
}

static bool covers(const struct quota_who *who, const struct quota_key *key)
{
	struct prefix address = address_of(key);

	/* One of them is cut to a source, or to what neighbours share. */
	return key->parts & QUOTA_ADDRESS && key->family &&
	       (prefix_covers(&address, &who->address) || prefix_covers(&who->address, &address));
}

bool quota_who_is(const struct quota_who *who, const struct quota_key *key,
		  const struct key_file *keys)
{
	char text[QUOTA_TEXT_MAX];

	if (who->is_address)
		return covers(who, key);
	if (who->key_hash)
		return key->parts & QUOTA_API_KEY && key->rest == who->key_hash;
	return bytes_equal(bytes_of(quota_text(key, keys, text)), who->text);
}
