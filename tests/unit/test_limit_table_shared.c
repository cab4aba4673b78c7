/* SPDX-License-Identifier: BSD-2-Clause */
/* One table in the hands of several processes and threads; ThreadSanitizer watches, too (make tests-thread). */
#include "limit_table_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define THREADS 8

/* Saved at an uptime of START, written back 10 s later, at an uptime of 2 s. */
static void counts_saved_before_a_reboot_leave_when_they_would_have(void **state)
{
	struct limit_table *table = fresh(small);
	const uint64_t uptime_ns = 2 * SECOND;

	for (int strategy = LIMIT_SLIDING_WINDOW; strategy <= LIMIT_MOVING_WINDOW; strategy++) {
		struct limit_spec spec = spec_of(strategy, 5, 60 * SECOND);

		spec.burst = 5;
		while (ask(table, name_of(strategy), &spec, START) == LET_IN)
			;
	}
	limit_table_continue(table, START, 10 * SECOND, uptime_ns);
	for (int strategy = LIMIT_SLIDING_WINDOW; strategy <= LIMIT_MOVING_WINDOW; strategy++) {
		struct limit_spec spec = spec_of(strategy, 5, 60 * SECOND);

		spec.burst = 5;
		assert_int_equal(ask(table, name_of(strategy), &spec, uptime_ns + SECOND), REFUSED);
		assert_int_equal(ask(table, name_of(strategy), &spec, uptime_ns + 50 * SECOND + 1),
				 LET_IN);
	}
	limit_table_close(table);
}

static void a_file_that_is_no_table_is_refused(void **state)
{
	int fd = memfd_create("test", 0);
	int good = created(small);
	struct limit_table *table = NULL;
	uint64_t word = 0;

	assert_int_equal(limit_table_open(fd, &table), -EINVAL);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(limit_table_open(fd, &table), -EINVAL);
	/* Its own size wrong by one set. */
	assert_int_equal(pread(good, &word, 8, 16), 8);
	word++;
	assert_int_equal(pwrite(good, &word, 8, 16), 8);
	assert_int_equal(limit_table_open(good, &table), -EINVAL);
	assert_int_equal(limit_table_create((struct limit_table_size){0, 1024}, &fd), -EINVAL);
	assert_null(table);
	close(fd);
	close(good);
}

/* Killed at some instant of its work, its last lock held for certain. */
static void work_and_die(int fd)
{
	struct limit_table *table = opened(fd);
	struct limit_seek seek = {.key = BYTES("a"), .coarse = BYTES("c"), .spec = &five};
	struct limit_moment moment = limit_table_moment(table, START);

	for (int i = 0; i < 3; i++)
		(void)ask(table, "a", &five, START);
	limit_table_seize(table, &seek, 1, moment);
	limit_state_hold(seek.state, &five, 1, moment);
	(void)kill(getpid(), SIGKILL);
}

static void counts_outlive_a_killed_process_and_its_lock_is_taken_over(void **state)
{
	int fd = created(small);
	pid_t pid = fork();
	struct limit_table *table;
	int status;

	if (!pid)
		work_and_die(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));

	alarm(60); /* a lock that is not taken over would be waited for for ever */
	table = opened(fd);
	assert_int_equal(ask(table, "a", &five, START + 1), LET_IN);
	assert_int_equal(ask(table, "a", &five, START + 1), REFUSED);
	alarm(0);
	limit_table_close(table);
	close(fd);
}

static void hammer_for_ever(int fd)
{
	struct limit_table *table = opened(fd);

	for (uint64_t i = 0;; i++)
		(void)ask(table, name_of((int)(i % 50)), &hundred, START);
}

/* At whatever instruction it dies: what was counted stays, and never more than the limit fits. */
static void a_process_killed_anywhere_leaves_a_table_that_still_limits(void **state)
{
	for (int round = 0; round < 20; round++) {
		int fd = created(small);
		pid_t pid = fork();
		struct limit_table *table;
		int let_in = 0;

		if (!pid)
			hammer_for_ever(fd);
		usleep(500 + round * 700);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);

		table = opened(fd);
		alarm(60);
		for (int i = 0; i < 150; i++)
			let_in += ask(table, name_of(0), &hundred, START) == LET_IN;
		alarm(0);
		assert_true(let_in <= 100);
		assert_int_equal(ask(table, name_of(0), &hundred, START + 61 * SECOND), LET_IN);
		limit_table_close(table);
		close(fd);
	}
}

struct worker {
	pthread_t thread;
	struct limit_table *table;
	int let_in[2];
};

/* Two limits, one client: both entries are locked at once, in whatever order they are asked for. */
static void *ask_often(void *context)
{
	struct worker *worker = context;
	struct limit_spec day = spec_of(LIMIT_SLIDING_WINDOW, 5000, 86400 * SECOND);
	struct limit_spec hour = spec_of(LIMIT_FIXED_WINDOW, 3000, 3600 * SECOND);

	for (unsigned i = 0; i < 2000; i++) {
		struct limit_moment moment = limit_table_moment(worker->table, START + i);
		struct limit_seek seeks[2] = {
			{.key = BYTES("day"), .coarse = BYTES("c"), .spec = &day},
			{.key = BYTES("hour"), .coarse = BYTES("d"), .spec = &hour},
		};
		struct limit_ask asks[2] = {{.spec = &day, .cost = 1}, {.spec = &hour, .cost = 1}};

		limit_table_seize(worker->table, seeks, 2, moment);
		asks[0].state = seeks[0].state;
		asks[1].state = seeks[1].state;
		worker->let_in[0] += limit_decide(asks, 2, moment);
		worker->let_in[1] += limit_decide(asks, 1, moment);
		limit_table_release(worker->table, seeks, 2);
	}
	return NULL;
}

static void eight_threads_on_one_client_are_exact(void **state)
{
	struct limit_table *table = fresh(small);
	struct worker workers[THREADS] = {0};
	int both = 0, day_only = 0;

	for (int i = 0; i < THREADS; i++) {
		workers[i].table = table;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, ask_often, &workers[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		both += workers[i].let_in[0];
		day_only += workers[i].let_in[1];
	}
	assert_int_equal(both + day_only, 5000);
	assert_true(both <= 3000);
	limit_table_close(table);
}

static struct limit_table *joined(int fd)
{
	struct limit_table *table = NULL;

	assert_int_equal(limit_table_join(fd, &table), 0);
	return table;
}

#define PROCESS_ASKS 20000

static int ask_many(struct limit_table *table)
{
	const struct limit_spec spec = spec_of(LIMIT_SLIDING_WINDOW, PROCESS_ASKS, 3600 * SECOND);
	int let_in = 0;

	for (uint64_t i = 0; i < PROCESS_ASKS; i++)
		let_in += ask(table, "one", &spec, START + i) == LET_IN;
	return let_in;
}

static void two_processes_that_have_it_at_once_are_exact(void **state)
{
	int fd = created(small), ends[2], other = 0, own;
	struct limit_table *table = opened(fd);
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		own = ask_many(joined(fd));
		_exit(write(ends[1], &own, sizeof(own)) != sizeof(own));
	}
	alarm(60);
	own = ask_many(table);
	assert_int_equal(read(ends[0], &other, sizeof(other)), sizeof(other));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	alarm(0);
	assert_int_equal(own + other, PROCESS_ASKS);
	close(ends[0]);
	close(ends[1]);
	limit_table_close(table);
	close(fd);
}

static void *ask_once(void *context)
{
	(void)ask(context, "a", &five, START);
	return NULL;
}

/* Whoever of the two has it: the other waits while it lives, and no longer than a second when it does not. */
static void who_joins_waits_for_a_lock_and_not_for_ever(void **state)
{
	int fd = created(small);
	struct limit_table *tables[] = {opened(fd), joined(fd)};
	struct limit_seek seek = {.key = BYTES("a"), .coarse = BYTES("b"), .spec = &five};
	pthread_t waiting;

	for (int first = 0; first < 2; first++) {
		struct limit_table *one = tables[first], *other = tables[!first];

		alarm(20);
		limit_table_seize(one, &seek, 1, limit_table_moment(one, START));
		assert_int_equal(pthread_create(&waiting, NULL, ask_once, other), 0);
		usleep(100000);
		assert_int_equal(pthread_tryjoin_np(waiting, NULL), EBUSY);
		limit_table_release(one, &seek, 1);
		assert_int_equal(pthread_join(waiting, NULL), 0);

		/* It died with the lock. */
		limit_table_seize(one, &seek, 1, limit_table_moment(one, START));
		assert_int_equal(pthread_create(&waiting, NULL, ask_once, other), 0);
		assert_int_equal(pthread_join(waiting, NULL), 0);
		alarm(0);
	}
	assert_int_equal(ask(tables[0], "a", &five, START), LET_IN);
	assert_int_equal(ask(tables[1], "a", &five, START), REFUSED);
	limit_table_close(tables[0]);
	limit_table_close(tables[1]);
	close(fd);
}

static void what_one_holds_the_other_does_not_take_for_a_dead_ones(void **state)
{
	int fd = created(small);
	struct limit_table *first = opened(fd), *second = joined(fd);
	struct limit_moment moment = limit_table_moment(first, START);
	struct limit_seek seek = {.key = BYTES("a"), .coarse = BYTES("b"), .spec = &five};

	limit_table_seize(first, &seek, 1, moment);
	limit_state_hold(seek.state, &five, 5, moment);
	limit_table_release(first, &seek, 1);
	assert_int_equal(ask(second, "a", &five, START), REFUSED);

	limit_table_return(first, &seek, moment);
	limit_state_refund(seek.state, 5);
	limit_table_release(first, &seek, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(second, "a", &five, START), LET_IN);
	limit_table_close(first);
	limit_table_close(second);
	close(fd);
}

static void a_table_is_known_by_its_size(void **state)
{
	const struct limit_table_size more = {small.entries + 100, small.state_bytes};
	const struct limit_table_size larger = {small.entries, small.state_bytes + 64};
	int fd = created(small), nothing = open("/dev/null", O_RDONLY);

	assert_true(limit_table_is_sized(fd, small));
	assert_false(limit_table_is_sized(fd, more));
	assert_false(limit_table_is_sized(fd, larger));
	assert_false(limit_table_is_sized(nothing, small));
	close(nothing);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_saved_before_a_reboot_leave_when_they_would_have),
		cmocka_unit_test(a_file_that_is_no_table_is_refused),
		cmocka_unit_test(counts_outlive_a_killed_process_and_its_lock_is_taken_over),
		cmocka_unit_test(a_process_killed_anywhere_leaves_a_table_that_still_limits),
		cmocka_unit_test(eight_threads_on_one_client_are_exact),
		cmocka_unit_test(two_processes_that_have_it_at_once_are_exact),
		cmocka_unit_test(who_joins_waits_for_a_lock_and_not_for_ever),
		cmocka_unit_test(what_one_holds_the_other_does_not_take_for_a_dead_ones),
		cmocka_unit_test(a_table_is_known_by_its_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
