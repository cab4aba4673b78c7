/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cache as the operator asks about it: purges, counts, what is stored. Answers are JSON, as docs/control.md has
 * them; what makes no sense is refused (json_text.h).
 *
 * From the thread that http.h may be called from. Walks over all objects take a shard's lock for a few at a time.
 */
#ifndef HTTP_CACHE_VIEW_H
#define HTTP_CACHE_VIEW_H

#include "base/buffer.h"
#include "http/http.h"

/* "hard" or "soft", then "all", "url U", "prefix P", "glob G" or "tag T". */
void cache_view_purge(struct http *http, struct bytes text, struct buffer *out);

/* counters are those of the whole plane. */
void cache_view_stats(struct http *http, const struct http_counters *counters, struct buffer *out);

/* All that is stored for a URL, and what would become of a plain GET at now_ns. */
void cache_view_show(struct http *http, struct bytes url, uint64_t now_ns, struct buffer *out);

/* "hits N" or "bytes N": the N that were asked for most, or are largest. */
void cache_view_top(struct http *http, struct bytes text, uint64_t now_ns, struct buffer *out);

#endif
