/* SPDX-License-Identifier: BSD-2-Clause */
/* What the cache costs, by its own count and by malloc()'s, and what it keeps when all of it is in use. */
#include <malloc.h>
#include <stdlib.h>

#include "cache_fixture.h"

#define COUNT 20000

static struct cache_store *large_store(void)
{
	struct cache_config config = small_config();
	struct cache_store *store = NULL;

	config.max_bytes = 64 << 20;
	config.tags_max = 100000;
	assert_int_equal(cache_store_new(&config, &store), 0);
	return store;
}

static size_t payload_of(const struct object_parts *parts)
{
	return parts->key.whole.len + parts->head.len + parts->content.len;
}

/* Store COUNT responses with these tags. Returns bytes above key, head and content, of each. */
static size_t cost_with(struct cache_store *store, const struct tag_list *tags)
{
	struct cache_stats before, after;
	size_t payload = 0;
	char url[64];

	cache_stats(store, &before);
	for (int i = 0; i < COUNT; i++) {
		struct object_parts parts;

		snprintf(url, sizeof(url), "http://a/%d", i);
		parts = parts_of(store, url, "content");
		payload += payload_of(&parts);
		assert_int_equal(cache_put(store, &parts, tags), STORE_YES);
	}
	cache_stats(store, &after);
	assert_int_equal(after.objects, COUNT);
	return (after.used_bytes - before.used_bytes - payload) / COUNT;
}

static void a_tag_costs_an_object_at_most_16_bytes(void **state)
{
	struct cache_store *store = large_store();
	struct tag_list tags = {.count = 0};
	char name[16];

	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "tag%d", i);
		cache_tags_split(store, bytes_of(name), false, &tags);
	}
	assert_in_range(cost_with(store, &tags), 32 * sizeof(void *), 256 + 32 * 16);
	cache_store_free(store);
}

#if !defined(__SANITIZE_ADDRESS__) /* whose malloc() adds what it wants */
static void what_the_budget_counts_is_what_malloc_gave(void **state)
{
	struct cache_store *store = large_store();
	size_t before = mallinfo2().uordblks, cost, real;
	struct cache_stats stats;

	cost = cost_with(store, NULL);
	cache_stats(store, &stats);
	real = mallinfo2().uordblks - before;
	assert_in_range(real, stats.used_bytes * 97 / 100, stats.used_bytes * 103 / 100);
	assert_in_range(cost, sizeof(struct cache_object), 256);
	cache_store_free(store);
}
#endif

static int count_found(struct cache_store *store, const char *form, int count)
{
	char url[64];
	int found = 0;

	for (int i = 0; i < count; i++) {
		snprintf(url, sizeof(url), form, i);
		found += has_url(store, url);
	}
	return found;
}

static void put_some(struct cache_store *store, const char *form, int first, int count)
{
	static char content[1000];
	char url[64];

	for (int i = first; i < first + count; i++) {
		struct object_parts parts;

		snprintf(url, sizeof(url), form, i);
		parts = parts_of(store, url, "");
		parts.content = (struct bytes){content, sizeof(content)};
		assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	}
}

/* A crawler asks for each thing once; what others ask for in between is still there afterwards. */
static void a_scan_of_fifty_times_the_cache_evicts_nothing_that_is_asked_for(void **state)
{
	struct cache_store *store = new_store(); /* about 3,000 of these */
	struct cache_stats stats;

	put_some(store, "http://hot/%d", 0, 500);
	assert_int_equal(count_found(store, "http://hot/%d", 500), 500);
	for (int i = 0; i < 150; i++) {
		put_some(store, "http://scan/%d", i * 1000, 1000);
		assert_int_equal(count_found(store, "http://hot/%d", 500), 500);
	}
	cache_stats(store, &stats);
	assert_true(stats.evicted > 140000);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	end_store(store);
}

static void what_is_asked_for_no_more_goes_in_time(void **state)
{
	struct cache_store *store = new_store();

	put_some(store, "http://old/%d", 0, 500);
	for (int i = 0; i < 3; i++)
		assert_int_equal(count_found(store, "http://old/%d", 500), 500);
	for (int i = 0; i < 20; i++) {
		put_some(store, "http://new/%d", i * 1000, 1000);
		for (int times = 0; times < 2; times++)
			(void)count_found(store, "http://new/%d", (i + 1) * 1000);
	}
	assert_in_range(count_found(store, "http://old/%d", 500), 0, 50);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tag_costs_an_object_at_most_16_bytes),
#if !defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test(what_the_budget_counts_is_what_malloc_gave),
#endif
		cmocka_unit_test(a_scan_of_fifty_times_the_cache_evicts_nothing_that_is_asked_for),
		cmocka_unit_test(what_is_asked_for_no_more_goes_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
