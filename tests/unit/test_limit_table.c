/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads of the last tests are also meant for ThreadSanitizer:
 *   make BUILD=build-tsan SANITIZE=-fsanitize=thread build-tsan/tests/unit/test_limit_table
 */
#include "limit_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limit/limit_table.h"

#define THREADS 8

static const struct limit_table_size small = {64, 1024};
static const struct limit_spec five = {5, 60 * SECOND, 0, 60 * SECOND, LIMIT_SLIDING_WINDOW};
static const struct limit_spec hundred = {100, 60 * SECOND, 0, 60 * SECOND, LIMIT_SLIDING_WINDOW};

static struct limit_table *opened(int fd)
{
	struct limit_table *table = NULL;

	assert_int_equal(limit_table_open(fd, &table), 0);
	return table;
}

static int created(struct limit_table_size size)
{
	int fd = -1;

	assert_int_equal(limit_table_create(size, &fd), 0);
	return fd;
}

static struct limit_table *fresh(struct limit_table_size size)
{
	int fd = created(size);
	struct limit_table *table = opened(fd);

	close(fd);
	return table;
}

enum answer { LET_IN, REFUSED, LET_IN_SHARED, REFUSED_SHARED, NO_ROOM };

static enum answer ask(struct limit_table *table, const char *key, const struct limit_spec *spec,
		       uint64_t now_ns)
{
	struct limit_moment moment = limit_table_moment(table, now_ns);
	struct limit_seek seek = {
		.key = bytes_of(key), .coarse = BYTES("192.0.2.0/24"), .spec = spec};
	struct limit_ask question = {.spec = spec, .cost = 1};
	enum answer answer = NO_ROOM;

	limit_table_seize(table, &seek, 1, moment);
	question.state = seek.state;
	if (seek.state)
		answer = limit_decide(&question, 1, moment) ? LET_IN : REFUSED;
	if (seek.state && seek.is_shared)
		answer += LET_IN_SHARED;
	limit_table_release(table, &seek, 1);
	return answer;
}

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "client %d", i);
	return name;
}

static void each_key_has_its_own_count(void **state)
{
	struct limit_table *table = fresh(small);

	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask(table, "a", &five, START), LET_IN);
		assert_int_equal(ask(table, "b", &five, START), LET_IN);
	}
	assert_int_equal(ask(table, "a", &five, START), REFUSED);
	assert_int_equal(ask(table, "b", &five, START), REFUSED);
	assert_int_equal(ask(table, "c", &five, START), LET_IN);
	limit_table_close(table);
}

static void who_asks_for_old_entries_only_makes_none(void **state)
{
	struct limit_table *table = fresh(small);
	struct limit_moment moment = limit_table_moment(table, START);
	struct limit_seek seek = {.key = BYTES("a"), .spec = &five, .only_old = true};

	limit_table_seize(table, &seek, 1, moment);
	assert_null(seek.state);
	limit_table_release(table, &seek, 1);
	assert_false(limit_table_forget(table, BYTES("a")));
	assert_int_equal(ask(table, "a", &five, START), LET_IN);
	limit_table_seize(table, &seek, 1, moment);
	assert_non_null(seek.state);
	limit_table_release(table, &seek, 1);
	limit_table_close(table);
}

static void the_largest_table_fits_its_memory_and_one_more_set_does_not(void **state)
{
	const uint64_t bytes = 32 << 20;
	struct limit_table_size size = limit_table_within(bytes, 1024);

	assert_true(limit_table_bytes(size) <= bytes);
	size.entries++;
	assert_true(limit_table_bytes(size) > bytes);
	assert_int_equal(limit_table_within(4096, 1024).entries, 0);
}

static void a_full_table_shares_and_never_lets_in_for_being_full(void **state)
{
	struct limit_table *table = fresh(small);
	int answers[NO_ROOM + 1] = {0};

	for (int i = 0; i < 10000; i++)
		answers[ask(table, name_of(i), &five, START)]++;
	assert_int_equal(answers[LET_IN_SHARED], 5);
	assert_true(answers[LET_IN] <= 64);
	assert_int_equal(answers[REFUSED], 0);
	assert_int_equal(answers[LET_IN] + 5 + answers[REFUSED_SHARED], 10000);
	limit_table_close(table);
}

static void nobody_over_a_limit_is_freed_by_newcomers(void **state)
{
	struct limit_table *table = fresh(small);

	while (ask(table, "offender", &five, START) == LET_IN)
		;
	for (int i = 0; i < 10000; i++)
		(void)ask(table, name_of(i), &five, START + i);
	assert_int_equal(ask(table, "offender", &five, START + 60 * SECOND - 1), REFUSED);
	assert_int_equal(ask(table, "offender", &five, START + 60 * SECOND), LET_IN);
	limit_table_close(table);
}

static void what_is_at_rest_makes_room(void **state)
{
	struct limit_table *table = fresh(small);

	for (int i = 0; i < 1000; i++)
		(void)ask(table, name_of(i), &five, START);
	for (int i = 0; i < 8; i++)
		assert_int_equal(ask(table, name_of(2000 + i), &five, START + 60 * SECOND + 1),
				 LET_IN);
	limit_table_close(table);
}

static void neighbours_that_share_are_coarse_and_others_refused_when_even_that_is_full(void **state)
{
	struct limit_table *table = fresh((struct limit_table_size){1, 1024});
	struct limit_moment moment = limit_table_moment(table, START);
	int without = 0;

	for (int i = 0; i < 1000; i++) {
		struct limit_seek seek = {
			.key = bytes_of(name_of(i)), .coarse = bytes_of(name_of(i)), .spec = &five};

		limit_table_seize(table, &seek, 1, moment);
		if (seek.state)
			limit_state_take(seek.state, &five, 1, START);
		without += !seek.state;
		limit_table_release(table, &seek, 1);
	}
	assert_true(without >= 1000 - 9 * LIMIT_TABLE_WAYS);
	limit_table_close(table);
}

static void keys_of_one_request_never_share_an_entry_by_accident(void **state)
{
	struct limit_table *table = fresh((struct limit_table_size){1, 1024});

	for (uint64_t now_ns = START; now_ns < START + 100; now_ns++) {
		struct limit_seek seeks[12];
		char names[12][32];

		for (int i = 0; i < 12; i++) {
			snprintf(names[i], sizeof(names[i]), "%d at %d", i, (int)(now_ns - START));
			seeks[i] = (struct limit_seek){.key = bytes_of(names[i]),
						       .coarse = bytes_of(names[i]),
						       .spec = &five};
		}
		limit_table_seize(table, seeks, 12, limit_table_moment(table, now_ns));
		for (int a = 0; a < 12; a++)
			for (int b = 0; b < a; b++)
				assert_true(!seeks[a].state || seeks[a].state != seeks[b].state);
		limit_table_release(table, seeks, 12);
	}
	limit_table_close(table);
}

static void a_state_that_does_not_fit_is_refused_not_cut(void **state)
{
	struct limit_spec large = spec_of(LIMIT_MOVING_WINDOW, 10000, SECOND);
	struct limit_table *table = fresh(small);
	struct limit_table *roomy = fresh((struct limit_table_size){8, limit_state_bytes(&large)});

	assert_int_equal(ask(table, "a", &large, START), NO_ROOM);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(ask(roomy, "a", &large, START), LET_IN);
	assert_int_equal(ask(roomy, "a", &large, START), REFUSED);
	limit_table_close(table);
	limit_table_close(roomy);
}

static void a_key_is_forgotten_on_request(void **state)
{
	struct limit_table *table = fresh(small);

	while (ask(table, "a", &five, START) == LET_IN)
		;
	assert_true(limit_table_forget(table, BYTES("a")));
	assert_false(limit_table_forget(table, BYTES("a")));
	assert_int_equal(ask(table, "a", &five, START), LET_IN);
	limit_table_close(table);
}

static void count_entry(void *context, struct bytes label, const struct limit_state *state)
{
	*(int *)context += bytes_equal(label, BYTES("b")) ? 100 : 1;
}

static void a_visit_meets_every_entry_in_use(void **state)
{
	struct limit_table *table = fresh(small);
	int met = 0;

	(void)ask(table, "a", &five, START);
	(void)ask(table, "b", &five, START);
	limit_table_visit(table, count_entry, &met);
	assert_int_equal(met, 101);
	limit_table_close(table);
}

static void what_is_held_is_settled_where_it_was_charged(void **state)
{
	struct limit_table *table = fresh(small);
	struct limit_moment moment = limit_table_moment(table, START);
	struct limit_seek seek = {.key = BYTES("login"), .coarse = BYTES("c"), .spec = &five};

	for (int i = 0; i < 5; i++) {
		limit_table_seize(table, &seek, 1, moment);
		limit_state_hold(seek.state, &five, 1, moment);
		limit_table_release(table, &seek, 1);
	}
	assert_int_equal(ask(table, "login", &five, START), REFUSED);
	limit_table_return(table, &seek, moment);
	limit_state_refund(seek.state, 1);
	limit_table_release(table, &seek, 1);
	assert_int_equal(ask(table, "login", &five, START), LET_IN);
	limit_table_close(table);
}

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

	alarm(10); /* a lock that is not taken over would be waited for for ever */
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
		alarm(10);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_its_own_count),
		cmocka_unit_test(who_asks_for_old_entries_only_makes_none),
		cmocka_unit_test(the_largest_table_fits_its_memory_and_one_more_set_does_not),
		cmocka_unit_test(a_full_table_shares_and_never_lets_in_for_being_full),
		cmocka_unit_test(nobody_over_a_limit_is_freed_by_newcomers),
		cmocka_unit_test(what_is_at_rest_makes_room),
		cmocka_unit_test(
			neighbours_that_share_are_coarse_and_others_refused_when_even_that_is_full),
		cmocka_unit_test(keys_of_one_request_never_share_an_entry_by_accident),
		cmocka_unit_test(a_state_that_does_not_fit_is_refused_not_cut),
		cmocka_unit_test(a_key_is_forgotten_on_request),
		cmocka_unit_test(a_visit_meets_every_entry_in_use),
		cmocka_unit_test(what_is_held_is_settled_where_it_was_charged),
		cmocka_unit_test(counts_saved_before_a_reboot_leave_when_they_would_have),
		cmocka_unit_test(a_file_that_is_no_table_is_refused),
		cmocka_unit_test(counts_outlive_a_killed_process_and_its_lock_is_taken_over),
		cmocka_unit_test(a_process_killed_anywhere_leaves_a_table_that_still_limits),
		cmocka_unit_test(eight_threads_on_one_client_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
