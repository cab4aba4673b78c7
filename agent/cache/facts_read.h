/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From parsed messages to what the rules look at. The only place of the cache that knows how
 * fields are written. Pure, but for the tags, which need the store's secret.
 */
#ifndef CACHE_FACTS_READ_H
#define CACHE_FACTS_READ_H

#include "cache/cache_store.h"
#include "cache/facts.h"
#include "cache/validation.h"
#include "message/head.h"

/*
 * What a request says. Authorization and Cookie are PERSONAL_LOOSE where they are there, identity
 * is PERSONAL_ABSENT: what the route declares, and which fields are identities, the caller knows.
 * has_content is the caller's word, too: message/body.h found it out already.
 */
struct request_facts facts_of_request(const struct request_head *head, bool has_content);

/* What a response says. now_unix_s settles the century of old dates. */
struct response_facts facts_of_response(const struct response_head *head, int64_t now_unix_s);

/* A field that is a date; several lines, or what is none, are given and not valid. */
struct maybe_time facts_date(const struct fields *fields, enum field_name id, int64_t now_unix_s);

/* The conditions of a request, against the stored response's tag (empty if it has none). */
struct conditions facts_of_conditions(const struct fields *request, struct bytes stored_etag,
				      int64_t now_unix_s);

/* ETag of a response; empty if absent, twice there, or no entity tag. */
struct bytes facts_etag(const struct fields *response);

/*
 * Add the tags of a response: Surrogate-Key, Cache-Tag, and Cache-Groups (RFC 9875 section 2),
 * which belong to origin ("scheme://authority").
 */
void facts_add_tags(struct cache_store *store, const struct fields *response, struct bytes origin,
		    struct tag_list *tags);

/* The groups that Cache-Group-Invalidation names (RFC 9875 section 3), of the same origin. */
void facts_add_invalidated(struct cache_store *store, const struct fields *response,
			   struct bytes origin, struct tag_list *tags);

#endif
