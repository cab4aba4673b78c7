/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/wheel.h"

#include <stdbool.h>
#include <stddef.h>

void wheel_begin(struct wheel *wheel, uint64_t now_ns)
{
	*wheel = (struct wheel){.tick = now_ns / WHEEL_TICK_NS};
}

static void put(struct wheel *wheel, struct wheel_timer *timer, uint64_t tick)
{
	struct wheel_timer **slot = &wheel->slot[tick % WHEEL_SLOTS];

	timer->tick = tick;
	timer->next = *slot;
	timer->link = slot;
	if (timer->next)
		timer->next->link = &timer->next;
	*slot = timer;
}

static void unlink_timer(struct wheel_timer *timer)
{
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->link = NULL;
}

/* The first tick at which deadline_ns has passed, within one turn from now. */
static uint64_t tick_of(const struct wheel *wheel, uint64_t deadline_ns)
{
	uint64_t tick = deadline_ns / WHEEL_TICK_NS + 1;

	if (tick < wheel->tick)
		return wheel->tick;
	if (tick >= wheel->tick + WHEEL_SLOTS)
		return wheel->tick + WHEEL_SLOTS - 1;
	return tick;
}

void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t deadline_ns)
{
	uint64_t tick;

	timer->deadline_ns = deadline_ns;
	if (timer->link && deadline_ns / WHEEL_TICK_NS + 1 >= timer->tick)
		return;
	tick = tick_of(wheel, deadline_ns);
	if (timer->link)
		unlink_timer(timer);
	put(wheel, timer, tick);
}

void wheel_cancel(struct wheel_timer *timer)
{
	if (timer->link)
		unlink_timer(timer);
}

/* Timers set while this slot is worked off never land in it: it is in the past by then. */
static void expire_slot(struct wheel *wheel, struct wheel_timer **slot, uint64_t now_ns)
{
	struct wheel_timer *due = *slot;

	*slot = NULL;
	if (due)
		due->link = &due;
	while (due) {
		struct wheel_timer *timer = due;

		unlink_timer(timer);
		if (timer->deadline_ns > now_ns)
			put(wheel, timer, tick_of(wheel, timer->deadline_ns));
		else
			timer->expired(timer, now_ns);
	}
}

void wheel_advance(struct wheel *wheel, uint64_t now_ns)
{
	uint64_t now_tick = now_ns / WHEEL_TICK_NS;

	/* After a long pause one turn reaches every slot. */
	if (now_tick > wheel->tick + WHEEL_SLOTS)
		wheel->tick = now_tick - WHEEL_SLOTS;
	while (wheel->tick <= now_tick) {
		struct wheel_timer **slot = &wheel->slot[wheel->tick++ % WHEEL_SLOTS];

		expire_slot(wheel, slot, now_ns);
	}
}
