/* SPDX-License-Identifier: BSD-2-Clause */
#include "fill_fixture.h"

#include <errno.h>
#include <stdlib.h>

#include "message_input.h"

static void the_first_leads_and_the_second_joins(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT, other = CLIENT;
	struct fill *fill = NULL, *others = NULL;

	assert_int_equal(join(store, "http://a/", &first, &fill), FILL_LEADS);
	assert_int_equal(join(store, "http://a/", &second, NULL), FILL_JOINED);
	assert_int_equal(join(store, "http://b/", &other, &others), FILL_LEADS);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_fail(others, FILL_NO_ANSWER);
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);
	fill_leave(&other.waiter);
	end_store(store);
}

static void all_read_what_arrives_while_it_arrives(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT, late = CLIENT;
	struct fill *fill = NULL;
	struct fill_view view;

	join(store, "http://a/", &first, &fill);
	join(store, "http://a/", &second, NULL);
	publish(store, fill);
	assert_int_equal(fill_append(fill, BYTES("one ")), 4);
	assert_reads(&first, "one ");
	assert_int_equal(join(store, "http://a/", &late, NULL), FILL_JOINED);
	fill_append(fill, BYTES("two"));
	assert_reads(&first, "two");
	assert_reads(&late, "one two");

	assert_int_equal(fill_finish(fill), STORE_YES);
	view = fill_look(&second.waiter);
	assert_int_equal(view.state, FILL_DONE);
	assert_false(fill_is_read(&second.waiter, &view));
	assert_reads(&second, "one two");
	assert_true(fill_is_read(&second.waiter, &view));
	assert_true(has_url(store, "http://a/"));
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);
	fill_leave(&late.waiter);
	end_store(store);
}

static void a_waiter_is_woken_once_until_it_looks(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct fill *fill = NULL;

	join(store, "http://a/", &client, &fill);
	publish(store, fill);
	fill_append(fill, BYTES("x"));
	assert_int_equal(client.woken, 1);
	assert_int_equal(fill_look(&client.waiter).state, FILL_OPEN);
	fill_append(fill, BYTES("y"));
	assert_int_equal(client.woken, 2);
	fill_look(&client.waiter);
	fill_finish(fill);
	assert_int_equal(client.woken, 3);
	fill_leave(&client.waiter);
	end_store(store);
}

static void who_left_is_not_woken(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT;
	struct fill *fill = NULL;

	join(store, "http://a/", &first, &fill);
	join(store, "http://a/", &second, NULL);
	fill_leave(&second.waiter);
	publish(store, fill);
	assert_int_equal(first.woken, 1);
	assert_int_equal(second.woken, 0);
	fill_finish(fill);
	fill_leave(&first.waiter);
	end_store(store);
}

static void a_released_fill_sends_all_away_and_nobody_waits_for_the_key_for_a_while(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT, third = CLIENT;
	struct cache_key key = key_of("http://a/");
	struct fill *fill = NULL, *alone = NULL;

	join_at(store, &key, &first, &fill, 1 * SEC);
	join_at(store, &key, &second, NULL, 1 * SEC);
	fill_release(fill, true, 1 * SEC); /* refused_for_ns is 10 s */
	assert_int_equal(fill_look(&second.waiter).state, FILL_RELEASED);
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);

	assert_int_equal(join_at(store, &key, &third, &alone, 11 * SEC - 1), FILL_ALONE);
	fill_release(alone, false, 0);
	fill_leave(&third.waiter);
	assert_int_equal(join_at(store, &key, &third, &fill, 11 * SEC), FILL_LEADS);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_leave(&third.waiter);
	end_store(store);
}

static void an_alone_fetch_may_still_be_stored(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct cache_key key = key_of("http://a/");
	struct fill *fill = NULL;

	join_at(store, &key, &client, &fill, 1 * SEC);
	fill_release(fill, true, 1 * SEC);
	fill_leave(&client.waiter);
	assert_int_equal(join_at(store, &key, &client, &fill, 2 * SEC), FILL_ALONE);
	publish(store, fill);
	fill_append(fill, BYTES("x"));
	assert_int_equal(fill_finish(fill), STORE_YES);
	fill_leave(&client.waiter);
	assert_true(has_url(store, "http://a/"));
	end_store(store);
}

static void a_failed_fill_stores_nothing_and_leaves_what_was_read(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct cache_stats stats;
	struct fill *fill = NULL;

	join(store, "http://a/", &client, &fill);
	publish(store, fill);
	fill_append(fill, BYTES("half"));
	fill_fail(fill, FILL_NO_ANSWER);
	cache_stats(store, &stats);
	assert_int_equal(stats.verdict[STORE_INCOMPLETE], 1);
	assert_int_equal(fill_look(&client.waiter).state, FILL_FAILED);
	assert_reads(&client, "half");
	fill_leave(&client.waiter);
	assert_false(has_url(store, "http://a/"));
	end_store(store);
}

static void the_ninth_waiter_goes_alone(void **state)
{
	struct cache_store *store = new_store(); /* waiters_max is 8 */
	struct client clients[9];
	struct fill *fill = NULL, *alone = NULL;

	for (int i = 0; i < 8; i++) {
		clients[i] = CLIENT;
		assert_int_equal(join(store, "http://a/", &clients[i], &fill),
				 i ? FILL_JOINED : FILL_LEADS);
	}
	clients[8] = CLIENT;
	assert_int_equal(join(store, "http://a/", &clients[8], &alone), FILL_ALONE);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_fail(alone, FILL_NO_ANSWER);
	for (int i = 0; i < 9; i++)
		fill_leave(&clients[i].waiter);
	end_store(store);
}

static void a_fetch_without_an_answer_is_joined_until_the_deadline(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, second = CLIENT, third = CLIENT;
	struct cache_key key = key_of("http://a/");
	struct fill *fill = NULL, *alone = NULL;

	join_at(store, &key, &first, &fill, 1 * SEC);
	assert_int_equal(join_at(store, &key, &second, NULL, 6 * SEC), FILL_JOINED);
	assert_int_equal(join_at(store, &key, &third, &alone, 6 * SEC + 1), FILL_ALONE);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_fail(alone, FILL_NO_ANSWER);
	fill_leave(&first.waiter);
	fill_leave(&second.waiter);
	fill_leave(&third.waiter);
	end_store(store);
}

static void what_was_stored_meanwhile_is_looked_at_again_unless_it_was_seen(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct cache_key key = key_of("http://a/");
	struct object_parts parts = parts_of(store, "http://a/", "x");
	struct fill_request req = {.query = {&key, cache_hash(store, &key), NO_FIELDS}};
	struct cache_found found;
	struct fill *fill = NULL;

	cache_put(store, &parts, NULL);
	assert_int_equal(join(store, "http://a/", &client, &fill), FILL_LOOK_AGAIN);
	found = find_url(store, "http://a/");
	req.seen = found.object;
	assert_int_equal(fill_join(store, &req, &client.waiter, &fill), FILL_LEADS);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_leave(&client.waiter);
	cache_release(store, found.object);
	end_store(store);
}

static void a_published_fill_is_joined_only_by_requests_of_its_variant(void **state)
{
	struct cache_store *store = new_store();
	struct client first = CLIENT, same = CLIENT, other = CLIENT, third = CLIENT;
	struct cache_key key = key_of("http://a/");
	struct fill_request req = {.query = {&key, cache_hash(store, &key), NO_FIELDS}};
	struct fill_answer answer = answer_of(store);
	struct fill *fill = NULL, *others = NULL;

	join(store, "http://a/", &first, &fill);
	answer.parts.selector = BYTES("x:1\n");
	assert_int_equal(fill_publish(fill, &answer), 0);
	req.query.request = fields_with("X: 1\r\n");
	assert_int_equal(fill_join(store, &req, &same.waiter, NULL), FILL_JOINED);
	req.query.request = fields_with("X: 2\r\n");
	assert_int_equal(fill_join(store, &req, &other.waiter, &others), FILL_LEADS);
	assert_int_equal(fill_join(store, &req, &third.waiter, NULL), FILL_JOINED);
	assert_ptr_equal(third.waiter.fill, others);
	fill_fail(fill, FILL_NO_ANSWER);
	fill_fail(others, FILL_NO_ANSWER);
	fill_leave(&first.waiter);
	fill_leave(&same.waiter);
	fill_leave(&other.waiter);
	fill_leave(&third.waiter);
	end_store(store);
}

static void count_drained(void *context)
{
	++*(int *)context;
}

static void past_the_limit_it_is_not_stored_not_joined_and_goes_at_the_readers_pace(void **state)
{
	struct cache_store *store = new_store(); /* object_max is 1 MiB, the window four chunks */
	struct client client = CLIENT, late = CLIENT;
	struct fill *fill = NULL, *alone = NULL;
	struct bytes block = {calloc(1, 1 << 20), 1 << 20};
	struct iovec slice;
	uint64_t sent = 0, got = 0;
	int drained = 0;
	ssize_t taken;

	join(store, "http://a/", &client, &fill);
	publish(store, fill);
	fill_on_drained(fill, count_drained, &drained);
	assert_int_equal(fill_append(fill, block), 1 << 20);
	assert_false(fill_look(&client.waiter).is_past);
	taken = fill_append(fill, block); /* over: more is held than the window allows */
	assert_in_range(taken, 0, CONTENT_CHUNK_MAX);
	assert_true(fill_look(&client.waiter).is_past);
	assert_int_equal(join(store, "http://a/", &late, &alone), FILL_ALONE);

	sent = (1 << 20) + (uint64_t)taken;
	while (sent < 100 << 20) {
		while (fill_slices(&client.waiter, &slice, 1)) {
			got += slice.iov_len;
			fill_advance(&client.waiter, slice.iov_len);
		}
		assert_int_equal(got, sent);
		taken = fill_append(fill, block);
		assert_true(taken > 0);
		sent += (uint64_t)taken;
	}
	assert_true(drained > 0);
	assert_int_equal(fill_finish(fill), STORE_TOO_LARGE);
	assert_false(has_url(store, "http://a/"));
	fill_fail(alone, FILL_NO_ANSWER);
	fill_leave(&client.waiter);
	fill_leave(&late.waiter);
	free((void *)block.at);
	end_store(store); /* the peak was below the budget: 100 MiB went through 4 MiB */
}

static void when_memory_is_held_by_others_a_fill_streams_past_or_says_so(void **state)
{
	struct cache_store *store = new_store();
	struct client clients[8];
	struct fill *fills[8];
	struct bytes block = {calloc(1, 1 << 20), 1 << 20};
	struct cache_stats stats;
	char url[32];
	int past = 0;

	for (int i = 0; i < 8; i++) {
		snprintf(url, sizeof(url), "http://a/%d", i);
		clients[i] = CLIENT;
		assert_int_equal(join(store, url, &clients[i], &fills[i]), FILL_LEADS);
		publish(store, fills[i]);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(fill_append(fills[i], block) <= 1 << 20);
		past += fill_look(&clients[i].waiter).is_past;
	}
	assert_in_range(past, 4, 7);
	cache_stats(store, &stats);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	for (int i = 0; i < 8; i++) {
		fill_fail(fills[i], FILL_NO_ANSWER);
		fill_leave(&clients[i].waiter);
	}
	cache_stats(store, &stats);
	assert_int_equal(stats.used_bytes, 0);
	free((void *)block.at);
	end_store(store);
}

static void a_fill_that_nobody_reads_is_wanted_while_it_may_be_stored(void **state)
{
	struct cache_store *store = new_store();
	struct client client = CLIENT;
	struct fill_answer answer = answer_of(store);
	struct fill *stored = NULL, *shared = NULL;

	join(store, "http://a/", &client, &stored);
	publish(store, stored);
	fill_leave(&client.waiter);
	assert_true(fill_is_wanted(stored));
	fill_fail(stored, FILL_NO_ANSWER);

	join(store, "http://b/", &client, &shared);
	answer.may_store = false;
	assert_int_equal(fill_publish(shared, &answer), 0);
	assert_true(fill_is_wanted(shared));
	fill_leave(&client.waiter);
	assert_false(fill_is_wanted(shared));
	assert_int_equal(fill_finish(shared), STORE_NO_STORE);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_leads_and_the_second_joins),
		cmocka_unit_test(all_read_what_arrives_while_it_arrives),
		cmocka_unit_test(a_waiter_is_woken_once_until_it_looks),
		cmocka_unit_test(who_left_is_not_woken),
		cmocka_unit_test(
			a_released_fill_sends_all_away_and_nobody_waits_for_the_key_for_a_while),
		cmocka_unit_test(an_alone_fetch_may_still_be_stored),
		cmocka_unit_test(a_failed_fill_stores_nothing_and_leaves_what_was_read),
		cmocka_unit_test(the_ninth_waiter_goes_alone),
		cmocka_unit_test(a_fetch_without_an_answer_is_joined_until_the_deadline),
		cmocka_unit_test(what_was_stored_meanwhile_is_looked_at_again_unless_it_was_seen),
		cmocka_unit_test(a_published_fill_is_joined_only_by_requests_of_its_variant),
		cmocka_unit_test(
			past_the_limit_it_is_not_stored_not_joined_and_goes_at_the_readers_pace),
		cmocka_unit_test(when_memory_is_held_by_others_a_fill_streams_past_or_says_so),
		cmocka_unit_test(a_fill_that_nobody_reads_is_wanted_while_it_may_be_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
