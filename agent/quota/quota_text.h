/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom a key of the table of counts stands for, as people write it. Pure. */
#ifndef QUOTA_TEXT_H
#define QUOTA_TEXT_H

#include "quota/quota_key.h"

/* As `who` of struct http_client (http.h) says. keys: to name those of API keys; NULL: none. Returns out. */
#define QUOTA_TEXT_MAX 192
const char *quota_text(const struct quota_key *key, const struct key_file *keys,
		       char out[static QUOTA_TEXT_MAX]);

/* What people may ask for: an address, a prefix, the name of an API key's client, or what quota_text() says. */
struct quota_who {
	struct bytes text; /* as it was asked; without "key " in front of a name */
	bool is_address;
	struct prefix address;
	uint64_t key_hash; /* 0: nobody in keys is called so */
};

/* Returns 0, or -EINVAL if text is none of those. *ret_who points into text. */
int quota_who_parse(struct bytes text, const struct key_file *keys, struct quota_who *ret_who);

/* Whether key stands for him, alone or with others. */
bool quota_who_is(const struct quota_who *who, const struct quota_key *key,
		  const struct key_file *keys);

#endif
