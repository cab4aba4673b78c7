/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache/s3fifo.h"

/* The small queue's share of all bytes: a tenth, as the paper found best over its traces. */
#define SMALL_SHARE 10

/* Asked for more often than this while it waited: it moves to the main queue. */
#define PROMOTE_ABOVE 1

static struct s3_queue *queue_of(struct s3fifo *fifo, const struct s3_link *link)
{
	return link->queue == S3_MAIN ? &fifo->main : &fifo->small;
}

static void push(struct s3fifo *fifo, struct s3_link *link, enum s3_queue_id id)
{
	struct s3_queue *queue;

	link->queue = (uint8_t)id;
	queue = queue_of(fifo, link);
	link->newer = NULL;
	link->older = queue->newest;
	if (queue->newest)
		queue->newest->newer = link;
	else
		queue->oldest = link;
	queue->newest = link;
	queue->units += link->size;
	queue->count++;
}

void s3fifo_remove(struct s3fifo *fifo, struct s3_link *link)
{
	struct s3_queue *queue = queue_of(fifo, link);

	if (link->newer)
		link->newer->older = link->older;
	else
		queue->newest = link->older;
	if (link->older)
		link->older->newer = link->newer;
	else
		queue->oldest = link->newer;
	queue->units -= link->size;
	queue->count--;
	link->queue = S3_NOWHERE;
}

static uint32_t fingerprint_of(uint64_t hash)
{
	uint32_t fingerprint = (uint32_t)(hash >> 32);

	return fingerprint ? fingerprint : 1;
}

static struct s3_ghost *ghost_of(struct s3fifo *fifo, uint64_t hash)
{
	/* Other bits than those that choose shard and bucket: these would fill a few slots only. */
	return &fifo->ghosts[(hash >> 20) & fifo->ghost_mask];
}

/* Ghosts are as many as the main queue has objects; an older one is forgotten where it lies. */
static bool take_ghost(struct s3fifo *fifo, uint64_t hash)
{
	struct s3_ghost *ghost = ghost_of(fifo, hash);
	uint32_t age = fifo->ghost_number - ghost->number;
	bool is_remembered = ghost->fingerprint == fingerprint_of(hash) && age <= fifo->main.count;

	if (is_remembered)
		ghost->fingerprint = 0;
	return is_remembered;
}

static void make_ghost(struct s3fifo *fifo, uint64_t hash)
{
	*ghost_of(fifo, hash) = (struct s3_ghost){
		.fingerprint = fingerprint_of(hash),
		.number = fifo->ghost_number++,
	};
}

void s3fifo_insert(struct s3fifo *fifo, struct s3_link *link)
{
	link->asked = 0;
	push(fifo, link, take_ghost(fifo, link->hash) ? S3_MAIN : S3_SMALL);
}

void s3fifo_replace(struct s3fifo *fifo, struct s3_link *old, struct s3_link *link)
{
	enum s3_queue_id id = (enum s3_queue_id)old->queue;

	s3fifo_remove(fifo, old);
	link->asked = old->asked;
	push(fifo, link, id);
}

static void move_to_main(struct s3fifo *fifo, struct s3_link *link, uint8_t asked)
{
	s3fifo_remove(fifo, link);
	link->asked = asked;
	push(fifo, link, S3_MAIN);
}

/* The oldest of the small queue: up to the main queue, or out. */
static bool leaves_small(struct s3fifo *fifo, struct s3_link *link,
			 const struct s3_chooser *chooser)
{
	enum s3_wish is = chooser->wish(chooser->context, link);

	if (is == S3_SPARE || (is == S3_JUDGE && link->asked > PROMOTE_ABOVE)) {
		move_to_main(fifo, link, 0);
		return false;
	}
	s3fifo_remove(fifo, link);
	if (is == S3_JUDGE)
		make_ghost(fifo, link->hash);
	return true;
}

/* The oldest of the main queue: another round for each time it was asked for, or out. */
static bool leaves_main(struct s3fifo *fifo, struct s3_link *link, const struct s3_chooser *chooser)
{
	enum s3_wish is = chooser->wish(chooser->context, link);

	if (is == S3_SPARE || (is == S3_JUDGE && link->asked > 0)) {
		move_to_main(fifo, link, link->asked ? link->asked - 1 : 0);
		return false;
	}
	s3fifo_remove(fifo, link);
	return true;
}

static bool small_is_over(const struct s3fifo *fifo)
{
	return fifo->small.units * SMALL_SHARE > fifo->small.units + fifo->main.units;
}

struct s3_link *s3fifo_evict(struct s3fifo *fifo, const struct s3_chooser *chooser)
{
	for (int step = 0; step < S3_STEPS_MAX; step++) {
		bool from_small = fifo->small.oldest && (!fifo->main.oldest || small_is_over(fifo));
		struct s3_link *link = from_small ? fifo->small.oldest : fifo->main.oldest;

		if (!link)
			return NULL;
		if (from_small ? leaves_small(fifo, link, chooser)
			       : leaves_main(fifo, link, chooser))
			return link;
	}
	return NULL;
}
