/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The map "counters" of one interface's program: its sums, and its pin PIN_DIR/counters-IFINDEX, by which
 * people and tools find it. The program itself holds the map; the pin is a name.
 */
#ifndef KERNEL_COUNTERS_H
#define KERNEL_COUNTERS_H

#include <stdbool.h>

#include <sluice/abi.h>

/* Sum over all CPUs, by reason; zeros for what cannot be read. map_fd may be -1. */
void counters_read(int map_fd, struct sl_count ret_reasons[SL_REASON_COUNT]);

/* Pin the map, in place of another one of that name. pin_dir "" means that there is no bpffs: nothing is done. */
void counters_pin(const char *pin_dir, unsigned ifindex, int map_fd);
void counters_unpin(const char *pin_dir, unsigned ifindex);

/* Remove the pins of all interfaces but the wanted ones. */
typedef bool counters_wanted_fn(const void *context, unsigned ifindex);
void counters_unpin_others(const char *pin_dir, counters_wanted_fn *is_wanted, const void *context);

#endif
