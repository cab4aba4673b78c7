/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One epoll set and its timers. Single-threaded: every call, and every callback,
 * comes from the thread that runs the loop. Callbacks may add and remove watches
 * and timers, their own included.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;

/* events: EPOLLIN and so on, as epoll_wait() reported them. */
typedef void loop_ready_fn(void *context, uint32_t events);
typedef void loop_expired_fn(void *context, uint64_t now_ns);

/* Returns 0, or -errno of epoll_create1(). Freed with loop_free(), which ends watches and timers too. */
int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);

/*
 * Call ready(context, events) while fd is ready for events (level-triggered).
 * The fd stays the caller's; loop_unwatch() before closing it.
 * Returns 0, -ENOMEM, or -errno of epoll_ctl().
 */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready_fn *ready, void *context,
	       struct loop_watch **ret_watch);
int loop_rewatch(struct loop_watch *watch, uint32_t events);
/* NULL is fine. A callback already due for this watch is not called any more. */
void loop_unwatch(struct loop_watch *watch);

/*
 * Call expired() at at_ns (CLOCK_MONOTONIC), then every every_ns; once if every_ns is 0
 * (the timer then still wants loop_cancel(), unless loop_free() comes first).
 * Returns 0 or -ENOMEM.
 */
int loop_at(struct loop *loop, uint64_t at_ns, uint64_t every_ns, loop_expired_fn *expired,
	    void *context, struct loop_timer **ret_timer);
/* Set a timer to another instant, or again after it has expired. */
void loop_rearm(struct loop_timer *timer, uint64_t at_ns);
void loop_cancel(struct loop_timer *timer);

/* Run until loop_stop(), also one called before. Returns 0, or -errno of epoll_pwait2(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
