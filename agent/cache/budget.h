/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One count of bytes for everything the cache holds: stored, filling, and evicted but still
 * being sent. Never above its maximum; any thread may take and give.
 */
#ifndef CACHE_BUDGET_H
#define CACHE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	struct budget
		*total; /* one that this is a part of, which is charged as well; may be NULL */
	_Atomic uint64_t
		max; /* a reload may set another; what is above it then comes back in time */
	_Atomic uint64_t used;
	_Atomic uint64_t peak; /* the most it ever was */
};

#define BUDGET_PAGES_FROM (128u << 10) /* malloc() takes larger ones straight from the kernel */

/* What malloc() really takes for size bytes: its header, and rounding to 16, or to pages. */
static inline size_t budget_cost(size_t size)
{
	size_t unit = size >= BUDGET_PAGES_FROM ? 4096 : 16;

	return (size + 8 + unit - 1) / unit * unit;
}

/* This budget alone. */
static inline bool budget_take_own(struct budget *budget, size_t bytes)
{
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed), peak;
	uint64_t max = atomic_load_explicit(&budget->max, memory_order_relaxed);

	do {
		if (used > max || bytes > max - used)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&budget->used, &used, used + bytes, memory_order_relaxed, memory_order_relaxed));

	peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
	while (used + bytes > peak &&
	       !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, used + bytes,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return true;
}

/* Returns false, and takes nothing, if it does not fit into budget and the total it is part of. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
	if (!budget_take_own(budget, bytes))
		return false;
	if (!budget->total || budget_take_own(budget->total, bytes))
		return true;
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	return false;
}

static inline void budget_give(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
	if (budget->total)
		atomic_fetch_sub_explicit(&budget->total->used, bytes, memory_order_relaxed);
}

#endif
