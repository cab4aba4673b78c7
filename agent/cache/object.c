/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/object.h"

#include <stdlib.h>

#include "cache/budget.h"

static bool stays_in_chunks(const struct object_parts *parts)
{
	return parts->body && content_len(parts->body) > OBJECT_INLINE_MAX;
}

static uint64_t bytes_of_content(const struct object_parts *parts)
{
	return parts->body ? content_len(parts->body) : parts->content.len;
}

size_t object_size(const struct object_parts *parts, size_t tag_count)
{
	return sizeof(struct cache_object) + tag_count * sizeof(struct tag_node *) +
	       parts->key.whole.len + parts->selector.len + parts->head.len +
	       (stays_in_chunks(parts) ? 0 : bytes_of_content(parts));
}

static char *put(char *at, struct bytes text)
{
	if (text.len)
		memcpy(at, text.at, text.len);
	return at + text.len;
}

static void put_bytes(struct cache_object *object, const struct object_parts *parts)
{
	char *at = (char *)object_key_at(object);

	at = put(at, parts->key.whole);
	at = put(at, parts->selector);
	at = put(at, parts->head);
	if (stays_in_chunks(parts))
		object->body = content_hold(parts->body);
	else if (parts->body)
		content_copy(parts->body, at);
	else
		put(at, parts->content);
}

static void put_validators(struct cache_object *object, const struct object_parts *parts)
{
	object->has_date = parts->date.is_given && parts->date.is_valid;
	object->date_unix_s = object->has_date ? parts->date.unix_s : 0;
	object->has_last_modified = parts->last_modified.is_given && parts->last_modified.is_valid;
	object->last_modified_unix_s = object->has_last_modified ? parts->last_modified.unix_s : 0;
	object->received_unix_s = parts->received_unix_s;
	/* A tag too long for its length is as good as none: nobody sends one that long back. */
	if (parts->etag.len && parts->etag.len <= UINT16_MAX) {
		object->etag_at = (uint32_t)(parts->etag.at - parts->head.at);
		object->etag_len = (uint16_t)parts->etag.len;
	}
}

struct cache_object *object_new(const struct object_parts *parts, size_t tag_count)
{
	size_t size = object_size(parts, tag_count);
	struct cache_object *object = malloc(size);

	if (!object)
		return NULL;
	memset(object, 0, sizeof(*object) + tag_count * sizeof(struct tag_node *));
	atomic_init(&object->refs, 1);
	object->link.size = (uint32_t)(budget_cost(size) / S3_UNIT);
	if (stays_in_chunks(parts))
		object->link.size += (uint32_t)(content_held(parts->body) / S3_UNIT);
	object->tag_count = (uint8_t)tag_count;
	object->key_len = (uint32_t)parts->key.whole.len;
	object->url_len = (uint32_t)parts->key.url_len;
	object->selector_len = (uint32_t)parts->selector.len;
	object->head_len = (uint32_t)parts->head.len;
	object->body_len = bytes_of_content(parts);
	object->sequence = parts->sequence;
	object->checked_sequence = parts->sequence;
	object->fresh = parts->fresh;
	object->status = (uint16_t)parts->status;
	object->stored_ns = parts->stored_ns;
	put_validators(object, parts);
	put_bytes(object, parts);
	return object;
}

size_t object_free(struct cache_object *object)
{
	size_t size = sizeof(*object) + object->tag_count * sizeof(struct tag_node *) +
		      object->key_len + object->selector_len + object->head_len;

	if (!object->body)
		size += object->body_len;
	content_release(object->body);
	free(object);
	return size;
}

int object_slices(const struct cache_object *object, uint64_t offset, struct iovec *iov, int count)
{
	struct bytes body = object_inline_body(object);

	if (object->body)
		return content_slices(object->body, offset, iov, count);
	if (offset >= body.len || count < 1)
		return 0;
	iov[0] = (struct iovec){(char *)body.at + offset, body.len - offset};
	return 1;
}

struct validators object_validators(const struct cache_object *object)
{
	return (struct validators){
		.etag = {object_head(object).at + object->etag_at, object->etag_len},
		.last_modified = {object->has_last_modified, true, object->last_modified_unix_s},
		.date = {object->has_date, true, object->date_unix_s},
		.received_unix_s = object->received_unix_s,
	};
}

bool object_claim(struct cache_object *object, uint64_t now_ns, uint64_t until_ns)
{
	uint64_t claimed = atomic_load_explicit(&object->claimed_until_ns, memory_order_relaxed);

	return claimed <= now_ns && atomic_compare_exchange_strong_explicit(
					    &object->claimed_until_ns, &claimed, until_ns,
					    memory_order_relaxed, memory_order_relaxed);
}

void object_unclaim(struct cache_object *object, uint64_t from_ns)
{
	atomic_store_explicit(&object->claimed_until_ns, from_ns, memory_order_relaxed);
}

struct cache_object *object_hold(struct cache_object *object)
{
	atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
	return object;
}
