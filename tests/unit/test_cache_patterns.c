/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges by prefix and by pattern: what they take, and what is no pattern. */
#include "cache_fixture.h"

#include <errno.h>

static void put(struct cache_store *store, const char *url)
{
	struct object_parts parts = parts_of(store, url, "content");

	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
}

static uint64_t purge_pattern(struct cache_store *store, const char *text, bool is_glob)
{
	struct url_pattern pattern = {bytes_of(text), is_glob};
	uint64_t count = 0;

	assert_int_equal(cache_purge_pattern(store, &pattern, PURGE_HARD, &count), 0);
	return count;
}

static void a_prefix_takes_all_that_begin_with_it_literally(void **state)
{
	struct cache_store *store = new_store();
	char url[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(url, sizeof(url), "http://a/%s/%d", i % 2 ? "users" : "posts", i);
		put(store, url);
	}
	assert_int_equal(purge_pattern(store, "http://a/users/", false), 500);
	assert_false(has_url(store, "http://a/users/1"));
	assert_true(has_url(store, "http://a/posts/2"));
	assert_int_equal(purge_pattern(store, "http://a/p*", false), 0);
	end_store(store);
}

static void a_glob_takes_what_it_matches(void **state)
{
	struct cache_store *store = new_store();

	put(store, "http://a/users/1.json");
	put(store, "http://a/users/22.json");
	put(store, "http://a/users/1.xml");
	assert_int_equal(purge_pattern(store, "http://a/users/?.json", true), 1);
	assert_int_equal(purge_pattern(store, "*.json", true), 1);
	assert_true(has_url(store, "http://a/users/1.xml"));
	end_store(store);
}

static void globs_match_as_people_expect(void **state)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} cases[] = {
		{"*", "", true},	  {"a*b", "ab", true},	    {"a*b", "a/x/b", true},
		{"a*b", "abc", false},	  {"a*b*c", "abbbc", true}, {"a?c", "ac", false},
		{"**a", "bba", true},	  {"abc", "ab", false},	    {"ab", "abc", false},
		{"*ab*ab", "abab", true}, {"*ab*ab", "ab", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct url_pattern pattern = {bytes_of(cases[i].glob), true};

		assert_int_equal(url_pattern_matches(&pattern, bytes_of(cases[i].text)),
				 cases[i].matches);
	}
}

static void a_pattern_that_is_empty_or_too_long_is_refused(void **state)
{
	struct cache_store *store = new_store();
	char text[PATTERN_LEN_MAX + 1];
	struct url_pattern pattern = {{text, sizeof(text)}, false};
	uint64_t count = 7;

	memset(text, 'a', sizeof(text));
	assert_int_equal(cache_purge_pattern(store, &pattern, PURGE_HARD, &count), -EINVAL);
	pattern.text.len--;
	assert_int_equal(cache_purge_pattern(store, &pattern, PURGE_HARD, &count), 0);
	pattern.text.len = 0;
	assert_int_equal(cache_purge_pattern(store, &pattern, PURGE_HARD, &count), -EINVAL);
	end_store(store);
}

static void a_fetch_overtaken_by_more_patterns_than_are_kept_is_not_stored(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "http://a/", "old");

	for (int i = 0; i < PATTERNS_KEPT - 1; i++)
		purge_pattern(store, "http://other", false);
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	purge_pattern(store, "http://other", false);
	assert_int_equal(cache_put(store, &parts, NULL), STORE_OVERTAKEN);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_takes_all_that_begin_with_it_literally),
		cmocka_unit_test(a_glob_takes_what_it_matches),
		cmocka_unit_test(globs_match_as_people_expect),
		cmocka_unit_test(a_pattern_that_is_empty_or_too_long_is_refused),
		cmocka_unit_test(a_fetch_overtaken_by_more_patterns_than_are_kept_is_not_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
