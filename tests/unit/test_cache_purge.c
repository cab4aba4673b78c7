/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_fixture.h"

#include <errno.h>
#include <stdlib.h>

static const struct bytes no_scope = {NULL, 0};

static void put(struct cache_store *store, const char *url)
{
	struct object_parts parts = parts_of(store, url, "content");

	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
}

static void put_tagged(struct cache_store *store, const char *url, const char *tags_text)
{
	struct object_parts parts = parts_of(store, url, "content");
	struct tag_list tags = {0};

	cache_tags_split(store, bytes_of(tags_text), false, &tags);
	assert_int_equal(cache_put(store, &parts, &tags), STORE_YES);
}

static struct tag_id tag(struct cache_store *store, const char *name)
{
	return cache_tag_id(store, TAG_NAMED, no_scope, bytes_of(name));
}

static bool is_soft(struct cache_store *store, const char *url)
{
	struct cache_found found = find_url(store, url);

	assert_non_null(found.object);
	cache_release(store, found.object);
	return found.is_soft_purged;
}

static void purging_a_url_takes_it_and_not_its_neighbours(void **state)
{
	struct cache_store *store = new_store();

	put(store, "http://a/x");
	put(store, "http://a/x/y");
	put(store, "http://a/x?q");
	assert_int_equal(cache_purge_url(store, BYTES("http://a/x"), PURGE_HARD), 1);

	assert_false(has_url(store, "http://a/x"));
	assert_true(has_url(store, "http://a/x/y"));
	assert_true(has_url(store, "http://a/x?q"));
	end_store(store);
}

static void purging_a_url_takes_all_its_variants_and_dimensions(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "http://a/", "v");
	struct cache_key first = key_with("http://a/\nhuser=1", 9);
	struct cache_key second = key_with("http://a/\nhuser=2", 9);
	struct cache_key other = key_with("http://b/\nhuser=1", 9);

	parts.selector = BYTES("x:1\n");
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	parts.selector = BYTES("x:2\n");
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	parts.selector = no_scope;
	parts.key = first;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	parts.key = second;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);
	parts.key = other;
	assert_int_equal(cache_put(store, &parts, NULL), STORE_YES);

	assert_int_equal(cache_purge_url(store, BYTES("http://a/"), PURGE_HARD), 2);
	assert_null(find_key(store, &first, NO_FIELDS).object);
	assert_null(find_key(store, &second, NO_FIELDS).object);
	cache_release(store, find_key(store, &other, NO_FIELDS).object);
	assert_int_equal(cache_purge_url(store, BYTES("http://b/"), PURGE_HARD), 0);
	assert_null(find_key(store, &other, NO_FIELDS).object);
	end_store(store);
}

static void purging_a_tag_takes_what_has_it_and_nothing_else(void **state)
{
	struct cache_store *store = new_store();

	put_tagged(store, "http://a/1", "users posts");
	put_tagged(store, "http://a/2", "posts");
	put_tagged(store, "http://a/3", "user");
	cache_purge_tag(store, tag(store, "users"), PURGE_HARD);

	assert_false(has_url(store, "http://a/1"));
	assert_true(has_url(store, "http://a/2"));
	assert_true(has_url(store, "http://a/3"));
	end_store(store);
}

/* One number changes, however many have the tag: they are met, and given back, later. */
static void purging_a_tag_touches_none_of_what_has_it_and_none_of_it_is_found(void **state)
{
	struct cache_store *store = new_store();
	struct cache_stats before, after;
	char url[64];

	for (int i = 0; i < 500; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		put_tagged(store, url, "users");
	}
	cache_stats(store, &before);
	cache_purge_tag(store, tag(store, "users"), PURGE_HARD);
	cache_stats(store, &after);
	assert_int_equal(before.objects, 500);
	assert_int_equal(after.objects, 500);
	assert_int_equal(after.used_bytes, before.used_bytes);

	for (int i = 0; i < 500; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		assert_false(has_url(store, url));
	}
	end_store(store);
}

static void what_is_forgotten_is_found_no_more_and_what_took_its_place_is(void **state)
{
	struct cache_store *store = new_store();
	struct cache_object *first, *second;

	put(store, "http://a/1");
	first = find_url(store, "http://a/1").object;
	put(store, "http://a/1");
	second = find_url(store, "http://a/1").object;
	cache_forget(store, first); /* which had been replaced */
	assert_true(has_url(store, "http://a/1"));
	cache_forget(store, second);
	assert_false(has_url(store, "http://a/1"));
	cache_forget(store, second);
	cache_release(store, first);
	cache_release(store, second);
	end_store(store);
}

static void what_is_stored_after_a_purge_of_its_tag_stays(void **state)
{
	struct cache_store *store = new_store();

	put_tagged(store, "http://a/1", "users");
	cache_purge_tag(store, tag(store, "users"), PURGE_HARD);
	put_tagged(store, "http://a/1", "users");
	assert_true(has_url(store, "http://a/1"));
	end_store(store);
}

static void a_tag_of_one_kind_or_scope_is_not_that_of_another(void **state)
{
	struct cache_store *store = new_store();

	put_tagged(store, "http://a/1", "users");
	cache_purge_tag(store, cache_tag_id(store, TAG_GROUP, no_scope, BYTES("users")),
			PURGE_HARD);
	cache_purge_tag(store, cache_tag_id(store, TAG_NAMED, BYTES("http://b"), BYTES("users")),
			PURGE_HARD);
	assert_true(has_url(store, "http://a/1"));
	end_store(store);
}

static void a_soft_purge_leaves_it_stale_and_a_hard_one_takes_it(void **state)
{
	struct cache_store *store = new_store();

	put_tagged(store, "http://a/1", "users");
	put(store, "http://a/2");
	put(store, "http://a/3");
	cache_purge_tag(store, tag(store, "users"), PURGE_SOFT);
	cache_purge_url(store, BYTES("http://a/2"), PURGE_SOFT);

	assert_true(is_soft(store, "http://a/1"));
	assert_true(is_soft(store, "http://a/2"));
	assert_false(is_soft(store, "http://a/3"));
	cache_purge_all(store, PURGE_SOFT);
	assert_true(is_soft(store, "http://a/3"));
	cache_purge_tag(store, tag(store, "users"), PURGE_HARD);
	assert_false(has_url(store, "http://a/1"));
	end_store(store);
}

static void purging_all_leaves_nothing_to_find(void **state)
{
	struct cache_store *store = new_store();

	put(store, "http://a/1");
	put_tagged(store, "http://a/2", "x");
	cache_purge_all(store, PURGE_HARD);
	assert_false(has_url(store, "http://a/1"));
	assert_false(has_url(store, "http://a/2"));
	put(store, "http://a/1");
	assert_true(has_url(store, "http://a/1"));
	end_store(store);
}

/* Each purge, made between the begin of a fetch and its end, and one that does not concern it. */
static void overtake(struct cache_store *store, int how)
{
	uint64_t count;
	struct url_pattern prefix = {BYTES("http://a/u"), false},
			   other = {BYTES("http://b"), false};

	switch (how) {
	case 0:
		cache_purge_url(store, BYTES("http://a/users"), PURGE_HARD);
		return;
	case 1:
		cache_purge_url(store, BYTES("http://a/users"), PURGE_SOFT);
		return;
	case 2:
		cache_purge_tag(store, tag(store, "users"), PURGE_HARD);
		return;
	case 3:
		cache_purge_all(store, PURGE_HARD);
		return;
	case 4:
		cache_purge_pattern(store, &prefix, PURGE_HARD, &count);
		return;
	case 5:
		cache_purge_pattern(store, &other, PURGE_HARD, &count);
		cache_purge_url(store, BYTES("http://a/user"), PURGE_HARD);
		cache_purge_tag(store, tag(store, "user"), PURGE_HARD);
		return;
	}
}

static enum store_verdict fetch_during(int how)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "http://a/users", "old");
	struct tag_list tags = {0};
	enum store_verdict verdict;

	cache_tags_split(store, BYTES("x users"), false, &tags);
	overtake(store, how);
	verdict = cache_put(store, &parts, &tags);
	assert_int_equal(has_url(store, "http://a/users"), verdict == STORE_YES);
	end_store(store);
	return verdict;
}

static void a_fetch_overtaken_by_a_purge_that_covers_it_is_not_stored(void **state)
{
	for (int how = 0; how <= 4; how++)
		assert_int_equal(fetch_during(how), STORE_OVERTAKEN);
}

static void a_fetch_overtaken_by_purges_of_other_things_is_stored(void **state)
{
	assert_int_equal(fetch_during(5), STORE_YES);
}

static void the_65th_tag_means_not_stored(void **state)
{
	struct cache_store *store = new_store();
	struct object_parts parts = parts_of(store, "http://a/", "x");
	struct tag_list tags = {0};
	char name[16];

	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		cache_tags_split(store, bytes_of(name), true, &tags);
	}
	assert_int_equal(cache_put(store, &parts, &tags), STORE_YES);
	cache_tags_split(store, BYTES("t0"), true, &tags); /* one it has already */
	assert_int_equal(cache_put(store, &parts, &tags), STORE_YES);
	cache_tags_split(store, BYTES("t64"), true, &tags);
	assert_int_equal(cache_put(store, &parts, &tags), STORE_TOO_MANY_TAGS);
	end_store(store);
}

static void distinct_tags_are_bounded_and_come_free_with_their_objects(void **state)
{
	struct cache_store *store = new_store(); /* tags_max is 1000 */
	struct object_parts parts;
	struct tag_list tags;
	struct cache_stats stats;
	char text[32];

	for (int i = 0; i <= 1000; i++) {
		snprintf(text, sizeof(text), "http://a/%d", i);
		parts = parts_of(store, text, "x");
		tags = (struct tag_list){0};
		cache_tags_split(store, bytes_of(text), false, &tags);
		assert_int_equal(cache_put(store, &parts, &tags),
				 i < 1000 ? STORE_YES : STORE_TOO_MANY_TAGS);
	}
	cache_purge_url(store, BYTES("http://a/0"), PURGE_HARD);
	assert_int_equal(cache_put(store, &parts, &tags), STORE_YES);
	cache_stats(store, &stats);
	assert_int_equal(stats.tags, 1000);
	end_store(store);
}

static void tag_values_are_split_as_their_field_has_it(void **state)
{
	struct cache_store *store = new_store();
	struct tag_list blanks = {0}, commas = {0};

	cache_tags_split(store, BYTES("  a  b\tc,d "), false, &blanks);
	assert_int_equal(blanks.count, 3);
	cache_tags_split(store, BYTES(" a b , c,, d ,"), true, &commas);
	assert_int_equal(commas.count, 3);
	assert_int_equal(blanks.id[0].word[0], tag(store, "a").word[0]);
	assert_int_equal(commas.id[1].word[1], tag(store, "c").word[1]);
	end_store(store);
}

static void a_sweep_gives_back_what_a_purge_by_tag_left(void **state)
{
	struct cache_store *store = new_store();
	struct cache_stats stats;
	uint64_t cursor = 0;

	put_tagged(store, "http://a/1", "x");
	put(store, "http://a/2");
	cache_purge_tag(store, tag(store, "x"), PURGE_HARD);
	assert_int_equal(cache_sweep(store, &cursor, 4 * 64), 1);
	cache_stats(store, &stats);
	assert_int_equal(stats.objects, 1);
	assert_int_equal(cache_sweep(store, &cursor, 4 * 64), 0);
	end_store(store);
}

static void count_objects(void *context, const struct cache_object *object)
{
	*(int *)context += object->status == 200;
}

static void a_walk_shows_what_lives(void **state)
{
	struct cache_store *store = new_store();
	int count = 0;

	put(store, "http://a/1");
	put(store, "http://a/2");
	put_tagged(store, "http://a/3", "gone");
	cache_purge_tag(store, tag(store, "gone"), PURGE_HARD);
	cache_each(store, count_objects, &count);
	assert_int_equal(count, 2);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purging_a_url_takes_it_and_not_its_neighbours),
		cmocka_unit_test(purging_a_url_takes_all_its_variants_and_dimensions),
		cmocka_unit_test(purging_a_tag_takes_what_has_it_and_nothing_else),
		cmocka_unit_test(purging_a_tag_touches_none_of_what_has_it_and_none_of_it_is_found),
		cmocka_unit_test(what_is_forgotten_is_found_no_more_and_what_took_its_place_is),
		cmocka_unit_test(what_is_stored_after_a_purge_of_its_tag_stays),
		cmocka_unit_test(a_tag_of_one_kind_or_scope_is_not_that_of_another),
		cmocka_unit_test(a_soft_purge_leaves_it_stale_and_a_hard_one_takes_it),
		cmocka_unit_test(purging_all_leaves_nothing_to_find),
		cmocka_unit_test(a_fetch_overtaken_by_a_purge_that_covers_it_is_not_stored),
		cmocka_unit_test(a_fetch_overtaken_by_purges_of_other_things_is_stored),
		cmocka_unit_test(the_65th_tag_means_not_stored),
		cmocka_unit_test(distinct_tags_are_bounded_and_come_free_with_their_objects),
		cmocka_unit_test(tag_values_are_split_as_their_field_has_it),
		cmocka_unit_test(a_sweep_gives_back_what_a_purge_by_tag_left),
		cmocka_unit_test(a_walk_shows_what_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
