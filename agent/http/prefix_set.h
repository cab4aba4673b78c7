/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prefixes of any lengths, made once and asked often: does one of them cover an address? Pure; never changed after
 * it was made, so any thread may ask.
 */
#ifndef HTTP_PREFIX_SET_H
#define HTTP_PREFIX_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

struct prefix_set;

/* A copy of count prefixes, in any order, the same one twice or not. NULL without memory. */
struct prefix_set *prefix_set_new(const struct prefix *prefixes, size_t count);
void prefix_set_free(struct prefix_set *set); /* NULL is fine */

/* One binary search for each different length there is. */
bool prefix_set_covers(const struct prefix_set *set, const struct prefix *address);

#endif
