/* SPDX-License-Identifier: BSD-2-Clause */
/* Fetches that are overtaken, that nobody waits for, or that fail. */
#include "fill_fixture.h"

static void a_fill_overtaken_by_a_purge_serves_its_readers_and_is_not_stored(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct fill *fill = NULL;

	join(store, "http://a/", &client, &fill);
	cache_purge_url(store, BYTES("http://a/"), PURGE_HARD);
	publish(store, fill);
	fill_append(fill, BYTES("old"));
	assert_int_equal(fill_finish(fill), STORE_OVERTAKEN);
	assert_reads(&client, "old");
	fill_leave(&client.waiter);
	assert_false(has_url(store, "http://a/"));
	end_store(store);
}

static void who_asks_after_a_purge_does_not_join_a_fetch_from_before_it(void **state)
{
	struct cache_store *store = new_store();
	struct client before = CLIENT, after = CLIENT, later = CLIENT;
	struct fill *old = NULL, *fresh = NULL;

	join(store, "http://a/", &before, &old);
	cache_purge_url(store, BYTES("http://b/"), PURGE_HARD); /* another one */
	assert_int_equal(join(store, "http://a/", &later, NULL), FILL_JOINED);
	fill_leave(&later.waiter);
	cache_purge_url(store, BYTES("http://a/"), PURGE_HARD);
	assert_int_equal(join(store, "http://a/", &after, &fresh), FILL_LEADS);
	assert_int_equal(join(store, "http://a/", &later, NULL), FILL_JOINED);
	assert_ptr_equal(later.waiter.fill, fresh);

	publish(store, old);
	publish(store, fresh);
	assert_int_equal(fill_finish(old), STORE_OVERTAKEN);
	assert_int_equal(fill_finish(fresh), STORE_YES);
	fill_leave(&before.waiter);
	fill_leave(&after.waiter);
	fill_leave(&later.waiter);
	end_store(store);
}

static void who_joined_after_a_purge_by_a_tag_learns_that_the_answer_has_it(void **state)
{
	struct cache_store *store = new_store();
	struct client before = CLIENT, after = CLIENT, next = CLIENT;
	struct fill_answer answer = answer_of(store);
	struct fill *fill = NULL, *fresh = NULL;

	cache_tags_split(store, BYTES("news"), false, &answer.tags);
	join(store, "http://a/", &before, &fill);
	cache_purge_tag(store, answer.tags.id[0], PURGE_SOFT);
	assert_int_equal(join(store, "http://a/", &after, NULL), FILL_JOINED);
	assert_int_equal(fill_publish(fill, &answer), 0);
	assert_false(fill_look(&before.waiter).is_late);
	assert_true(fill_look(&after.waiter).is_late);
	/* Now that its tags are known nobody joins it any more. */
	assert_int_equal(join(store, "http://a/", &next, &fresh), FILL_LEADS);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_fail(fresh, FILL_NO_ANSWER);
	fill_leave(&before.waiter);
	fill_leave(&after.waiter);
	fill_leave(&next.waiter);
	end_store(store);
}

static void a_tag_purged_that_the_answer_has_not_makes_nobody_late(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT;
	struct tag_list other = {.count = 0};
	struct fill *fill = NULL;

	cache_tags_split(store, BYTES("other"), false, &other);
	join(store, "http://a/", &first, &fill);
	cache_purge_tag(store, other.id[0], PURGE_HARD);
	join(store, "http://a/", &second, NULL);
	publish(store, fill);
	assert_false(fill_look(&second.waiter).is_late);
	assert_int_equal(fill_finish(fill), STORE_YES);
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);
	end_store(store);
}

/* As many as a busy API changes while one slow answer comes. */
static void a_thousand_purges_of_others_do_not_keep_a_fetch_from_being_stored(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct fill *fill = NULL;
	char url[32];

	join(store, "http://a/", &client, &fill);
	for (int i = 0; i < 1000; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		cache_purge_url(store, bytes_of(url), PURGE_HARD);
	}
	publish(store, fill);
	assert_int_equal(fill_finish(fill), STORE_YES);
	fill_leave(&client.waiter);
	end_store(store);
}

static void a_purge_is_never_forgotten_however_many_follow_it(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct fill *fill = NULL;
	char url[32];

	join(store, "http://a/", &client, &fill);
	cache_purge_url(store, BYTES("http://a/"), PURGE_HARD);
	for (int i = 0; i < 100000; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		cache_purge_url(store, bytes_of(url), PURGE_HARD);
	}
	publish(store, fill);
	assert_int_equal(fill_finish(fill), STORE_OVERTAKEN);
	fill_leave(&client.waiter);
	end_store(store);
}

static void a_refresh_without_a_waiter_leads_or_learns_that_somebody_does(void **state)
{
	struct cache_store *store = new_store();
	struct cache_key key = key_of("http://a/");
	struct fill_request req = {.query = {&key, cache_hash(store, &key), NO_FIELDS}};
	struct client client = CLIENT;
	struct fill *fill = NULL, *none = NULL;

	assert_int_equal(fill_join(store, &req, NULL, &fill), FILL_LEADS);
	assert_int_equal(fill_join(store, &req, NULL, &none), FILL_JOINED);
	assert_null(none);
	assert_int_equal(join(store, "http://a/", &client, NULL), FILL_JOINED);
	fill_leave(&client.waiter);
	publish(store, fill);
	assert_true(fill_is_wanted(fill)); /* by the store */
	assert_int_equal(fill_finish(fill), STORE_YES);
	end_store(store);
}

/* Whoever invents values of a Vary field makes nobody look through all of their fetches. */
static void fetches_of_one_key_that_may_be_joined_are_bounded(void **state)
{
	struct cache_store *store = new_store();
	struct fill_answer answer = answer_of(store);
	struct client clients[17];
	struct fill *fills[17];

	answer.parts.selector = BYTES("x:1\n"); /* of none of them */
	for (int i = 0; i < 17; i++) {
		clients[i] = CLIENT;
		assert_int_equal(join(store, "http://a/", &clients[i], &fills[i]),
				 i < 16 ? FILL_LEADS : FILL_ALONE);
		assert_int_equal(fill_publish(fills[i], &answer), 0);
	}
	for (int i = 0; i < 17; i++) {
		fill_fail(fills[i], FILL_NO_ANSWER);
		fill_leave(&clients[i].waiter);
	}
	assert_int_equal(join(store, "http://a/", &clients[0], &fills[0]), FILL_LEADS);
	fill_fail(fills[0], FILL_NO_ANSWER);
	fill_leave(&clients[0].waiter);
	end_store(store);
}

static void waiters_learn_why_there_is_no_answer(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT;
	struct fill *fill = NULL;

	join(store, "http://a/", &first, &fill);
	join(store, "http://a/", &second, NULL);
	fill_fail(fill, FILL_ERROR_STATUS);
	assert_int_equal(fill_look(&second.waiter).failure, FILL_ERROR_STATUS);
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fill_overtaken_by_a_purge_serves_its_readers_and_is_not_stored),
		cmocka_unit_test(who_asks_after_a_purge_does_not_join_a_fetch_from_before_it),
		cmocka_unit_test(who_joined_after_a_purge_by_a_tag_learns_that_the_answer_has_it),
		cmocka_unit_test(a_tag_purged_that_the_answer_has_not_makes_nobody_late),
		cmocka_unit_test(a_thousand_purges_of_others_do_not_keep_a_fetch_from_being_stored),
		cmocka_unit_test(a_purge_is_never_forgotten_however_many_follow_it),
		cmocka_unit_test(a_refresh_without_a_waiter_leads_or_learns_that_somebody_does),
		cmocka_unit_test(fetches_of_one_key_that_may_be_joined_are_bounded),
		cmocka_unit_test(waiters_learn_why_there_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
