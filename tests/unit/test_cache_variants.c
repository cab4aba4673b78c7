/* SPDX-License-Identifier: BSD-2-Clause */
/* Responses of one key that differ by what Vary names. */
#include "cache_fixture.h"

#include <stdlib.h>

#include "cache/vary.h"
#include "message_input.h"

static struct object_parts variant(struct cache_store *store, const char *selector)
{
	struct object_parts parts = parts_of(store, "http://a/", selector);

	parts.selector = bytes_of(selector);
	return parts;
}

static void each_variant_is_found_by_the_requests_it_was_made_for(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts gzip = variant(store, "accept-encoding:gzip\n");
	struct object_parts plain = variant(store, "accept-encoding\n");
	struct cache_key key = key_of("http://a/");
	struct cache_found found;

	cache_put(store, &gzip, NULL);
	cache_put(store, &plain, NULL);

	found = find_key(store, &key, fields_with("Accept-Encoding: gzip\r\n"));
	assert_content(found.object, "accept-encoding:gzip\n");
	cache_release(store, found.object);
	found = find_key(store, &key, fields_with(""));
	assert_content(found.object, "accept-encoding\n");
	cache_release(store, found.object);
	found = find_key(store, &key, fields_with("Accept-Encoding: br\r\n"));
	assert_null(found.object);
	assert_true(found.has_other_variants);
	end_store(store);
}

static void find_most_recent(struct cache_store *store, uint64_t x_ns, uint64_t y_ns,
			     const char *want)
{
	struct object_parts x = variant(store, "x:1\n"), y = variant(store, "y:2\n");
	struct cache_key key = key_of("http://a/");
	struct cache_found found;

	x.stored_ns = x_ns;
	y.stored_ns = y_ns;
	cache_put(store, &x, NULL);
	cache_put(store, &y, NULL);
	found = find_key(store, &key, fields_with("X: 1\r\nY: 2\r\n"));
	assert_content(found.object, want);
	cache_release(store, found.object);
}

static void of_two_that_match_the_more_recent_is_found(void **state)
{
	struct cache_store *store = new_store();

	find_most_recent(store, 1 * SEC, 2 * SEC, "y:2\n");
	find_most_recent(store, 4 * SEC, 3 * SEC, "x:1\n");
	end_store(store);
}

static void the_17th_variant_is_refused_unless_one_has_expired(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts;
	struct cache_stats stats;
	char selector[32];

	for (int i = 0; i < 16; i++) {
		snprintf(selector, sizeof(selector), "x:%d\n", i);
		parts = variant(store, selector);
		assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	}
	parts = variant(store, "x:16\n");
	parts.stored_ns = 60 * SEC - 1;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_TOO_MANY_VARIANTS);
	parts.stored_ns = 60 * SEC;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	cache_stats(store, &stats);
	assert_int_equal(stats.objects, 16);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_variant_is_found_by_the_requests_it_was_made_for),
		cmocka_unit_test(of_two_that_match_the_more_recent_is_found),
		cmocka_unit_test(the_17th_variant_is_refused_unless_one_has_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
