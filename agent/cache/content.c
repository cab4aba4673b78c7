/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/content.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "cache/budget.h"

struct content_chunk {
	_Atomic uint32_t refs;
	uint32_t room;		    /* bytes at at[] */
	uint64_t start;		    /* offset of at[0] in the body */
	struct content_chunk *next; /* set before the length that reaches it is published */
	char at[];
};

struct content {
	_Atomic uint32_t refs;
	struct content_memory memory;
	_Atomic uint64_t len;
	_Atomic uint64_t held;
	struct content_chunk *first; /* NULL after content_let_go() */
	struct content_chunk *last;  /* the writer's */
};

static size_t chunk_cost(uint32_t room)
{
	return budget_cost(sizeof(struct content_chunk) + room);
}

struct content *content_hold(struct content *body)
{
	atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
	return body;
}

/* A chunk's last holder frees it, and with it its hold on the next. A loop: chains are long. */
static void chunk_release(struct content *body, struct content_chunk *chunk)
{
	while (chunk && atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) == 1) {
		struct content_chunk *next = chunk->next;
		size_t cost = chunk_cost(chunk->room);

		free(chunk);
		atomic_fetch_sub_explicit(&body->held, cost, memory_order_relaxed);
		body->memory.give(body->memory.context, cost);
		chunk = next;
	}
}

static void chunk_hold(struct content_chunk *chunk)
{
	atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed);
}

void content_release(struct content *body)
{
	struct content_memory memory;

	if (!body || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1)
		return;
	chunk_release(body, body->first);
	chunk_release(body, body->last);
	memory = body->memory;
	free(body);
	memory.give(memory.context, budget_cost(sizeof(*body)));
}

/* Total sizes, header and malloc's own included, so that they come out as whole pages. */
static uint32_t next_room(const struct content *body)
{
	size_t size = CONTENT_CHUNK_MIN;

	if (body->last)
		size = 4 * (body->last->room + sizeof(struct content_chunk) + 16);
	if (size > CONTENT_CHUNK_MAX)
		size = CONTENT_CHUNK_MAX;
	return (uint32_t)(size - sizeof(struct content_chunk) - 16);
}

static void link_chunk(struct content *body, struct content_chunk *chunk)
{
	struct content_chunk *before = body->last;

	body->last = chunk;
	if (before) {
		before->next = chunk;
		chunk_release(body, before);
	} else {
		body->first = chunk;
	}
}

static bool add_chunk(struct content *body, uint64_t window)
{
	uint32_t room = next_room(body);
	size_t cost = chunk_cost(room);
	struct content_chunk *chunk;

	if (atomic_load_explicit(&body->held, memory_order_relaxed) + cost > window)
		return false;
	if (!body->memory.take(body->memory.context, cost))
		return false;
	chunk = malloc(sizeof(*chunk) + room);
	if (!chunk) {
		body->memory.give(body->memory.context, cost);
		return false;
	}
	atomic_fetch_add_explicit(&body->held, cost, memory_order_relaxed);
	/* Held by what leads to it (the chunk before, or the body) and by the writer. */
	atomic_init(&chunk->refs, 2);
	chunk->room = room;
	chunk->next = NULL;
	chunk->start = atomic_load_explicit(&body->len, memory_order_relaxed);
	link_chunk(body, chunk);
	return true;
}

/* One allocation for both would keep the first chunk's memory for as long as the body lives. */
int content_new(const struct content_memory *memory, struct content **ret_body)
{
	size_t cost = budget_cost(sizeof(struct content));
	struct content *body;

	if (!memory->take(memory->context, cost))
		return -ENOSPC;
	body = calloc(1, sizeof(*body));
	if (!body) {
		memory->give(memory->context, cost);
		return -ENOMEM;
	}
	body->memory = *memory;
	atomic_init(&body->refs, 1);
	atomic_init(&body->held, cost);
	/* The first chunk is there from the start, so that every reader has one to stand in. */
	if (!add_chunk(body, UINT64_MAX)) {
		content_release(body);
		return -ENOSPC;
	}
	*ret_body = body;
	return 0;
}

size_t content_append(struct content *body, struct bytes more, uint64_t window)
{
	uint64_t len = atomic_load_explicit(&body->len, memory_order_relaxed);
	size_t taken = 0;

	while (taken < more.len) {
		struct content_chunk *chunk = body->last;
		size_t used = (size_t)(len - chunk->start), part;

		if (used == chunk->room) {
			if (!add_chunk(body, window))
				break;
			continue;
		}
		part = chunk->room - used;
		if (part > more.len - taken)
			part = more.len - taken;
		memcpy(chunk->at + used, more.at + taken, part);
		taken += part;
		len += part;
		/* Everything before this is seen by who reads the length with acquire order. */
		atomic_store_explicit(&body->len, len, memory_order_release);
	}
	return taken;
}

void content_let_go(struct content *body)
{
	struct content_chunk *first = body->first;

	body->first = NULL;
	chunk_release(body, first);
}

uint64_t content_len(const struct content *body)
{
	return atomic_load_explicit(&body->len, memory_order_acquire);
}

uint64_t content_held(const struct content *body)
{
	return atomic_load_explicit(&body->held, memory_order_relaxed);
}

/* Slices of the chain from chunk on, between offset and end. */
static int slices(const struct content_chunk *chunk, uint64_t offset, uint64_t end,
		  struct iovec *iov, int count)
{
	int n = 0;

	while (n < count && offset < end) {
		uint64_t chunk_end = chunk->start + chunk->room;

		if (offset >= chunk_end) {
			chunk = chunk->next;
			continue;
		}
		if (chunk_end > end)
			chunk_end = end;
		iov[n++] = (struct iovec){
			.iov_base = (char *)chunk->at + (offset - chunk->start),
			.iov_len = (size_t)(chunk_end - offset),
		};
		offset = chunk_end;
	}
	return n;
}

int content_slices(const struct content *body, uint64_t offset, struct iovec *iov, int count)
{
	uint64_t end = content_len(body);

	return slices(body->first, offset, end, iov, count);
}

void content_copy(const struct content *body, char *out)
{
	struct iovec slice;
	uint64_t offset = 0;

	while (content_slices(body, offset, &slice, 1)) {
		memcpy(out + offset, slice.iov_base, slice.iov_len);
		offset += slice.iov_len;
	}
}

void content_reader_begin(struct content_reader *reader, struct content *body)
{
	assert(body->first);
	chunk_hold(body->first);
	*reader = (struct content_reader){.body = content_hold(body), .chunk = body->first};
}

void content_reader_end(struct content_reader *reader)
{
	if (!reader->body)
		return;
	chunk_release(reader->body, reader->chunk);
	content_release(reader->body);
	*reader = (struct content_reader){0};
}

/* Leave chunks that are read to their end, as far as there is a byte in the next. */
static void move_on(struct content_reader *reader, uint64_t len)
{
	while (reader->offset < len &&
	       reader->offset >= reader->chunk->start + reader->chunk->room) {
		struct content_chunk *next = reader->chunk->next;

		chunk_hold(next);
		chunk_release(reader->body, reader->chunk);
		reader->chunk = next;
	}
}

int content_reader_slices(struct content_reader *reader, struct iovec *iov, int count)
{
	uint64_t len = content_len(reader->body);

	move_on(reader, len);
	return slices(reader->chunk, reader->offset, len, iov, count);
}

void content_reader_advance(struct content_reader *reader, uint64_t bytes)
{
	uint64_t len = content_len(reader->body);

	assert(bytes <= len - reader->offset);
	reader->offset += bytes;
	move_on(reader, len);
}
