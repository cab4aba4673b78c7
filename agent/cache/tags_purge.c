/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of purges, and what is remembered of them for fetches in progress. */
#include <errno.h>

#include "cache/tags_parts.h"

static struct recent *recent_of(struct tags *tags, struct tag_id id)
{
	return &tags->recent[id.word[1] & (RECENT_SETS - 1)];
}

uint64_t tags_recent_number(struct tags *tags, struct tag_id id)
{
	const struct recent *recent = recent_of(tags, id);

	for (int i = 0; i < RECENT_WAYS; i++)
		if (recent->id[i] == id.word[0] && recent->number[i])
			return recent->number[i];
	return recent->forgotten;
}

/* In the place of its purge before, else of the oldest. */
static void note_recent(struct tags *tags, struct tag_id id, uint64_t number)
{
	struct recent *recent = recent_of(tags, id);
	int place = 0;

	for (int i = 1; i < RECENT_WAYS; i++)
		if (recent->number[i] < recent->number[place])
			place = i;
	for (int i = 0; i < RECENT_WAYS; i++)
		if (recent->id[i] == id.word[0] && recent->number[i])
			place = i;
	if (recent->id[place] != id.word[0] && recent->number[place] > recent->forgotten)
		recent->forgotten = recent->number[place];
	recent->id[place] = id.word[0];
	recent->number[place] = number;
}

/*
 * Under the lock. The number becomes current only after everything that depends on it was
 * written: who reads the sequence and then looks, looks at the purge as well. A fetch that begins
 * in between remembers the number before and is not stored, which is only too careful.
 */
static uint64_t next_number(struct tags *tags)
{
	return atomic_load_explicit(&tags->sequence, memory_order_relaxed) + 1;
}

static void publish(struct tags *tags, uint64_t number)
{
	atomic_store_explicit(&tags->sequence, number, memory_order_release);
}

uint64_t tags_purge(struct tags *tags, struct tag_id id, bool is_soft)
{
	struct tag_node *node;
	uint64_t number;

	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	note_recent(tags, id, number);
	node = tags_find(tags, id);
	if (node)
		atomic_store_explicit(is_soft ? &node->soft : &node->hard, number,
				      memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	return number;
}

uint64_t tags_purge_all(struct tags *tags, bool is_soft)
{
	uint64_t number;

	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	atomic_store_explicit(is_soft ? &tags->all_soft : &tags->all_hard, number,
			      memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	return number;
}

uint64_t tags_all_hard(const struct tags *tags)
{
	return atomic_load_explicit(&tags->all_hard, memory_order_relaxed);
}

uint64_t tags_all_soft(const struct tags *tags)
{
	return atomic_load_explicit(&tags->all_soft, memory_order_relaxed);
}

bool tags_purged_since(struct tags *tags, struct tag_id id, uint64_t sequence)
{
	uint64_t number;

	if (tags_sequence(tags) <= sequence)
		return false;
	pthread_mutex_lock(&tags->lock);
	number = tags_recent_number(tags, id);
	pthread_mutex_unlock(&tags->lock);
	return number > sequence;
}

int tags_purge_pattern(struct tags *tags, const struct url_pattern *pattern, uint64_t *ret_number)
{
	struct kept_pattern *kept;
	uint64_t number;

	if (!pattern->text.len || pattern->text.len > PATTERN_LEN_MAX)
		return -EINVAL;
	pthread_mutex_lock(&tags->lock);
	number = next_number(tags);
	kept = &tags->patterns[tags->pattern_count++ % PATTERNS_KEPT];
	kept->number = number;
	kept->is_glob = pattern->is_glob;
	kept->len = (uint16_t)pattern->text.len;
	memcpy(kept->text, pattern->text.at, pattern->text.len);
	atomic_store_explicit(&tags->pattern_sequence, number, memory_order_relaxed);
	publish(tags, number);
	pthread_mutex_unlock(&tags->lock);
	*ret_number = number;
	return 0;
}

static bool kept_pattern_covers(const struct tags *tags, struct bytes url, uint64_t sequence)
{
	uint64_t kept = tags->pattern_count < PATTERNS_KEPT ? tags->pattern_count : PATTERNS_KEPT;
	size_t newer = 0;

	for (size_t i = 0; i < kept; i++) {
		const struct kept_pattern *pattern = &tags->patterns[i];
		struct url_pattern is = {{pattern->text, pattern->len}, pattern->is_glob};

		if (pattern->number <= sequence)
			continue;
		newer++;
		if (url_pattern_matches(&is, url))
			return true;
	}
	/* All that are kept are newer: there may have been others. */
	return newer == PATTERNS_KEPT;
}

bool tags_pattern_since(struct tags *tags, struct bytes url, uint64_t sequence)
{
	bool is_covered;

	/* Nearly always: no purge by pattern while the fetch was under way. */
	if (atomic_load_explicit(&tags->pattern_sequence, memory_order_acquire) <= sequence)
		return false;
	pthread_mutex_lock(&tags->lock);
	is_covered = kept_pattern_covers(tags, url, sequence);
	pthread_mutex_unlock(&tags->lock);
	return is_covered;
}
