/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bans on their way to the HTTP child, which closes the connections they hit: gathered for a moment, so that many at
 * once are one message, and one look through the child's connections.
 *
 * One thread, that of the loop. CLOSING_MAX prefixes wait at most, a few KiB.
 */
#ifndef HTTP_CLOSING_H
#define HTTP_CLOSING_H

#include "base/loop.h"
#include "parent/http_parent.h"

#define CLOSING_AFTER_NS (50 * NS_PER_MS)

struct http_closing;

/* Returns 0 or -ENOMEM. parent outlives it. */
int http_closing_new(struct loop *loop, struct http_parent *parent,
		     struct http_closing **ret_closing);
void http_closing_free(struct http_closing *closing); /* NULL is fine; what waits is forgotten */

/*
 * This prefix, no longer than a source, has just been banned. Waits for the child only where CLOSING_MAX come
 * within a moment: an import, which a person waits for.
 */
#define CLOSING_MAX PIPE_BANNED_MAX
void http_closing_add(struct http_closing *closing, const struct prefix *banned);

#endif
