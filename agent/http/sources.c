/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/sources.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define LOCKS	64
#define BUCKETS 16384 /* a few connections a bucket even with 100,000 of them */

struct entry {
	struct entry *next;
	struct prefix source;
	uint32_t count;
};

struct sources {
	struct siphash_secret secret;
	pthread_mutex_t lock[LOCKS];
	struct entry *bucket[BUCKETS];
};

int sources_new(const struct siphash_secret *secret, struct sources **ret_sources)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		return -ENOMEM;
	sources->secret = *secret;
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_init(&sources->lock[i], NULL);
	*ret_sources = sources;
	return 0;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (sources->bucket[i]) {
			struct entry *entry = sources->bucket[i];

			sources->bucket[i] = entry->next;
			free(entry);
		}
	}
	for (unsigned i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&sources->lock[i]);
	free(sources);
}

static unsigned bucket_of(const struct sources *sources, const struct prefix *source)
{
	return (unsigned)siphash(&sources->secret,
				 (struct bytes){(const char *)source, sizeof(*source)}) %
	       BUCKETS;
}

/* What points to the entry of source, or to the end of its bucket. */
static struct entry **find(struct sources *sources, unsigned bucket, const struct prefix *source)
{
	struct entry **link = &sources->bucket[bucket];

	while (*link && prefix_compare(&(*link)->source, source))
		link = &(*link)->next;
	return link;
}

static bool enter(struct entry **link, const struct prefix *source, uint32_t max)
{
	if (!*link) {
		struct entry *entry = calloc(1, sizeof(*entry));

		if (!entry)
			return false;
		entry->source = *source;
		*link = entry;
	}
	if (max && (*link)->count >= max)
		return false;
	(*link)->count++;
	return true;
}

bool sources_enter(struct sources *sources, const struct prefix *source, uint32_t max)
{
	unsigned bucket = bucket_of(sources, source);
	bool entered;

	pthread_mutex_lock(&sources->lock[bucket % LOCKS]);
	entered = enter(find(sources, bucket, source), source, max);
	pthread_mutex_unlock(&sources->lock[bucket % LOCKS]);
	return entered;
}

void sources_leave(struct sources *sources, const struct prefix *source)
{
	unsigned bucket = bucket_of(sources, source);
	struct entry **link;

	pthread_mutex_lock(&sources->lock[bucket % LOCKS]);
	link = find(sources, bucket, source);
	if (*link && !--(*link)->count) {
		struct entry *entry = *link;

		*link = entry->next;
		free(entry);
	}
	pthread_mutex_unlock(&sources->lock[bucket % LOCKS]);
}
