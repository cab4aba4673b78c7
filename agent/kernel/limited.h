/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources that are over their limits, watched until they stop. Pure.
 *
 * The datapath tells when a source is being limited; that it stopped shows only in what does not happen any more. It is
 * found here by watching the count, not by writing into the source's entry: user space cannot write there
 * without taking the place of buckets that are being charged.
 *
 * One record of 48 bytes per such source, at most as many as there are tracked ones.
 */
#ifndef KERNEL_LIMITED_H
#define KERNEL_LIMITED_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/abi.h>

#define LIMITED_QUIET_NS 10000000000ull /* without a drop or flag for so long: it stopped */
#define LIMITED_OLD_NS \
	60000000000ull /* told of longer ago when first seen: an earlier agent told the end */

struct limited;

/* secret keys the hash (strangers choose what is in the table); it must outlive the table. Returns 0 or -ENOMEM. */
int limited_new(const struct sl_secret *secret, struct limited **ret_limited);
void limited_free(struct limited *limited);

/*
 * Look at a source that has been told of (event_ns is not 0); once a pass over all of them. Returns true once, when
 * it has stopped. Without memory for a record its stop is not told.
 */
bool limited_watch(struct limited *limited, const struct sl_source *source,
		   const struct sl_tracked *tracked, uint64_t now_ns);

/* The source is not tracked any more. Returns true if its stop was still to be told. */
bool limited_drop(struct limited *limited, const struct sl_source *source);

#endif
