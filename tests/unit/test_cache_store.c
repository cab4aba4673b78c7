/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_fixture.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/budget.h"
#include "cache/vary.h"
#include "message_input.h"

static enum store_verdict put(struct cache_store *store, const char *url, const char *content)
{
	struct object_parts parts = parts_of(store, url, content);

	return cache_put(store, &parts, NULL);
}

static void what_was_stored_is_found_with_its_head_and_content(void **state)
{
	struct cache_store *store = new_store();
	struct cache_found found;

	assert_int_equal(put(store, "http://a/", "hello"), STORE_YES);
	found = find_url(store, "http://a/");

	assert_non_null(found.object);
	assert_content(found.object, "hello");
	assert_bytes(object_head(found.object), "HTTP/1.1 200 OK\r\n");
	assert_bytes(object_url(found.object), "http://a/");
	assert_int_equal(found.object->status, 200);
	assert_false(found.is_soft_purged);
	cache_release(store, found.object);
	end_store(store);
}

static void other_keys_are_not_found(void **state)
{
	struct cache_store *store = new_store();

	put(store, "http://a/x", "1");
	assert_false(has_url(store, "http://a/"));
	assert_false(has_url(store, "http://a/xy"));
	assert_false(has_url(store, "http://a/X"));
	assert_true(has_url(store, "http://a/x"));
	end_store(store);
}

static void equal_hashes_do_not_make_keys_equal(void **state)
{
	struct cache_store *store = new_store();
	struct cache_key stored = key_of("http://a/1"), other = key_of("http://a/2");
	struct cache_query query = {
		.key = &other, .hash = cache_hash(store, &stored), .request = NO_FIELDS};

	put(store, "http://a/1", "1");
	assert_null(cache_find(store, &query).object);
	end_store(store);
}

static void a_key_whose_dimensions_spell_another_url_is_another_key(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "unused", "mine");
	struct cache_key shorter = key_with("http://a/\nhx=1", 9);
	struct cache_key longer = key_with("http://a/\nhx=1", 14);
	struct cache_found found;

	parts.key = shorter;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);

	found = find_key(store, &longer, NO_FIELDS);
	assert_null(found.object);
	end_store(store);
}

static void a_second_response_takes_the_place_of_the_first(void **state)
{
	struct cache_store *store = new_store();
	struct cache_found before, after;
	struct cache_stats stats;

	put(store, "http://a/", "old");
	before = find_url(store, "http://a/");
	put(store, "http://a/", "new");
	after = find_url(store, "http://a/");

	assert_content(after.object, "new");
	assert_content(before.object, "old"); /* held, so still whole */
	cache_stats(store, &stats);
	assert_int_equal(stats.objects, 1);
	cache_release(store, before.object);
	cache_release(store, after.object);
	end_store(store);
}

static void all_memory_is_given_back_when_the_last_holder_lets_go(void **state)
{
	struct cache_store *store = new_store();
	struct cache_found found;
	struct cache_stats stats;

	put(store, "http://a/", "content");
	found = find_url(store, "http://a/");
	cache_purge_url(store, BYTES("http://a/"), PURGE_HARD);
	cache_stats(store, &stats);
	assert_int_equal(stats.objects, 0);
	assert_true(stats.used_bytes > 0); /* purged but held counts */

	cache_release(store, found.object);
	cache_stats(store, &stats);
	assert_int_equal(stats.used_bytes, 0);
	end_store(store);
}

static void an_object_costs_at_most_256_bytes_above_key_head_and_content(void **state)
{
	struct cache_config config = small_config();
	struct cache_store *store = NULL;
	struct cache_stats stats;
	char url[64];
	size_t payload = 0;

	config.max_bytes = 64 << 20;
	assert_int_equal(cache_store_new(&config, &store), 0);
	for (int i = 0; i < 20000; i++) {
		payload += (size_t)snprintf(url, sizeof(url), "http://a/%d", i) +
			   strlen("HTTP/1.1 200 OK\r\n") + strlen("content");
		assert_int_equal(put(store, url, "content"), STORE_YES);
	}
	cache_stats(store, &stats);
	assert_int_equal(stats.objects, 20000);
	assert_in_range((stats.used_bytes - payload) / 20000, sizeof(struct cache_object), 256);
	end_store(store);
}

static void a_body_above_the_limit_is_refused_and_one_at_the_limit_is_not(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "http://a/", "");
	char *content = calloc(1, (1 << 20) + 1);

	parts.content = (struct bytes){content, (1 << 20) + 1};
	assert_int_equal(cache_put(store, &parts, NULL), STORE_TOO_LARGE);
	parts.content.len--;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	free(content);
	end_store(store);
}

static void the_budget_holds_while_ten_times_as_much_is_stored(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts;
	struct cache_stats stats;
	char *content = calloc(1, 10000), url[64];

	for (int i = 0; i < 4000; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		parts = parts_of(store, url, "");
		parts.content = (struct bytes){content, 10000};
		assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	}
	cache_stats(store, &stats);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	assert_true(stats.evicted > 3000);
	assert_in_range(stats.objects, 200, 420);
	free(content);
	end_store(store);
}

static void what_is_held_is_not_evicted_and_newcomers_are_refused_when_all_is_held(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts;
	struct cache_found held[8];
	struct cache_stats stats;
	char *content = calloc(1, 1 << 20), url[64];
	int count = 0;

	for (; count < 8; count++) {
		snprintf(url, sizeof(url), "http://a/%d", count);
		parts = parts_of(store, url, "");
		parts.content = (struct bytes){content, 1 << 20};
		if (cache_put(store, &parts, NULL) != STORE_YES)
			break;
		held[count] = find_url(store, url);
	}
	assert_in_range(count, 2, 4); /* 4 MiB, less the fixed tables */
	assert_int_equal(cache_put(store, &parts, NULL), STORE_NO_SPACE);
	assert_true(has_url(store, "http://a/0"));

	for (int i = 0; i < count; i++)
		cache_release(store, held[i].object);
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	cache_stats(store, &stats);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	free(content);
	end_store(store);
}

static void a_cache_within_a_total_gives_way_to_others(void **state)
{
	struct budget total = {.max = 3 << 20}; /* less than the store's own */
	struct cache_config config = small_config();
	struct cache_store *store = NULL;
	struct object_parts parts;
	char *content = calloc(1, 10000), url[64];

	config.total = &total;
	assert_int_equal(cache_store_new(&config, &store), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		parts = parts_of(store, url, "");
		parts.content = (struct bytes){content, 10000};
		assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	}
	assert_true(total.peak <= total.max);
	assert_false(budget_take(&total, 1 << 20));
	assert_true(cache_make_room(store, 1 << 20));
	assert_true(budget_take(&total, 1 << 20));
	assert_false(cache_make_room(store, 3 << 20));
	assert_false(cache_make_room(store, (3 << 20) + 1));
	budget_give(&total, 1 << 20);
	free(content);
	cache_store_free(store);
	assert_int_equal(total.used, 0);
}

static void an_update_keeps_body_tags_and_standing_and_takes_the_new_head(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "", "body"), news = parts_of(store, "", "");
	struct cache_key key = key_with("http://a/\nhx=1", 9);
	struct tag_list tags = {0};
	struct cache_found before, after;

	cache_tags_split(store, BYTES("t"), false, &tags);
	parts.key = key;
	assert_int_equal(cache_put(store, &parts, &tags), STORE_YES);
	before = find_key(store, &key, NO_FIELDS);
	news.head = BYTES("HTTP/1.1 200 OK\r\nETag: \"a\"\r\n");
	news.etag = (struct bytes){news.head.at + 23, 3};
	assert_int_equal(cache_update(store, before.object, &news, NULL), STORE_YES);
	after = find_key(store, &key, NO_FIELDS);

	assert_ptr_not_equal(after.object, before.object);
	assert_content(after.object, "body");
	assert_bytes(object_validators(after.object).etag, "\"a\"");
	assert_true(after.is_hot);
	cache_release(store, before.object);
	cache_release(store, after.object);
	cache_purge_tag(store, tags.id[0], PURGE_HARD);
	assert_null(find_key(store, &key, NO_FIELDS).object);
	end_store(store);
}

static void a_claim_is_given_once_until_it_ends(void **state)
{
	struct cache_store *store = new_store();
	struct cache_found found;

	put(store, "http://a/", "x");
	found = find_url(store, "http://a/");
	assert_true(object_claim(found.object, 10, 20));
	assert_false(object_claim(found.object, 19, 30));
	assert_true(object_claim(found.object, 20, 30));
	object_unclaim(found.object, 22);
	assert_false(object_claim(found.object, 21, 30));
	assert_true(object_claim(found.object, 22, 30));
	cache_release(store, found.object);
	end_store(store);
}

static void it_is_hot_from_the_second_time_on(void **state)
{
	struct cache_store *store = new_store();
	struct cache_found found;

	put(store, "http://a/", "x");
	found = find_url(store, "http://a/");
	assert_false(found.is_hot);
	cache_release(store, found.object);
	found = find_url(store, "http://a/");
	assert_true(found.is_hot);
	cache_release(store, found.object);
	end_store(store);
}

static void a_store_below_the_minimum_or_with_odd_shards_is_refused(void **state)
{
	struct cache_config config = small_config();
	struct cache_store *store = NULL;

	config.max_bytes = CACHE_BYTES_MIN - 1;
	assert_int_equal(cache_store_new(&config, &store), -EINVAL);
	config = small_config();
	config.shards = 3;
	assert_int_equal(cache_store_new(&config, &store), -EINVAL);
	config = small_config();
	config.window = 3 * CONTENT_CHUNK_MAX - 1;
	assert_int_equal(cache_store_new(&config, &store), -EINVAL);
	assert_null(store);
}

static void a_large_body_keeps_its_chunks_and_comes_out_whole(void **state)
{
	struct cache_config config = small_config();
	struct cache_store *store = NULL;
	struct object_parts parts;
	struct cache_found found;
	struct iovec slices[64];
	uint64_t len = 0;
	char *content = malloc(3 << 20);
	struct fill_request req = {.now_ns = 1, .join_within_ns = SEC};
	struct cache_key key = key_of("http://a/big");
	struct fill_answer answer = {.may_store = true};
	struct fill *fill = NULL;
	int count;

	config.max_bytes = 16 << 20;
	config.object_max = 8 << 20;
	assert_int_equal(cache_store_new(&config, &store), 0);
	for (size_t i = 0; i < 3 << 20; i++)
		content[i] = (char)(i * 31 >> 7);
	req.query = (struct cache_query){&key, cache_hash(store, &key), NO_FIELDS};
	assert_int_equal(fill_join(store, &req, NULL, &fill), FILL_LEADS);
	parts = parts_of(store, "http://a/big", "");
	answer.parts = parts;
	assert_int_equal(fill_publish(fill, &answer), 0);
	assert_int_equal(fill_append(fill, (struct bytes){content, 3 << 20}), 3 << 20);
	assert_int_equal(fill_finish(fill), STORE_YES);

	found = find_url(store, "http://a/big");
	assert_non_null(found.object->body);
	while ((count = object_slices(found.object, len, slices, 7)) > 0)
		for (int i = 0; i < count; i++) {
			assert_true(slices[i].iov_len > 0);
			assert_memory_equal(slices[i].iov_base, content + len, slices[i].iov_len);
			len += slices[i].iov_len;
		}
	assert_int_equal(len, 3 << 20);
	cache_release(store, found.object);
	free(content);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_stored_is_found_with_its_head_and_content),
		cmocka_unit_test(other_keys_are_not_found),
		cmocka_unit_test(equal_hashes_do_not_make_keys_equal),
		cmocka_unit_test(a_key_whose_dimensions_spell_another_url_is_another_key),
		cmocka_unit_test(a_second_response_takes_the_place_of_the_first),
		cmocka_unit_test(all_memory_is_given_back_when_the_last_holder_lets_go),
		cmocka_unit_test(an_object_costs_at_most_256_bytes_above_key_head_and_content),
		cmocka_unit_test(a_body_above_the_limit_is_refused_and_one_at_the_limit_is_not),
		cmocka_unit_test(the_budget_holds_while_ten_times_as_much_is_stored),
		cmocka_unit_test(
			what_is_held_is_not_evicted_and_newcomers_are_refused_when_all_is_held),
		cmocka_unit_test(a_cache_within_a_total_gives_way_to_others),
		cmocka_unit_test(an_update_keeps_body_tags_and_standing_and_takes_the_new_head),
		cmocka_unit_test(a_claim_is_given_once_until_it_ends),
		cmocka_unit_test(it_is_hot_from_the_second_time_on),
		cmocka_unit_test(a_store_below_the_minimum_or_with_odd_shards_is_refused),
		cmocka_unit_test(a_large_body_keeps_its_chunks_and_comes_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
