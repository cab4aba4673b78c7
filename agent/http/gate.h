/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many requests an upstream has at once, over all threads, and who waits for the
 * next slot. First come, first served, on whatever thread they wait.
 *
 * Thread-safe. Without a queue entering and leaving are one atomic operation each.
 */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate_waiter;
/* The waiter has its slot. Called under the gate's lock by whoever freed it: hand it on. */
typedef void gate_granted_fn(struct gate_waiter *waiter);

struct gate_waiter {
	gate_granted_fn *granted; /* set before entering */
	/* The rest is the gate's. */
	struct gate_waiter *next;
	struct gate_waiter **link; /* NULL: not waiting */
};

struct gate {
	_Atomic uint32_t in_use;
	_Atomic uint32_t waiting;
	_Atomic uint32_t max; /* 0: no cap */
	_Atomic uint32_t queue_max;
	pthread_mutex_t lock;
	struct gate_waiter *first;
	struct gate_waiter **last;
};

/* Without a cap. It is destroyed when nobody is in and nobody waits. */
void gate_init(struct gate *gate);
void gate_destroy(struct gate *gate);

/* Another policy: a larger cap lets those who wait in at once, a smaller one holds as slots are given back. */
void gate_set(struct gate *gate, uint32_t max, uint32_t queue_max);

enum gate_result {
	GATE_IN,   /* the caller has a slot, and gives it back with gate_leave() */
	GATE_WAIT, /* waiter->granted() will be called, unless gate_cancel() comes first */
	GATE_FULL, /* neither a slot nor room in the queue */
};
/* Ask for a slot, and give it back: then the one who has waited longest is granted it, on the thread that gave it. */
enum gate_result gate_enter(struct gate *gate, struct gate_waiter *waiter);
void gate_leave(struct gate *gate);

/* Wait no longer. False: granted() has been called, and the slot is the waiter's. */
bool gate_cancel(struct gate *gate, struct gate_waiter *waiter);

#endif
