/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

#define MS 1000000ull

struct world {
	struct loop *loop;
	int fd[2];
	struct loop_watch *watch[2];
	struct loop_timer *timer[8];
	int called[8];
	uint64_t told_ns;
	int order[64];
	int order_len;
};

static struct world *new_world(void)
{
	static struct world world;

	world = (struct world){0};
	assert_int_equal(loop_new(&world.loop), 0);
	for (int i = 0; i < 2; i++)
		world.fd[i] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	return &world;
}

static void end_world(struct world *world)
{
	loop_free(world->loop);
	close(world->fd[0]);
	close(world->fd[1]);
}

static void stop_when_ready(void *context, uint32_t events)
{
	struct world *world = context;

	world->called[0]++;
	assert_int_equal(events, EPOLLIN);
	loop_stop(world->loop);
}

static void stop_when_expired(void *context, uint64_t now_ns)
{
	struct world *world = context;

	world->called[1]++;
	world->told_ns = now_ns;
	loop_stop(world->loop);
}

static void a_ready_fd_is_told_of_until_it_is_unwatched(void **state)
{
	struct world *world = new_world();

	assert_int_equal(loop_watch(world->loop, world->fd[0], EPOLLIN, stop_when_ready, world,
				    &world->watch[0]),
			 0);
	assert_int_equal(loop_run(world->loop), 0);
	assert_int_equal(loop_run(world->loop), 0);
	assert_int_equal(world->called[0], 2);

	loop_unwatch(world->watch[0]);
	assert_int_equal(loop_at(world->loop, clock_now_ns() + MS, 0, stop_when_expired, world,
				 &world->timer[0]),
			 0);
	assert_int_equal(loop_run(world->loop), 0);
	assert_int_equal(world->called[0], 2);
	end_world(world);
}

static void rewatching_changes_the_events(void **state)
{
	struct world *world = new_world();

	loop_watch(world->loop, world->fd[0], EPOLLIN, stop_when_ready, world, &world->watch[0]);
	assert_int_equal(loop_rewatch(world->watch[0], 0), 0);
	loop_at(world->loop, 0, 0, stop_when_expired, world, &world->timer[0]);
	loop_run(world->loop);
	assert_int_equal(world->called[0], 0);
	assert_int_equal(loop_rewatch(world->watch[0], EPOLLIN), 0);
	loop_run(world->loop);
	assert_int_equal(world->called[0], 1);
	end_world(world);
}

static void an_fd_that_cannot_be_watched_is_an_error(void **state)
{
	struct world *world = new_world();

	assert_int_equal(
		loop_watch(world->loop, -1, EPOLLIN, stop_when_ready, world, &world->watch[0]),
		-EBADF);
	assert_null(world->watch[0]);
	end_world(world);
}

/* Both are ready; whichever is called first ends both. */
static void end_both(void *context, uint32_t events)
{
	struct world *world = context;

	world->called[0]++;
	loop_unwatch(world->watch[0]);
	loop_unwatch(world->watch[1]);
}

static void an_ended_watch_is_not_called_even_when_due(void **state)
{
	struct world *world = new_world();

	for (int i = 0; i < 2; i++)
		loop_watch(world->loop, world->fd[i], EPOLLIN, end_both, world, &world->watch[i]);
	loop_at(world->loop, clock_now_ns() + MS, 0, stop_when_expired, world, &world->timer[0]);
	loop_run(world->loop);
	assert_int_equal(world->called[0], 1);
	end_world(world);
}

static void a_timer_never_expires_early(void **state)
{
	struct world *world = new_world();
	uint64_t at_ns = clock_now_ns() + 3 * MS;

	loop_at(world->loop, at_ns, 0, stop_when_expired, world, &world->timer[0]);
	loop_run(world->loop);
	assert_true(clock_now_ns() >= at_ns);
	assert_true(world->told_ns >= at_ns);
	end_world(world);
}

struct mark {
	struct world *world;
	int number;
};

static void note(void *context, uint64_t now_ns)
{
	struct mark *mark = context;

	mark->world->order[mark->world->order_len++] = mark->number;
}

static void timers_expire_in_order_of_their_instants(void **state)
{
	static const int instants[] = {5, 3, 9, 1, 7, 2};
	struct world *world = new_world();
	struct mark mark[6];

	for (int i = 0; i < 6; i++) {
		mark[i] = (struct mark){world, instants[i]};
		loop_at(world->loop, (uint64_t)instants[i], 0, note, &mark[i], &world->timer[i]);
	}
	loop_cancel(world->timer[4]);
	loop_rearm(world->timer[0], 10);
	loop_at(world->loop, 11, 0, stop_when_expired, world, &world->timer[6]);
	loop_run(world->loop);

	assert_int_equal(world->order_len, 5);
	assert_memory_equal(world->order, ((const int[]){1, 2, 3, 9, 5}), 5 * sizeof(int));
	end_world(world);
}

static void count_to_three(void *context, uint64_t now_ns)
{
	struct world *world = context;

	if (++world->called[2] == 3)
		loop_stop(world->loop);
}

static void a_periodic_timer_comes_again(void **state)
{
	struct world *world = new_world();
	uint64_t start_ns = clock_now_ns();

	loop_at(world->loop, start_ns + MS, MS, count_to_three, world, &world->timer[0]);
	loop_run(world->loop);
	assert_int_equal(world->called[2], 3);
	assert_true(clock_now_ns() >= start_ns + 3 * MS);
	end_world(world);
}

static void instants_long_missed_are_not_made_up_for(void **state)
{
	struct world *world = new_world();
	uint64_t now_ns = clock_now_ns();

	/* A thousand seconds behind: one call is due, not a thousand. */
	loop_at(world->loop, now_ns - 1000000 * MS, 1000 * MS, count_to_three, world,
		&world->timer[0]);
	loop_at(world->loop, now_ns + 5 * MS, 0, stop_when_expired, world, &world->timer[1]);
	loop_run(world->loop);
	assert_true(world->called[2] <= 2);
	end_world(world);
}

static void cancel_oneself(void *context, uint64_t now_ns)
{
	struct world *world = context;

	loop_cancel(world->timer[0]);
	loop_stop(world->loop);
}

static void a_timer_may_cancel_itself(void **state)
{
	struct world *world = new_world();

	loop_at(world->loop, 1, 1, cancel_oneself, world, &world->timer[0]);
	assert_int_equal(loop_run(world->loop), 0);
	end_world(world);
}

static void rearm_into_the_past(void *context, uint64_t now_ns)
{
	struct world *world = context;

	assert_int_equal(eventfd_write(world->fd[0], 1), 0);
	loop_rearm(world->timer[0], 1);
}

static void a_timer_that_is_always_due_does_not_starve_fds(void **state)
{
	struct world *world = new_world();
	eventfd_t before;

	/* Ready only once the timer has been called. */
	assert_int_equal(eventfd_read(world->fd[0], &before), 0);
	loop_watch(world->loop, world->fd[0], EPOLLIN, stop_when_ready, world, &world->watch[0]);
	loop_at(world->loop, 1, 0, rearm_into_the_past, world, &world->timer[0]);
	assert_int_equal(loop_run(world->loop), 0);
	assert_int_equal(world->called[0], 1);
	end_world(world);
}

static void a_loop_stopped_before_it_runs_returns_at_once(void **state)
{
	struct world *world = new_world();

	loop_watch(world->loop, world->fd[0], EPOLLIN, stop_when_ready, world, &world->watch[0]);
	loop_stop(world->loop);
	assert_int_equal(loop_run(world->loop), 0);
	assert_int_equal(world->called[0], 0);
	end_world(world);
}

static void nothing_is_a_fine_thing_to_end(void **state)
{
	loop_unwatch(NULL);
	loop_cancel(NULL);
	loop_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_fd_is_told_of_until_it_is_unwatched),
		cmocka_unit_test(rewatching_changes_the_events),
		cmocka_unit_test(an_fd_that_cannot_be_watched_is_an_error),
		cmocka_unit_test(an_ended_watch_is_not_called_even_when_due),
		cmocka_unit_test(a_timer_never_expires_early),
		cmocka_unit_test(timers_expire_in_order_of_their_instants),
		cmocka_unit_test(a_periodic_timer_comes_again),
		cmocka_unit_test(instants_long_missed_are_not_made_up_for),
		cmocka_unit_test(a_timer_may_cancel_itself),
		cmocka_unit_test(a_timer_that_is_always_due_does_not_starve_fds),
		cmocka_unit_test(a_loop_stopped_before_it_runs_returns_at_once),
		cmocka_unit_test(nothing_is_a_fine_thing_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
