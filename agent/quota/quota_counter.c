/* SPDX-License-Identifier: BSD-2-Clause */
#include "quota/quota_counter.h"

#include <stdatomic.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct quota_counter *left = *(struct quota_counter *const *)a;
	const struct quota_counter *right = *(struct quota_counter *const *)b;
	int order = strcmp(left->route, right->route);

	return order ? order : strcmp(left->limit, right->limit);
}

void quota_counters_sort(struct quota_counter **counters, size_t count)
{
	qsort(counters, count, sizeof(struct quota_counter *), compare);
}

static struct quota_counter *find(const struct quota_plan *plan, const char *route,
				  const char *limit)
{
	const struct quota_counter wanted = {.route = (char *)route, .limit = (char *)limit};
	const struct quota_counter *key = &wanted;
	struct quota_counter **found = bsearch(&key, plan->counters, plan->counter_count,
					       sizeof(struct quota_counter *), compare);

	return found ? *found : NULL;
}

static struct quota_counter *make(uint32_t threads, const char *route, const char *limit)
{
	size_t size = sizeof(struct quota_counter) + threads * sizeof(struct quota_counts);
	struct quota_counter *counter = calloc(1, size);

	if (!counter)
		return NULL;
	counter->refs = 1;
	counter->threads = threads;
	counter->route = strdup(route);
	counter->limit = strdup(limit);
	if (counter->route && counter->limit)
		return counter;
	quota_counter_drop(counter);
	return NULL;
}

struct quota_counter *quota_counter_hold(const struct quota_source *source, const char *route,
					 const char *limit)
{
	struct quota_counter *counter = source->before ? find(source->before, route, limit) : NULL;

	if (!counter)
		return make(source->threads, route, limit);
	atomic_fetch_add(&counter->refs, 1);
	return counter;
}

void quota_counter_drop(struct quota_counter *counter)
{
	if (!counter || atomic_fetch_sub(&counter->refs, 1) != 1)
		return;
	free(counter->route);
	free(counter->limit);
	free(counter);
}

struct quota_counts quota_counter_read(const struct quota_counter *counter)
{
	struct quota_counts sum = {0};

	for (uint32_t i = 0; i < counter->threads; i++) {
		sum.allowed += __atomic_load_n(&counter->of[i].allowed, __ATOMIC_RELAXED);
		sum.refused += __atomic_load_n(&counter->of[i].refused, __ATOMIC_RELAXED);
		sum.dry_run_refused +=
			__atomic_load_n(&counter->of[i].dry_run_refused, __ATOMIC_RELAXED);
	}
	return sum;
}
