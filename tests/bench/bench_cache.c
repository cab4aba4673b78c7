/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a lookup costs: hash, find, release, with 1,000, 100,000 and 5,000,000 objects (give
 * other numbers as arguments); and a put. Hot: the same thousand keys again and again. Cold: a
 * random one of all. One thread; nanoseconds a call, the median of seven runs.
 *
 * Not part of the tests: it asserts nothing about time, and five million objects take 2 GiB.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cache/cache_store.h"

#define LOOKUPS 1000000
#define RUNS	7

static const struct fields no_fields;

static size_t url_of(uint64_t i, char url[static 64])
{
	return (size_t)snprintf(url, 64, "http://api.example.com/v1/items/%llu",
				(unsigned long long)i);
}

static void store_all(struct cache_store *store, uint64_t count)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				   "Cache-Control: max-age=60\r\nContent-Length: 100\r\n";
	static const char content[100];
	char url[64];

	for (uint64_t i = 0; i < count; i++) {
		size_t len = url_of(i, url);
		struct object_parts parts = {
			.key = {.whole = {url, len}, .url_len = len},
			.head = {head, sizeof(head) - 1},
			.content = {content, sizeof(content)},
			.status = 200,
			.fresh = {.lifetime_s = 60},
		};

		if (cache_put(store, &parts, NULL) != STORE_YES)
			abort();
	}
}

/* Keys are written beforehand: their making is not what is measured. */
struct keys {
	char (*url)[64];
	struct cache_key *key;
};

static struct keys random_keys(uint64_t below)
{
	struct keys keys = {malloc(LOOKUPS * sizeof(*keys.url)),
			    malloc(LOOKUPS * sizeof(*keys.key))};
	uint64_t random = 1;

	for (uint64_t i = 0; i < LOOKUPS; i++) {
		size_t len;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		len = url_of((random >> 20) % below, keys.url[i]);
		keys.key[i] = (struct cache_key){.whole = {keys.url[i], len}, .url_len = len};
	}
	return keys;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double lookups(struct cache_store *store, const struct keys *keys)
{
	uint64_t began_ns = clock_now_ns();

	for (uint64_t i = 0; i < LOOKUPS; i++) {
		struct cache_query query = {
			.key = &keys->key[i],
			.hash = cache_hash(store, &keys->key[i]),
			.request = &no_fields,
		};
		struct cache_found found = cache_find(store, &query);

		if (!found.object)
			abort();
		cache_release(store, found.object);
	}
	return (double)(clock_now_ns() - began_ns) / LOOKUPS;
}

static double measure(struct cache_store *store, uint64_t below)
{
	struct keys keys = random_keys(below);
	double ns[RUNS];

	for (int run = 0; run < RUNS; run++)
		ns[run] = lookups(store, &keys);
	qsort(ns, RUNS, sizeof(*ns), by_size);
	free(keys.url);
	free(keys.key);
	return ns[RUNS / 2];
}

static void bench(uint64_t count)
{
	struct cache_config config = {
		.max_bytes = CACHE_BYTES_MIN + count * 640,
		.object_max = 1 << 20,
		.window = 4 * CONTENT_CHUNK_MAX,
		.secret = {{1, 2}},
	};
	struct cache_store *store = NULL;
	struct cache_stats stats;
	uint64_t began_ns;
	double put_ns, hot_ns, cold_ns;

	if (cache_store_new(&config, &store))
		abort();
	began_ns = clock_now_ns();
	store_all(store, count);
	put_ns = (double)(clock_now_ns() - began_ns) / (double)count;
	hot_ns = measure(store, count < 1000 ? count : 1000);
	cold_ns = measure(store, count);
	cache_stats(store, &stats);
	printf("%10llu %10.0f %10.0f %10.0f %12.0f\n", (unsigned long long)count, hot_ns, cold_ns,
	       put_ns, (double)stats.used_bytes / (double)count);
	cache_store_free(store);
}

int main(int argc, char **argv)
{
	printf("%10s %10s %10s %10s %12s\n", "objects", "hot ns", "cold ns", "put ns",
	       "bytes each");
	if (argc < 2) {
		bench(1000);
		bench(100000);
		bench(5000000);
	}
	for (int i = 1; i < argc; i++)
		bench(strtoull(argv[i], NULL, 10));
	return 0;
}
