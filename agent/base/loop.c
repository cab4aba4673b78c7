/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers are a binary heap by instant. Its room is made when a timer is made, so setting one never fails.
 * A watch that ends during a round of callbacks is freed after it: the kernel's answer may still name it.
 */
#include "base/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define EVENTS_MAX 64 /* taken from the kernel at once; the rest stay ready */
#define NOT_QUEUED SIZE_MAX
#define NS_A_SEC   1000000000ull

struct loop_watch {
	struct loop *loop;
	struct loop_watch *next;
	struct loop_watch **link; /* what points here */
	int fd;
	bool ended;
	loop_ready_fn *ready;
	void *context;
};

struct loop_timer {
	struct loop *loop;
	struct loop_timer *next;
	struct loop_timer **link;
	size_t position; /* in the heap, or NOT_QUEUED */
	uint64_t at_ns;
	uint64_t every_ns;
	loop_expired_fn *expired;
	void *context;
};

struct loop {
	int epoll_fd;
	bool stopped;
	struct loop_watch *watches;
	struct loop_watch *ended; /* freed after the round */
	struct loop_timer *timers;
	size_t timer_count;
	struct loop_timer **heap; /* room for timer_count */
	size_t queued;
};

int loop_new(struct loop **ret_loop)
{
	auto_free struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	*ret_loop = take_ptr(loop);
	return 0;
}

static void free_ended(struct loop *loop)
{
	while (loop->ended) {
		struct loop_watch *watch = loop->ended;

		loop->ended = watch->next;
		free(watch);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->watches)
		loop_unwatch(loop->watches);
	free_ended(loop);
	while (loop->timers)
		loop_cancel(loop->timers);
	free(loop->heap);
	close(loop->epoll_fd);
	free(loop);
}

/* ---- Watches ---- */

static int control(struct loop_watch *watch, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	return epoll_ctl(watch->loop->epoll_fd, operation, watch->fd, &event) ? -errno : 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready_fn *ready, void *context,
	       struct loop_watch **ret_watch)
{
	auto_free struct loop_watch *watch = calloc(1, sizeof(*watch));
	int err;

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->fd = fd;
	watch->ready = ready;
	watch->context = context;
	err = control(watch, EPOLL_CTL_ADD, events);
	if (err)
		return err;

	watch->next = loop->watches;
	watch->link = &loop->watches;
	if (watch->next)
		watch->next->link = &watch->next;
	loop->watches = watch;
	*ret_watch = take_ptr(watch);
	return 0;
}

int loop_rewatch(struct loop_watch *watch, uint32_t events)
{
	return control(watch, EPOLL_CTL_MOD, events);
}

void loop_unwatch(struct loop_watch *watch)
{
	if (!watch)
		return;
	(void)control(watch, EPOLL_CTL_DEL, 0); /* fails only for an fd closed too early */
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	watch->ended = true;
	watch->next = watch->loop->ended;
	watch->loop->ended = watch;
}

/* ---- Timers ---- */

static void put(struct loop *loop, struct loop_timer *timer, size_t position)
{
	loop->heap[position] = timer;
	timer->position = position;
}

static void sift_up(struct loop *loop, struct loop_timer *timer)
{
	size_t at = timer->position;

	while (at && loop->heap[(at - 1) / 2]->at_ns > timer->at_ns) {
		put(loop, loop->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	put(loop, timer, at);
}

static void sift_down(struct loop *loop, struct loop_timer *timer)
{
	size_t at = timer->position, child;

	while ((child = 2 * at + 1) < loop->queued) {
		if (child + 1 < loop->queued &&
		    loop->heap[child + 1]->at_ns < loop->heap[child]->at_ns)
			child++;
		if (loop->heap[child]->at_ns >= timer->at_ns)
			break;
		put(loop, loop->heap[child], at);
		at = child;
	}
	put(loop, timer, at);
}

static void dequeue(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	struct loop_timer *last;

	if (timer->position == NOT_QUEUED)
		return;
	last = loop->heap[--loop->queued];
	if (last != timer) {
		put(loop, last, timer->position);
		sift_up(loop, last);
		sift_down(loop, last);
	}
	timer->position = NOT_QUEUED;
}

void loop_rearm(struct loop_timer *timer, uint64_t at_ns)
{
	dequeue(timer);
	timer->at_ns = at_ns;
	put(timer->loop, timer, timer->loop->queued++);
	sift_up(timer->loop, timer);
}

int loop_at(struct loop *loop, uint64_t at_ns, uint64_t every_ns, loop_expired_fn *expired,
	    void *context, struct loop_timer **ret_timer)
{
	struct loop_timer **heap = reallocarray(loop->heap, loop->timer_count + 1, sizeof(*heap));
	struct loop_timer *timer;

	if (!heap)
		return -ENOMEM;
	loop->heap = heap;
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return -ENOMEM;

	timer->loop = loop;
	timer->position = NOT_QUEUED;
	timer->every_ns = every_ns;
	timer->expired = expired;
	timer->context = context;
	timer->next = loop->timers;
	timer->link = &loop->timers;
	if (timer->next)
		timer->next->link = &timer->next;
	loop->timers = timer;
	loop->timer_count++;
	loop_rearm(timer, at_ns);
	*ret_timer = timer;
	return 0;
}

void loop_cancel(struct loop_timer *timer)
{
	if (!timer)
		return;
	dequeue(timer);
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	timer->loop->timer_count--;
	free(timer);
}

/* ---- Running ---- */

/* Instants missed while a callback took long are skipped, not made up for in a burst. */
static uint64_t next_instant(const struct loop_timer *timer, uint64_t now_ns)
{
	uint64_t missed = (now_ns - timer->at_ns) / timer->every_ns;

	return timer->at_ns + (missed + 1) * timer->every_ns;
}

static void expire(struct loop *loop, uint64_t now_ns)
{
	/* A callback that sets its timer to an instant already past must not starve the fds. */
	size_t budget = loop->queued;

	for (; budget && loop->queued && !loop->stopped; budget--) {
		struct loop_timer *timer = loop->heap[0];

		if (timer->at_ns > now_ns)
			break;
		if (timer->every_ns)
			loop_rearm(timer, next_instant(timer, now_ns));
		else
			dequeue(timer);
		timer->expired(timer->context, now_ns); /* may free the timer */
	}
}

/* NULL, for ever, where no timer is set. */
static const struct timespec *time_left(const struct loop *loop, struct timespec *left)
{
	uint64_t now_ns = clock_now_ns(), left_ns;

	if (!loop->queued)
		return NULL;
	left_ns = loop->heap[0]->at_ns > now_ns ? loop->heap[0]->at_ns - now_ns : 0;
	left->tv_sec = (time_t)(left_ns / NS_A_SEC);
	left->tv_nsec = (long)(left_ns % NS_A_SEC);
	return left;
}

static void dispatch(struct loop *loop, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count && !loop->stopped; i++) {
		struct loop_watch *watch = events[i].data.ptr;

		if (!watch->ended)
			watch->ready(watch->context, events[i].events);
	}
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	struct timespec left;

	for (; !loop->stopped; free_ended(loop)) {
		int count = epoll_pwait2(loop->epoll_fd, events, EVENTS_MAX, time_left(loop, &left),
					 NULL);

		if (count < 0 && errno != EINTR)
			return -errno;
		dispatch(loop, events, count);
		expire(loop, clock_now_ns());
	}
	loop->stopped = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
