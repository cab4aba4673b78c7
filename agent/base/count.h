/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that one thread writes and others read. */
#ifndef BASE_COUNT_H
#define BASE_COUNT_H

#include <stdint.h>

/* Only the thread that owns the counter calls this. Others may read meanwhile. */
static inline void count_add(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

static inline void count(uint64_t *counter)
{
	count_add(counter, 1);
}

#endif
