/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of a response as it arrives: appended by one thread, read by any number of others
 * while it grows. Memory is taken from a budget chunk by chunk, when bytes are there to fill it.
 *
 * The writer publishes the length with release order; readers see no byte beyond it. Each chunk
 * is counted: by the one before it, by every reader that stands in it, by the body while the
 * whole is kept. A body that is not kept (content_let_go()) loses what all readers have passed.
 */
#ifndef CACHE_CONTENT_H
#define CACHE_CONTENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/bytes.h"

struct content;
struct content_chunk;

/* Gets bytes of the budget, making room if need be. Returns false if there is none to be had. */
typedef bool content_take_fn(void *context, size_t bytes);
typedef void content_give_fn(void *context, size_t bytes);
struct content_memory {
	content_take_fn *take;
	content_give_fn *give;
	void *context;
};

/* Chunks grow from the one to the other: what a reader that stands still holds of a body let go. */
#define CONTENT_CHUNK_MIN 4096
#define CONTENT_CHUNK_MAX 65536

/* Returns 0 and a body that the caller releases; -ENOMEM; -ENOSPC if the budget has no room. */
int content_new(const struct content_memory *memory, struct content **ret_body);
struct content *content_hold(struct content *body);
void content_release(struct content *body); /* NULL is fine */

/*
 * Append as much of more as there is memory for, at most window bytes held in all. Writer only.
 * Returns how many bytes were taken; fewer than more.len means no memory now, or the window is
 * full.
 */
size_t content_append(struct content *body, struct bytes more, uint64_t window);

/*
 * From now on keep only what readers have still to read. Writer only. The caller sees to it that
 * content_reader_begin() does not run at the same time, or ever after.
 */
void content_let_go(struct content *body);

/* Bytes published so far. */
uint64_t content_len(const struct content *body);
/* Bytes of memory held now, chunk headers included. */
uint64_t content_held(const struct content *body);

/* Slices of a kept body from offset on, at most count. Returns how many; the caller holds the body. */
int content_slices(const struct content *body, uint64_t offset, struct iovec *iov, int count);

/* Copy all of a kept, finished body to out (content_len() bytes). */
void content_copy(const struct content *body, char *out);

/* A reader of a body that grows. */
struct content_reader {
	struct content *body;
	struct content_chunk *chunk; /* held */
	uint64_t offset;	     /* bytes read */
};

/* Begin at the first byte. Only while the body is kept. */
void content_reader_begin(struct content_reader *reader, struct content *body);
void content_reader_end(struct content_reader *reader);
/* What can be read now, at most count slices. */
int content_reader_slices(struct content_reader *reader, struct iovec *iov, int count);
/* bytes of what content_reader_slices() showed are done with. */
void content_reader_advance(struct content_reader *reader, uint64_t bytes);

#endif
