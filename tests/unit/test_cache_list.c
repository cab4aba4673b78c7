/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/cache_list.h"
#include "cache_fixture.h"

static void put_at(struct cache_store *store, const char *whole, size_t url_len, uint64_t stored_ns)
{
	struct object_parts parts = parts_of(store, "", "x");

	parts.key = key_with(whole, url_len);
	parts.stored_ns = stored_ns;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
}

static void find_times(struct cache_store *store, const char *url, int times)
{
	for (int i = 0; i < times; i++)
		assert_true(has_url(store, url));
}

static void assert_entry(const struct cache_list *list, size_t i, const char *key)
{
	struct bytes whole = object_key(list->at[i].object);

	assert_int_equal(whole.len, strlen(key));
	assert_memory_equal(whole.at, key, whole.len);
}

static void all_of_a_url_are_listed_the_most_recent_first(void **state)
{
	struct cache_store *store = new_store();
	struct cache_entry entries[4];
	struct cache_list list = {.at = entries, .max = 4};

	put_at(store, "http://a/", 9, 2);
	put_at(store, "http://a/\nhX=1", 9, 3);
	put_at(store, "http://a/\nhX=2", 9, 1);
	put_at(store, "http://a/b", 10, 4);
	cache_list_url(store, BYTES("http://a/"), &list);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.met, 3);
	assert_entry(&list, 0, "http://a/\nhX=1");
	assert_entry(&list, 1, "http://a/");
	assert_entry(&list, 2, "http://a/\nhX=2");
	cache_list_release(store, &list);
	assert_int_equal(list.count, 0);
	end_store(store);
}

static void what_is_asked_for_most_comes_first_however_little_room_there_is(void **state)
{
	struct cache_store *store = new_store();
	struct cache_entry entries[3];
	struct cache_list list = {.at = entries, .max = 3};
	char url[32];

	for (int i = 0; i < 50; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		put_at(store, url, strlen(url), 1);
		find_times(store, url, (i * 7) % 50); /* each another number */
	}
	cache_list_top(store, &list);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.met, 50);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(list.at[i].hits, 49 - i);
	cache_list_release(store, &list);
	end_store(store);
}

static void what_is_listed_can_be_read_after_it_was_purged(void **state)
{
	struct cache_store *store = new_store();
	struct cache_entry entries[2];
	struct cache_list list = {.at = entries, .max = 2};

	put_at(store, "http://a/", 9, 1);
	cache_purge_url(store, BYTES("http://a/"), PURGE_SOFT);
	cache_list_url(store, BYTES("http://a/"), &list);
	assert_true(list.at[0].is_soft_purged);
	cache_purge_all(store, PURGE_HARD);
	assert_content(list.at[0].object, "x");
	cache_list_release(store, &list);
	cache_list_url(store, BYTES("http://a/"), &list);
	assert_int_equal(list.met, 0);
	end_store(store);
}

static void a_list_without_room_counts(void **state)
{
	struct cache_store *store = new_store();
	struct cache_list list = {.max = 0};

	put_at(store, "http://a/", 9, 1);
	cache_list_top(store, &list);
	assert_int_equal(list.count, 0);
	assert_int_equal(list.met, 1);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_url_are_listed_the_most_recent_first),
		cmocka_unit_test(what_is_asked_for_most_comes_first_however_little_room_there_is),
		cmocka_unit_test(what_is_listed_can_be_read_after_it_was_purged),
		cmocka_unit_test(a_list_without_room_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
