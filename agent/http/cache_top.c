/* SPDX-License-Identifier: BSD-2-Clause */
/* `sluice cache top`: the stored responses that were asked for most, or take most memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "http/cache_view.h"
#include "http/http_parts.h"
#include "http/json_text.h"
#include "http/pipe.h"
#include "message/chars.h"

#define KEY_SHOWN 512 /* bytes of a key that are kept: walking, nothing may be held for long */

struct ranked {
	uint64_t rank;
	uint64_t bytes;
	uint32_t hits;
	struct freshness fresh;
	uint16_t status;
	uint16_t url_len;
	uint16_t key_len;
	char key[KEY_SHOWN];
};

/* The largest so far, as a heap with the smallest of them first. */
struct ranking {
	bool by_bytes;
	size_t max;
	size_t count;
	struct ranked *at;
};

static void swap(struct ranked *a, struct ranked *b)
{
	struct ranked kept = *a;

	*a = *b;
	*b = kept;
}

static void rise(struct ranking *ranking, size_t i)
{
	while (i && ranking->at[i].rank < ranking->at[(i - 1) / 2].rank) {
		swap(&ranking->at[i], &ranking->at[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

static size_t smaller_child(const struct ranking *ranking, size_t i)
{
	size_t left = 2 * i + 1, right = left + 1;

	return right < ranking->count && ranking->at[right].rank < ranking->at[left].rank ? right
											  : left;
}

static void sink(struct ranking *ranking)
{
	size_t i = 0, child;

	while (child = smaller_child(ranking, i),
	       child < ranking->count && ranking->at[child].rank < ranking->at[i].rank) {
		swap(&ranking->at[i], &ranking->at[child]);
		i = child;
	}
}

static struct ranked ranked_of(const struct cache_object *object, uint64_t rank)
{
	struct bytes key = object_key(object);
	struct ranked ranked = {.rank = rank,
				.bytes = object_bytes(object),
				.hits = object->hits,
				.fresh = object->fresh,
				.status = object->status};

	ranked.key_len = key.len < KEY_SHOWN ? (uint16_t)key.len : KEY_SHOWN;
	ranked.url_len = object->url_len < KEY_SHOWN ? (uint16_t)object->url_len : KEY_SHOWN;
	memcpy(ranked.key, key.at, ranked.key_len);
	return ranked;
}

static void rank(void *context, const struct cache_object *object)
{
	struct ranking *ranking = context;
	uint64_t rank = ranking->by_bytes ? object_bytes(object) : object->hits;

	if (ranking->count < ranking->max) {
		ranking->at[ranking->count] = ranked_of(object, rank);
		rise(ranking, ranking->count++);
	} else if (rank > ranking->at[0].rank) {
		ranking->at[0] = ranked_of(object, rank);
		sink(ranking);
	}
}

static int largest_first(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	return (a->rank < b->rank) - (a->rank > b->rank);
}

static void write_ranked(const struct ranked *ranked, uint64_t now_ns, struct buffer *out)
{
	uint32_t age_s = freshness_age_s(&ranked->fresh, now_ns);

	buffer_add_text(out, "{\"url\": ");
	json_text_add(out, (struct bytes){ranked->key, ranked->url_len});
	buffer_add_text(out, ", \"key\": ");
	json_text_add(out, (struct bytes){ranked->key + ranked->url_len,
					  (size_t)(ranked->key_len - ranked->url_len)});
	buffer_printf(out,
		      ", \"status\": %u, \"hits\": %u, \"bytes\": %" PRIu64
		      ", \"age\": %u, \"ttl\": %" PRId64 "}",
		      ranked->status, ranked->hits, ranked->bytes, age_s,
		      (int64_t)ranked->fresh.lifetime_s - age_s);
}

void cache_view_top(struct http *http, struct bytes text, uint64_t now_ns, struct buffer *out)
{
	auto_free struct ranked *room = NULL;
	struct ranking ranking = {0};
	char asked[32], by[8] = "";
	unsigned count = 0;

	(void)snprintf(asked, sizeof(asked), "%.*s", (int)text.len, text.len ? text.at : "");
	if (sscanf(asked, "%7s %u", by, &count) != 2 || !count || count > PIPE_TOP_MAX) {
		json_text_refuse(out, 400, "what to rank by, and how many, is asked for oddly");
		return;
	}
	ranking.by_bytes = !strcmp(by, "bytes");
	ranking.max = count;
	ranking.at = room = calloc(count, sizeof(*room));
	if (!room) {
		json_text_refuse(out, 500, "no memory for the answer");
		return;
	}
	if (http->cache)
		cache_each(http->cache, rank, &ranking);
	qsort(room, ranking.count, sizeof(*room), largest_first);

	buffer_add_text(out, "[");
	for (size_t i = 0; i < ranking.count; i++) {
		buffer_add_text(out, i ? ", " : "");
		write_ranked(&room[i], now_ns, out);
	}
	buffer_add_text(out, "]");
}
