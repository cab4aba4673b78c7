/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/gate.h"

#include <stddef.h>

void gate_init(struct gate *gate)
{
	*gate = (struct gate){.in_use = 0};
	pthread_mutex_init(&gate->lock, NULL);
	gate->last = &gate->first;
}

void gate_destroy(struct gate *gate)
{
	pthread_mutex_destroy(&gate->lock);
}

/* One more, if there is room. */
static bool take_slot(struct gate *gate)
{
	uint32_t max = atomic_load(&gate->max), in_use = atomic_load(&gate->in_use);

	do {
		if (max && in_use >= max)
			return false;
	} while (!atomic_compare_exchange_weak(&gate->in_use, &in_use, in_use + 1));
	return true;
}

static void unlink_waiter(struct gate *gate, struct gate_waiter *waiter)
{
	*waiter->link = waiter->next;
	if (waiter->next)
		waiter->next->link = waiter->link;
	else
		gate->last = waiter->link;
	waiter->link = NULL;
	atomic_fetch_sub(&gate->waiting, 1);
}

/* Hand free slots to those who wait. Under the lock. */
static void grant(struct gate *gate)
{
	while (gate->first && take_slot(gate)) {
		struct gate_waiter *waiter = gate->first;

		unlink_waiter(gate, waiter);
		waiter->granted(waiter);
	}
}

void gate_set(struct gate *gate, uint32_t max, uint32_t queue_max)
{
	atomic_store(&gate->max, max);
	atomic_store(&gate->queue_max, queue_max);
	pthread_mutex_lock(&gate->lock);
	grant(gate);
	pthread_mutex_unlock(&gate->lock);
}

static void append(struct gate *gate, struct gate_waiter *waiter)
{
	waiter->next = NULL;
	waiter->link = gate->last;
	*gate->last = waiter;
	gate->last = &waiter->next;
	atomic_fetch_add(&gate->waiting, 1);
}

/*
 * The queue is joined first and a slot tried for after that: a slot freed in between was
 * either seen by the one, or its freer has seen the other.
 */
static enum gate_result enter_slowly(struct gate *gate, struct gate_waiter *waiter)
{
	enum gate_result result = GATE_FULL;

	pthread_mutex_lock(&gate->lock);
	if (atomic_load(&gate->waiting) < atomic_load(&gate->queue_max)) {
		append(gate, waiter);
		grant(gate);
		result = GATE_WAIT;
	} else if (!gate->first && take_slot(gate)) {
		result = GATE_IN;
	}
	pthread_mutex_unlock(&gate->lock);
	return result;
}

enum gate_result gate_enter(struct gate *gate, struct gate_waiter *waiter)
{
	/* Nobody overtakes those who wait already. */
	if (!atomic_load(&gate->waiting) && take_slot(gate))
		return GATE_IN;
	return enter_slowly(gate, waiter);
}

void gate_leave(struct gate *gate)
{
	atomic_fetch_sub(&gate->in_use, 1);
	if (!atomic_load(&gate->waiting))
		return;
	pthread_mutex_lock(&gate->lock);
	grant(gate);
	pthread_mutex_unlock(&gate->lock);
}

bool gate_cancel(struct gate *gate, struct gate_waiter *waiter)
{
	bool was_waiting;

	pthread_mutex_lock(&gate->lock);
	was_waiting = waiter->link != NULL;
	if (was_waiting)
		unlink_waiter(gate, waiter);
	pthread_mutex_unlock(&gate->lock);
	return was_waiting;
}
