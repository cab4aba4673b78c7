/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time-outs of one thread. Setting a later deadline writes one word: the timer stays
 * where it is and is moved when its turn comes. So a connection whose deadline is put
 * off with every request costs nothing but that word.
 *
 * Coarse: a timer expires up to WHEEL_TICK_NS late, never early.
 */
#ifndef HTTP_WHEEL_H
#define HTTP_WHEEL_H

#include <stdint.h>

#define WHEEL_TICK_NS (64ull << 20) /* 67 ms */
#define WHEEL_SLOTS   1024	    /* 69 s a turn; longer ones wait more than one turn */
#define WHEEL_NEVER   UINT64_MAX

struct wheel_timer;
typedef void wheel_expired_fn(struct wheel_timer *timer, uint64_t now_ns);

/* Part of whatever it times. Zeroed: not set. */
struct wheel_timer {
	struct wheel_timer *next;
	struct wheel_timer **link; /* what points here; NULL: not in the wheel */
	uint64_t deadline_ns;
	uint64_t tick; /* of the slot it stands in */
	wheel_expired_fn *expired;
};

struct wheel {
	uint64_t tick; /* all before are done */
	struct wheel_timer *slot[WHEEL_SLOTS];
};

/* Nothing is set; instants before now_ns (CLOCK_MONOTONIC) are over. */
void wheel_begin(struct wheel *wheel, uint64_t now_ns);

/* Have timer->expired called at deadline_ns, in the place of what was set before. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ns);
void wheel_cancel(struct wheel_timer *timer); /* not set is fine */

/* Call what is due. Timers may be set and cancelled by what is called, any of them. */
void wheel_advance(struct wheel *wheel, uint64_t now_ns);

#endif
