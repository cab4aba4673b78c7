/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients of fills that count how often they were woken. */
#ifndef TESTS_FILL_FIXTURE_H
#define TESTS_FILL_FIXTURE_H

#include "cache_fixture.h"

struct client {
	struct fill_waiter waiter; /* first */
	int woken;
};

static inline void count_wake(struct fill_waiter *waiter)
{
	((struct client *)waiter)->woken++;
}

#define CLIENT ((struct client){.waiter = {.wake = count_wake}})

static inline enum fill_join join_at(struct cache_store *store, const struct cache_key *key,
				     struct client *client, struct fill **ret_fill, uint64_t now_ns)
{
	struct fill_request req = {
		.query = {key, cache_hash(store, key), NO_FIELDS},
		.now_ns = now_ns,
		.join_within_ns = 5 * SEC,
	};

	return fill_join(store, &req, &client->waiter, ret_fill);
}

static inline enum fill_join join(struct cache_store *store, const char *url, struct client *client,
				  struct fill **ret_fill)
{
	struct cache_key key = key_of(url);

	return join_at(store, &key, client, ret_fill, 1 * SEC);
}

static inline struct fill_answer answer_of(struct cache_store *store)
{
	return (struct fill_answer){.parts = parts_of(store, "", ""), .may_store = true};
}

static inline void publish(struct cache_store *store, struct fill *fill)
{
	struct fill_answer answer = answer_of(store);

	assert_int_equal(fill_publish(fill, &answer), 0);
}

/* Read all there is and compare. */
static inline void assert_reads(struct client *client, const char *want)
{
	struct iovec slice;
	char got[256];
	size_t len = 0;

	while (fill_slices(&client->waiter, &slice, 1)) {
		memcpy(got + len, slice.iov_base, slice.iov_len);
		len += slice.iov_len;
		fill_advance(&client->waiter, slice.iov_len);
	}
	assert_int_equal(len, strlen(want));
	assert_memory_equal(got, want, len);
}

#endif
