/* SPDX-License-Identifier: BSD-2-Clause */
/* Purges and counts; cache_show.c and cache_top.c have the rest of cache_view.h. */
#include <errno.h>
#include <inttypes.h>

#include "http/cache_url.h"
#include "http/cache_view.h"
#include "http/http_parts.h"
#include "http/json_text.h"
#include "message/chars.h"

/* ---- Purging --------------------------------------------------------------------------------- */

struct purge {
	struct http *http;
	enum purge_mode mode;
	struct bytes value; /* what is named */
	struct buffer *out;
};

/* How many went at once, where that is known: what is purged by a tag is met later, one by one. */
static void say_purged(const struct purge *purge, const char *what, struct bytes value,
		       const uint64_t *count)
{
	buffer_printf(purge->out, "{\"%s\": ", what);
	if (value.len)
		json_text_add(purge->out, value);
	else
		buffer_add_text(purge->out, "true");
	buffer_printf(purge->out,
		      ", \"soft\": %s, \"purged\": ", purge->mode == PURGE_SOFT ? "true" : "false");
	if (count)
		buffer_printf(purge->out, "%" PRIu64 "}", *count);
	else
		buffer_add_text(purge->out, "null}");
}

static void purge_all(const struct purge *purge)
{
	cache_purge_all(purge->http->cache, purge->mode);
	say_purged(purge, "all", (struct bytes){NULL, 0}, NULL);
}

static bool has_dimensions(const struct http_route *route)
{
	const struct http_cache_key *key = &route->cache.key;

	return key->headers.count || key->cookies.count || key->identity;
}

static void purge_url(const struct purge *purge)
{
	auto_buffer struct buffer room = buffer_new(CACHE_KEY_MAX);
	struct cache_url url;
	uint64_t count;
	int err = cache_url_read(purge->http->plan->http, purge->value, &room, &url);

	if (err) {
		json_text_refuse(purge->out, err == -ENOMEM ? 500 : 400, url.why);
		return;
	}
	count = cache_purge_url(purge->http->cache, url.key.whole, purge->mode);
	say_purged(purge, "url", url.key.whole, has_dimensions(url.route) ? NULL : &count);
}

static void purge_pattern(const struct purge *purge, const char *what,
			  const struct url_pattern *pattern)
{
	uint64_t count = 0;

	if (!pattern->text.len ||
	    cache_purge_pattern(purge->http->cache, pattern, purge->mode, &count))
		json_text_refuse(purge->out, 400, "a pattern has 1 to 2048 bytes");
	else
		say_purged(purge, what, pattern->text, &count);
}

static void purge_prefix(const struct purge *purge)
{
	auto_buffer struct buffer room = buffer_new(CACHE_KEY_MAX);

	if (cache_url_prefix(purge->value, &room)) {
		json_text_refuse(purge->out, 400,
				 "a prefix of URLs begins with http:// or https://");
		return;
	}
	purge_pattern(purge, "prefix",
		      &(struct url_pattern){.text = {room.at, room.len}, .is_glob = false});
}

static void purge_glob(const struct purge *purge)
{
	purge_pattern(purge, "glob", &(struct url_pattern){.text = purge->value, .is_glob = true});
}

static void purge_tag(const struct purge *purge)
{
	const struct bytes no_scope = {NULL, 0};

	if (!purge->value.len || purge->value.len > TAG_LEN_MAX) {
		json_text_refuse(purge->out, 400, "a tag has 1 to 1024 bytes");
		return;
	}
	cache_purge_tag(purge->http->cache,
			cache_tag_id(purge->http->cache, TAG_NAMED, no_scope, purge->value),
			purge->mode);
	say_purged(purge, "tag", purge->value, NULL);
}

/* The next word, and the one blank behind it, off the front of *text. */
static struct bytes take_word(struct bytes *text)
{
	const char *blank = text->len ? memchr(text->at, ' ', text->len) : NULL;
	struct bytes word = {text->at, blank ? (size_t)(blank - text->at) : text->len};

	*text = bytes_from(*text, word.len + (blank != NULL));
	return word;
}

void cache_view_purge(struct http *http, struct bytes text, struct buffer *out)
{
	static const struct {
		const char *what;
		void (*run)(const struct purge *purge);
	} kinds[] = {{"all", purge_all},
		     {"url", purge_url},
		     {"prefix", purge_prefix},
		     {"glob", purge_glob},
		     {"tag", purge_tag}};
	struct bytes mode = take_word(&text), what = take_word(&text);
	const struct purge purge = {
		http, bytes_equal(mode, BYTES("soft")) ? PURGE_SOFT : PURGE_HARD, text, out};

	if (!http->cache) {
		json_text_refuse(out, 409, "this policy has no cache");
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (bytes_equal(what, bytes_of(kinds[i].what))) {
			kinds[i].run(&purge);
			return;
		}
	json_text_refuse(out, 400, "nothing to purge is named");
}

/* ---- Counts ---------------------------------------------------------------------------------- */

static void write_forwarded(const struct http_counters *counters, struct buffer *out)
{
	buffer_add_text(out, ", \"forwarded\": {");
	for (int i = FORWARD_NONE + 1; i < FORWARD_REASON_COUNT; i++)
		buffer_printf(out, "%s\"%s\": %" PRIu64, i > FORWARD_NONE + 1 ? ", " : "",
			      forward_label((enum forward_reason)i), counters->forwarded[i]);
	buffer_add_text(out, "}");
}

static void write_not_stored(const struct http_counters *counters, const struct cache_stats *stats,
			     struct buffer *out)
{
	buffer_add_text(out, ", \"not_stored\": {");
	for (int i = STORE_YES + 1; i < STORE_VERDICT_COUNT; i++)
		buffer_printf(out, "%s\"%s\": %" PRIu64, i > STORE_YES + 1 ? ", " : "",
			      storable_label((enum store_verdict)i),
			      counters->not_stored[i] + stats->verdict[i]);
	buffer_add_text(out, "}");
}

void cache_view_stats(struct http *http, const struct http_counters *counters, struct buffer *out)
{
	struct cache_stats stats = {0};

	if (http->cache)
		cache_stats(http->cache, &stats);
	buffer_printf(out,
		      "{\"enabled\": %s, \"objects\": %" PRIu64 ", \"bytes\": %" PRIu64
		      ", \"tables_bytes\": %" PRIu64 ", \"max_bytes\": %" PRIu64
		      ", \"tags\": %" PRIu64 ", \"fetching\": %" PRIu64,
		      http->cache ? "true" : "false", stats.objects, stats.used_bytes,
		      stats.fixed_bytes, stats.max_bytes, stats.tags, stats.fills);
	buffer_printf(out,
		      ", \"hits\": %" PRIu64 ", \"misses\": %" PRIu64 ", \"collapsed\": %" PRIu64
		      ", \"revalidated\": %" PRIu64 ", \"stale\": %" PRIu64
		      ", \"refreshes\": %" PRIu64 ", \"stored\": %" PRIu64 ", \"evicted\": %" PRIu64
		      ", \"purged\": %" PRIu64,
		      counters->cache_hits, counters->cache_misses, counters->cache_collapsed,
		      counters->cache_revalidated, counters->cache_stale, counters->cache_refreshes,
		      stats.verdict[STORE_YES], stats.evicted, stats.purged);
	write_forwarded(counters, out);
	write_not_stored(counters, &stats, out);
	buffer_add_text(out, "}");
}
