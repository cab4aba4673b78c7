/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interfaces see the packets of others again: VLANs, bonds, bridges. A packet is judged once, so what is
 * stacked on a protected interface is left alone. Pure.
 */
#ifndef KERNEL_STACKING_H
#define KERNEL_STACKING_H

#include <stdbool.h>

#include "kernel/links.h"

/* Whether ifindex has our program. */
typedef bool stacking_protected_fn(const void *context, unsigned ifindex);

/*
 * The protected interface that link is stacked on, directly or through others; NULL if there is none. link itself
 * is not asked for.
 */
const struct link *stacking_covered_by(const struct links *links, const struct link *link,
				       stacking_protected_fn *is_protected, const void *context);

/* How many interfaces are below link, at most: 0 for hardware. Lower ones are to be protected first. */
unsigned stacking_depth(const struct links *links, const struct link *link);

#endif
