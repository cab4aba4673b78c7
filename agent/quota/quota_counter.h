/* SPDX-License-Identifier: BSD-2-Clause */
/* What limits have done, counted by route and limit. Plans that agree in both names share a counter. */
#ifndef QUOTA_COUNTER_H
#define QUOTA_COUNTER_H

#include "quota/quota_plan.h"

/* The counter of source->before for these names, or a new one; NULL: no memory. */
struct quota_counter *quota_counter_hold(const struct quota_source *source, const char *route,
					 const char *limit);
void quota_counter_drop(struct quota_counter *counter); /* NULL is fine */

/* By route and limit, as quota_counter_hold() looks for them. */
void quota_counters_sort(struct quota_counter **counters, size_t count);

/* Sum over all threads. */
struct quota_counts quota_counter_read(const struct quota_counter *counter);

#endif
