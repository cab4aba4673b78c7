/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One stored response, ready to send. Made whole, then never changed but for its count of
 * holders and what the store keeps in it for itself; any thread that holds it may read it.
 *
 * The head is status line and fields, each line ended, without the empty line and without what
 * differs from one answer to the next (Age, Cache-Status, Connection, limit fields). So a hit is written in three pieces: head, the answer's own fields with
 * the empty line, body.
 *
 * Memory: key, selector, head, body and sizeof(struct cache_object) in one allocation, 8 bytes a
 * tag. A body above OBJECT_INLINE_MAX stays in the chunks it arrived in.
 */
#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "cache/content.h"
#include "cache/cache_key.h"
#include "cache/freshness.h"
#include "cache/s3fifo.h"
#include "cache/validation.h"

/* Bodies up to this are copied once, when complete, into one piece of exact size. */
#define OBJECT_INLINE_MAX (1u << 20)

struct tag_node;

struct cache_object {
	/* What a lookup reads first stands in one cache line. */
	struct cache_object *next; /* in its bucket */
	struct s3_link link;	   /* hash, place in the queues */
	_Atomic uint32_t refs;	   /* the table's and everybody's who holds it */
	uint32_t key_len;
	uint32_t url_len;
	uint32_t selector_len;

	uint64_t sequence; /* of purges, when its fetch began */
	/* The store's, under its shard's lock: purges looked at so far, and what they said. */
	uint64_t checked_sequence;
	struct freshness fresh;

	struct content *body; /* NULL: inline */
	uint64_t body_len;
	_Atomic uint64_t claimed_until_ns; /* somebody fetches it anew until then */
	int64_t date_unix_s;
	int64_t last_modified_unix_s;
	int64_t received_unix_s;
	uint64_t stored_ns;
	uint32_t hits; /* under the shard's lock; saturates */
	uint32_t head_len;
	uint32_t etag_at;  /* offset in the head */
	uint16_t etag_len; /* 0: none */
	uint16_t status;
	uint8_t tag_count;
	bool has_date;
	bool has_last_modified;
	bool is_soft_purged; /* under the shard's lock */
	bool is_listed;	     /* in the table; under the shard's lock */
	/* tag_count pointers, then key, selector, head, inline body. */
	_Alignas(8) char bytes[];
};

_Static_assert(sizeof(struct cache_object) <= 208,
	       "with malloc's header and two bucket slots it stays below 256 bytes");

static inline struct tag_node **object_tags(const struct cache_object *object)
{
	return (struct tag_node **)object->bytes;
}

static inline const char *object_key_at(const struct cache_object *object)
{
	return object->bytes + object->tag_count * sizeof(struct tag_node *);
}

static inline struct bytes object_key(const struct cache_object *object)
{
	return (struct bytes){object_key_at(object), object->key_len};
}

static inline struct bytes object_url(const struct cache_object *object)
{
	return (struct bytes){object_key_at(object), object->url_len};
}

static inline struct bytes object_selector(const struct cache_object *object)
{
	return (struct bytes){object_key_at(object) + object->key_len, object->selector_len};
}

static inline struct bytes object_head(const struct cache_object *object)
{
	return (struct bytes){object_selector(object).at + object->selector_len, object->head_len};
}

/* The body, where it is inline; otherwise at is NULL. */
static inline struct bytes object_inline_body(const struct cache_object *object)
{
	struct bytes head = object_head(object);

	return object->body ? (struct bytes){NULL, 0}
			    : (struct bytes){head.at + head.len, object->body_len};
}

/* Slices of the body from offset on, at most count. Returns how many. */
int object_slices(const struct cache_object *object, uint64_t offset, struct iovec *iov, int count);

/* Memory it takes, a body in chunks included. */
static inline uint64_t object_bytes(const struct cache_object *object)
{
	return sizeof(*object) + object->tag_count * sizeof(struct tag_node *) + object->key_len +
	       object->selector_len + object->head_len + object->body_len;
}

/* What it can be validated by; the tag points into its head. */
struct validators object_validators(const struct cache_object *object);

/*
 * Claim the right to fetch object anew until until_ns: one claim at a time, so that neither a
 * popular response about to expire nor a purged one sends a stampede. True for who got it.
 */
bool object_claim(struct cache_object *object, uint64_t now_ns, uint64_t until_ns);
/* The fetch failed: let the next one try from then on. */
void object_unclaim(struct cache_object *object, uint64_t from_ns);

/* One more holder, who cache_release()s it; the caller is one. Returns object. */
struct cache_object *object_hold(struct cache_object *object);

/* What a response is made of. All bytes are copied; a body is held, not taken. */
struct object_parts {
	struct cache_key key;
	struct bytes selector;
	struct bytes head;
	struct bytes content; /* where body is NULL */
	struct content *body; /* finished; where it is not NULL content is not read */
	struct bytes etag;    /* inside head; empty if there is none */
	unsigned status;
	struct freshness fresh;
	struct maybe_time date;
	struct maybe_time last_modified;
	int64_t received_unix_s;
	uint64_t stored_ns;
	uint64_t sequence; /* cache_sequence() when the fetch began */
};

/* What such an object costs in memory, its buckets not counted. */
size_t object_size(const struct object_parts *parts, size_t tag_count);

/*
 * Returns an object with one reference, which is the caller's, or NULL without memory. The
 * caller has taken budget_cost(object_size()) from the budget. Tags are set by the caller.
 */
struct cache_object *object_new(const struct object_parts *parts, size_t tag_count);

/* Free the memory; tags are given back by the caller. Returns what object_size() was. */
size_t object_free(struct cache_object *object);

#endif
