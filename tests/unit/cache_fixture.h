/* SPDX-License-Identifier: BSD-2-Clause */
/* Small stores, and responses to put in them. */
#ifndef TESTS_CACHE_FIXTURE_H
#define TESTS_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "cache/cache_store.h"
#include "cache/fill.h"

#define SEC	  1000000000ull
#define NO_FIELDS (&no_fields)

static const struct fields no_fields;

static inline struct cache_config small_config(void)
{
	return (struct cache_config){
		.max_bytes = CACHE_BYTES_MIN,
		.object_max = 1 << 20,
		.window = 4 * CONTENT_CHUNK_MAX,
		.shards = 4,
		.tags_max = 1000,
		.waiters_max = 8,
		.refused_for_ns = 10 * SEC,
		.secret = {{1, 2}},
	};
}

static inline struct cache_store *new_store(void)
{
	struct cache_config config = small_config();
	struct cache_store *store = NULL;

	assert_int_equal(cache_store_new(&config, &store), 0);
	return store;
}

/* Free a store in which nothing may be held: all that was taken has been given back. */
static inline void end_store(struct cache_store *store)
{
	struct cache_stats stats;

	cache_stats(store, &stats);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	cache_store_free(store);
}

static inline struct cache_key key_of(const char *url)
{
	return (struct cache_key){.whole = bytes_of(url), .url_len = strlen(url)};
}

/* A key of this URL with one dimension. */
static inline struct cache_key key_with(const char *whole, size_t url_len)
{
	return (struct cache_key){.whole = bytes_of(whole), .url_len = url_len};
}

static inline struct object_parts parts_of(struct cache_store *store, const char *url,
					   const char *content)
{
	return (struct object_parts){
		.key = key_of(url),
		.head = BYTES("HTTP/1.1 200 OK\r\n"),
		.content = bytes_of(content),
		.status = 200,
		.fresh = {.lifetime_s = 60, .source = LIFETIME_EXPLICIT},
		.sequence = cache_sequence(store),
	};
}

static inline struct cache_found find_key(struct cache_store *store, const struct cache_key *key,
					  const struct fields *request)
{
	struct cache_query query = {.key = key, .hash = cache_hash(store, key), .request = request};

	return cache_find(store, &query);
}

static inline struct cache_found find_url(struct cache_store *store, const char *url)
{
	struct cache_key key = key_of(url);

	return find_key(store, &key, NO_FIELDS);
}

/* Whether url is found, holding nothing. */
static inline bool has_url(struct cache_store *store, const char *url)
{
	struct cache_found found = find_url(store, url);

	cache_release(store, found.object);
	return found.object;
}

static inline void assert_content(const struct cache_object *object, const char *want)
{
	struct bytes content = object_inline_body(object);

	assert_int_equal(content.len, strlen(want));
	assert_memory_equal(content.at, want, content.len);
}

#endif
