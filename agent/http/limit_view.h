/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits as the operator asks about them: who is counted, what each has left, and to forget one. Answers are JSON,
 * as docs/control.md has them; what makes no sense is refused (json_text.h). From the thread that http.h may be called
 * from.
 */
#ifndef HTTP_LIMIT_VIEW_H
#define HTTP_LIMIT_VIEW_H

#include "base/buffer.h"
#include "http/http.h"

/* "all N TEXT" or "over N TEXT": at most N clients whose name contains TEXT. */
void limit_view_clients(struct http *http, struct bytes text, struct buffer *out);

/* An address, or the name of an API key. */
void limit_view_explain(struct http *http, struct bytes who, struct buffer *out);
void limit_view_reset(struct http *http, struct bytes who, struct buffer *out);

/* What every limit has done, an array; of the first ten thousand: the reader misses the others by their names. */
void limit_view_counts(struct http *http, struct buffer *out);

#endif
