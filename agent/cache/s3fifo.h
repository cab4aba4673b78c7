/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has to go: S3-FIFO (Yang et al., SOSP 2023). Newcomers wait in a small queue; those asked
 * for again while they wait move to the main one, the others leave and are remembered as
 * ghosts; a ghost that returns goes straight to the main queue. A scan of things nobody asks for
 * twice passes through the small queue and moves nothing else.
 *
 * Knows sizes and hashes, nothing of what they belong to; links are inside the caller's objects.
 * A ghost is known by a fingerprint of its hash: taking one for another costs nothing but its
 * place in the queue. One lock of the caller's covers all calls.
 */
#ifndef CACHE_S3FIFO_H
#define CACHE_S3FIFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct s3_link {
	struct s3_link *newer;
	struct s3_link *older;
	uint64_t hash;
	uint32_t size; /* in units of S3_UNIT bytes */
	uint8_t asked; /* how often since it was queued or spared, at most S3_ASKED_MAX */
	uint8_t queue; /* enum s3_queue_id */
};

#define S3_UNIT	     16
#define S3_ASKED_MAX 3

enum s3_queue_id { S3_NOWHERE, S3_SMALL, S3_MAIN };

struct s3_queue {
	struct s3_link *newest;
	struct s3_link *oldest;
	uint64_t units;
	uint64_t count;
};

struct s3_ghost {
	uint32_t fingerprint; /* 0: none */
	uint32_t number;      /* the ghost's place in time, modulo 2^32 */
};

struct s3fifo {
	struct s3_queue small;
	struct s3_queue main;
	struct s3_ghost *ghosts; /* the caller's: ghost_mask + 1 of them, a power of two */
	uint64_t ghost_mask;
	uint32_t ghost_number;
};

/* Queue a new link; hash and size are set. A returning ghost goes to the main queue. */
void s3fifo_insert(struct s3fifo *fifo, struct s3_link *link);

/* Queue link in place of old, which is taken out: with its standing, as the youngest of its queue. */
void s3fifo_replace(struct s3fifo *fifo, struct s3_link *old, struct s3_link *link);

/* It was asked for. */
static inline void s3fifo_touch(struct s3_link *link)
{
	link->asked = link->asked < S3_ASKED_MAX ? link->asked + 1 : S3_ASKED_MAX;
}

/* Take a link out. It does not become a ghost. */
void s3fifo_remove(struct s3fifo *fifo, struct s3_link *link);

/* What the chooser is told about a link. */
enum s3_wish {
	S3_JUDGE, /* decide by how often it was asked for */
	S3_SPARE, /* in use: evicting it frees nothing now */
	S3_GO,	  /* dead already */
};
typedef enum s3_wish s3_wish_fn(void *context, const struct s3_link *link);
struct s3_chooser {
	s3_wish_fn *wish;
	void *context;
};

/* How many links one call looks at: what a caller's lock is held for. */
#define S3_STEPS_MAX 64

/*
 * Take out and return the link that is to go now, or NULL if S3_STEPS_MAX links were looked at
 * and all were spared (call again), or there is none.
 */
struct s3_link *s3fifo_evict(struct s3fifo *fifo, const struct s3_chooser *chooser);

#endif
