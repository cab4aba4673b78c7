/* SPDX-License-Identifier: BSD-2-Clause */
/* A prefix as the keys of the datapath's tries have it, and back. */
#ifndef KERNEL_TRIE_KEY_H
#define KERNEL_TRIE_KEY_H

#include <string.h>

#include <sluice/abi.h>

#include "base/address.h"

union trie_key {
	struct sl_prefix4 v4;
	struct sl_prefix6 v6;
};

/* For the trie of the prefix's own family. */
static inline union trie_key trie_key_of(const struct prefix *prefix)
{
	union trie_key key = {};

	if (prefix->family == ADDRESS_IPV4) {
		key.v4.bits = prefix->bits;
		memcpy(key.v4.byte, prefix->byte, sizeof(key.v4.byte));
	} else {
		key.v6.bits = prefix->bits;
		memcpy(key.v6.byte, prefix->byte, sizeof(key.v6.byte));
	}
	return key;
}

static inline struct prefix trie_key_prefix(const void *key, enum address_family family)
{
	struct prefix prefix = {.family = (uint8_t)family};

	if (family == ADDRESS_IPV4) {
		prefix.bits = (uint8_t)((const struct sl_prefix4 *)key)->bits;
		memcpy(prefix.byte, ((const struct sl_prefix4 *)key)->byte, 4);
	} else {
		prefix.bits = (uint8_t)((const struct sl_prefix6 *)key)->bits;
		memcpy(prefix.byte, ((const struct sl_prefix6 *)key)->byte, 16);
	}
	return prefix;
}

static inline uint32_t trie_key_size(enum address_family family)
{
	return family == ADDRESS_IPV4 ? sizeof(struct sl_prefix4) : sizeof(struct sl_prefix6);
}

#endif
