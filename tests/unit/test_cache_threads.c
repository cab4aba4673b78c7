/* SPDX-License-Identifier: BSD-2-Clause */
/* Several threads on one store; ThreadSanitizer watches, too (make tests-thread). */
#include "cache_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define THREADS 4
#define ROUNDS	3000
#define KEYS	256

struct worker {
	pthread_t thread;
	struct cache_store *store;
	uint64_t random;
	unsigned number;
	bool saw_wrong_content;
	bool saw_purged;
	_Atomic int *generation; /* what an origin would answer now */
	_Atomic int *purged;	 /* nothing below is to be seen by who asks from now on */
};

static uint64_t next_random(struct worker *worker)
{
	worker->random = worker->random * 6364136223846793005ull + 1442695040888963407ull;
	return worker->random >> 33;
}

/* Content that says which key it is for, so that a mix-up shows. */
static void fill_block(char *block, size_t len, unsigned key)
{
	memset(block, 'A' + (int)(key % 26), len);
}

static void check(struct worker *worker, const struct iovec *slice, unsigned key)
{
	const char *at = slice->iov_base;

	if (slice->iov_len && (at[0] != 'A' + (int)(key % 26) || at[slice->iov_len - 1] != at[0]))
		worker->saw_wrong_content = true;
}

static void no_wake(struct fill_waiter *waiter)
{
}

static void read_all(struct worker *worker, struct fill_waiter *waiter, unsigned key)
{
	struct iovec slice;

	while (waiter->reader.body && fill_slices(waiter, &slice, 1)) {
		check(worker, &slice, key);
		fill_advance(waiter, slice.iov_len);
	}
}

static void lead(struct worker *worker, struct fill *fill, struct fill_waiter *waiter, unsigned key)
{
	struct fill_answer answer = {.parts = parts_of(worker->store, "", ""), .may_store = true};
	char block[5000], tag[16];

	snprintf(tag, sizeof(tag), "t%u", key % 7);
	cache_tags_split(worker->store, bytes_of(tag), false, &answer.tags);
	fill_block(block, sizeof(block), key);
	if (key % 11 == 10 || fill_publish(fill, &answer)) {
		fill_release(fill, next_random(worker) % 2, 1);
		return;
	}
	for (int i = 0; i < 8; i++) {
		if (fill_append(fill, (struct bytes){block, sizeof(block)}) < 0)
			break;
		read_all(worker, waiter, key);
	}
	if (key % 13 == 12)
		fill_fail(fill, FILL_NO_ANSWER);
	else
		(void)fill_finish(fill); /* any verdict is right here */
}

static void follow(struct worker *worker, struct fill_waiter *waiter, unsigned key)
{
	struct fill_view view;

	do {
		view = fill_look(waiter);
		if (view.parts)
			read_all(worker, waiter, key);
	} while (view.state == FILL_OPEN || view.state == FILL_WAITING);
}

static void ask(struct worker *worker, unsigned number)
{
	char url[32];
	struct cache_key key;
	struct fill_waiter waiter = {.wake = no_wake};
	struct fill_request req = {.join_within_ns = SEC};
	struct cache_found found;
	struct fill *fill = NULL;
	struct iovec slice;

	snprintf(url, sizeof(url), "http://a/%u", number);
	key = key_of(url);
	req.query = (struct cache_query){&key, cache_hash(worker->store, &key), NO_FIELDS};
	found = cache_find(worker->store, &req.query);
	if (found.object) {
		if (object_slices(found.object, 0, &slice, 1))
			check(worker, &slice, number);
		cache_release(worker->store, found.object);
		return;
	}
	switch (fill_join(worker->store, &req, &waiter, &fill)) {
	case FILL_LEADS:
	case FILL_ALONE:
		lead(worker, fill, &waiter, number);
		break;
	case FILL_JOINED:
		follow(worker, &waiter, number);
		break;
	case FILL_LOOK_AGAIN:
	case FILL_NO_MEMORY:
		break;
	}
	fill_leave(&waiter);
}

static void purge_something(struct worker *worker)
{
	struct url_pattern pattern = {BYTES("http://a/1"), false};
	struct cache_store *store = worker->store;
	uint64_t count, cursor = 0;

	switch (next_random(worker) % 6) {
	case 0:
		cache_purge_url(store, BYTES("http://a/3"), PURGE_HARD);
		return;
	case 1:
		cache_purge_tag(
			store, cache_tag_id(store, TAG_NAMED, (struct bytes){NULL, 0}, BYTES("t3")),
			PURGE_HARD);
		return;
	case 2:
		cache_purge_pattern(store, &pattern, PURGE_HARD, &count);
		return;
	case 3:
		cache_purge_all(store, PURGE_SOFT);
		return;
	case 4:
		cache_purge_url(store, BYTES("http://a/5"), PURGE_SOFT);
		return;
	case 5:
		cache_sweep(store, &cursor, 256);
		return;
	}
}

static void *work(void *context)
{
	struct worker *worker = context;

	for (int round = 0; round < ROUNDS; round++) {
		if (next_random(worker) % 16 == 0)
			purge_something(worker);
		ask(worker, (unsigned)(next_random(worker) % KEYS));
	}
	return NULL;
}

static void run(struct cache_store *store, void *(*body)(void *), struct worker workers[THREADS])
{
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i].store = store;
		workers[i].number = i;
		workers[i].random = i + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void threads_find_join_purge_and_evict_without_mixing_anything_up(void **state)
{
	struct cache_store *store = new_store();
	struct worker workers[THREADS] = {0};
	struct cache_stats stats;

	run(store, work, workers);
	for (int i = 0; i < THREADS; i++)
		assert_false(workers[i].saw_wrong_content);
	cache_stats(store, &stats);
	assert_int_equal(stats.fills, 0);
	assert_true(stats.peak_bytes <= stats.max_bytes);
	assert_true(stats.evicted > 0);
	end_store(store); /* asserts that all memory came back */
}

/*
 * One URL whose content is a number. A thread raises the number and purges; from then on no find
 * may show a smaller one, however many fetches of the old number are under way.
 */
static void put_number(struct worker *worker, const struct cache_key *key)
{
	struct object_parts parts = parts_of(worker->store, "", "");
	int number = atomic_load(worker->generation);

	parts.key = *key;
	parts.content = (struct bytes){(const char *)&number, sizeof(number)};
	sched_yield(); /* the origin takes its time, and others get theirs */
	(void)cache_put(worker->store, &parts, NULL); /* overtaken is a good answer */
}

static void check_number(struct worker *worker, const struct cache_key *key, int at_least)
{
	struct cache_found found = find_key(worker->store, key, NO_FIELDS);
	int number;

	if (!found.object)
		return;
	memcpy(&number, object_inline_body(found.object).at, sizeof(number));
	if (number < at_least)
		worker->saw_purged = true;
	cache_release(worker->store, found.object);
}

static void *raise_and_check(void *context)
{
	struct worker *worker = context;
	/* With and without a dimension: the two ways a URL is purged. */
	struct cache_key plain = key_of("http://a/n"), dimension = key_with("http://a/n\nhx=1", 10);
	struct url_pattern pattern = {BYTES("http://a/n"), false};
	uint64_t count;

	for (int round = 0; round < ROUNDS; round++) {
		if (worker->number == 0) {
			int now = atomic_fetch_add(worker->generation, 1) + 1;

			if (round % 3 == 0)
				cache_purge_url(worker->store, BYTES("http://a/n"), PURGE_HARD);
			else if (round % 3 == 1)
				cache_purge_pattern(worker->store, &pattern, PURGE_HARD, &count);
			else
				cache_purge_all(worker->store, PURGE_HARD);
			for (int i = 0; i < 10; i++) {
				check_number(worker, &plain, now);
				check_number(worker, &dimension, now);
				sched_yield();
			}
		} else {
			put_number(worker, round % 2 ? &plain : &dimension);
		}
	}
	return NULL;
}

static void once_a_purge_returned_nothing_from_before_it_is_found(void **state)
{
	struct cache_store *store = new_store();
	struct worker workers[THREADS] = {0};
	_Atomic int generation = 0;

	for (int i = 0; i < THREADS; i++)
		workers[i].generation = &generation;
	run(store, raise_and_check, workers);
	assert_false(workers[0].saw_purged);
	end_store(store);
}

/* ---- Joining ---- */

static struct tag_list news_of(struct cache_store *store)
{
	struct tag_list tags = {.count = 0};

	cache_tags_split(store, BYTES("news"), false, &tags);
	return tags;
}

/* The origin takes its time. */
static void let_others(int times)
{
	while (times--)
		sched_yield();
}

/* Fetch the number of now, with its tag, while others join. */
static void lead_number(struct worker *worker, struct fill *fill)
{
	struct fill_answer answer = {.parts = parts_of(worker->store, "", ""),
				     .tags = news_of(worker->store),
				     .may_store = true};
	int number = atomic_load(worker->generation);

	let_others(10);
	if (fill_publish(fill, &answer)) {
		fill_release(fill, false, 0);
		return;
	}
	let_others(10);
	(void)fill_append(fill, (struct bytes){(const char *)&number, sizeof(number)});
	(void)fill_finish(fill); /* overtaken is a good answer */
}

static void follow_number(struct worker *worker, struct fill_waiter *waiter, int at_least)
{
	struct fill_view view;
	struct iovec slice;
	int number;

	do {
		sched_yield();
		view = fill_look(waiter);
	} while (view.state == FILL_OPEN || view.state == FILL_WAITING);
	if (view.state != FILL_DONE || view.is_late || !fill_slices(waiter, &slice, 1))
		return;
	memcpy(&number, slice.iov_base, sizeof(number));
	if (number < at_least)
		worker->saw_purged = true;
}

static void ask_number(struct worker *worker)
{
	struct cache_key key = key_of("http://a/n");
	struct fill_request req = {.query = {&key, cache_hash(worker->store, &key), NO_FIELDS},
				   .join_within_ns = SEC};
	struct fill_waiter waiter = {.wake = no_wake};
	int purged = atomic_load(worker->purged);
	struct fill *fill = NULL;

	switch (fill_join(worker->store, &req, &waiter, &fill)) {
	case FILL_LEADS:
	case FILL_ALONE:
		lead_number(worker, fill);
		break;
	case FILL_JOINED:
		follow_number(worker, &waiter, purged);
		break;
	case FILL_LOOK_AGAIN:
		check_number(worker, &key, purged);
		break;
	case FILL_NO_MEMORY:
		break;
	}
	fill_leave(&waiter);
}

static void *raise_and_join(void *context)
{
	struct worker *worker = context;
	struct url_pattern pattern = {BYTES("http://a/"), false};
	struct tag_list tags = news_of(worker->store);
	uint64_t count;

	for (int round = 0; round < ROUNDS; round++) {
		int now;

		if (worker->number) {
			ask_number(worker);
			continue;
		}
		let_others(5);
		now = atomic_fetch_add(worker->generation, 1) + 1;
		if (round % 3 == 0)
			cache_purge_url(worker->store, BYTES("http://a/n"), PURGE_HARD);
		else if (round % 3 == 1)
			cache_purge_tag(worker->store, tags.id[0], PURGE_HARD);
		else
			cache_purge_pattern(worker->store, &pattern, PURGE_HARD, &count);
		atomic_store(worker->purged, now);
	}
	return NULL;
}

static void who_asks_after_a_purge_returned_joins_nothing_from_before_it(void **state)
{
	struct cache_store *store = new_store();
	struct worker workers[THREADS] = {0};
	_Atomic int generation = 0, purged = 0;

	for (int i = 0; i < THREADS; i++) {
		workers[i].generation = &generation;
		workers[i].purged = &purged;
	}
	run(store, raise_and_join, workers);
	for (int i = 0; i < THREADS; i++)
		assert_false(workers[i].saw_purged);
	end_store(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_find_join_purge_and_evict_without_mixing_anything_up),
		cmocka_unit_test(once_a_purge_returned_nothing_from_before_it_is_found),
		cmocka_unit_test(who_asks_after_a_purge_returned_joins_nothing_from_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
