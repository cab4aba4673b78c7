// SPDX-License-Identifier: BSD-2-Clause
/* One source on two CPUs at once. The clock stands still, so the right answer is one number. */
#include "harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#define A	  "192.0.2.1"
#define CPUS	  2
#define ROUNDS	  200
#define REPEAT	  20000
#define BURST	  20000
#define TIER(how) "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"
#define NAMED	  "sources: {192.0.2.1: public}\n"

struct sender {
	pthread_t thread;
	pthread_barrier_t *start;
	const struct frame *frame;
	int program;
	int cpu;
	uint32_t repeat;
	int error;
};

static void *send_all(void *context)
{
	struct sender *sender = context;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = sender->frame->byte,
		    .data_size_in = (uint32_t)sender->frame->len, .repeat = (int)sender->repeat);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sender->cpu, &set);
	sender->error = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	pthread_barrier_wait(sender->start);
	if (!sender->error)
		sender->error = bpf_prog_test_run_opts(sender->program, &opts);
	return NULL;
}

/* Each CPU sends frame repeat times, beginning together. Returns how many passed. */
static uint64_t race(struct harness *harness, const struct frame *frame, uint32_t repeat)
{
	struct sender senders[CPUS];
	pthread_barrier_t start;
	uint64_t before = harness_reason_count(harness, SL_CONFORMING);

	assert_int_equal(pthread_barrier_init(&start, NULL, CPUS), 0);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		senders[cpu] = (struct sender){.start = &start,
					       .frame = frame,
					       .program = harness_program(harness),
					       .cpu = cpu,
					       .repeat = repeat};
		assert_int_equal(
			pthread_create(&senders[cpu].thread, NULL, send_all, &senders[cpu]), 0);
	}
	for (int cpu = 0; cpu < CPUS; cpu++) {
		pthread_join(senders[cpu].thread, NULL);
		assert_int_equal(senders[cpu].error, 0);
	}
	pthread_barrier_destroy(&start);
	return harness_reason_count(harness, SL_CONFORMING) - before;
}

static void a_tracked_source_on_two_cpus_gets_its_burst_to_the_packet(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 1000000/second burst 20000") NAMED);
	assert_reason(*state, &frame, CONFORMING);
	assert_int_equal(race(*state, &frame, REPEAT), BURST - 1);
	for (int i = 0; i < 20; i++) {
		harness_advance(*state, 5000 * US);
		assert_int_equal(race(*state, &frame, REPEAT), 5000);
	}
}

static void two_limits_at_once_are_exact_and_charge_no_refused_packet(void **state)
{
	struct frame frame = frame_of_len(A, 80, 1000);
	struct sl_tracked tracked;
	uint64_t passed;

	/* Bytes refuse first; what packets took for the losers is given back. */
	harness_policy(*state,
		       TIER("packets: 1000000/second burst 100000, bytes: 1 GB/second burst 5 MB")
			       NAMED);
	passed = 1;
	assert_reason(*state, &frame, CONFORMING);
	passed += race(*state, &frame, REPEAT);
	assert_int_equal(passed, 5000);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.full_at_ns[SL_BYTES], HARNESS_START + 5000 * US);
	/* What cannot be given back stays charged: never less than what passed. */
	assert_in_range(tracked.full_at_ns[SL_PACKETS], HARNESS_START + 5000 * US,
			HARNESS_START + 5010 * US);
}

static void counters_of_a_source_lose_nothing_on_two_cpus(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_tracked tracked;
	uint64_t passed;

	harness_policy(*state, TIER("packets: 1000000/second burst 20000") NAMED);
	assert_reason(*state, &frame, CONFORMING);
	passed = race(*state, &frame, REPEAT) + 1;
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.passed.packets, passed);
	assert_int_equal(tracked.passed.packets + tracked.dropped.packets, CPUS * REPEAT + 1);
}

/* A new source each time: loading a policy anew would cost more than the race. */
static struct frame frame_of_round(int round)
{
	char address[16];

	snprintf(address, sizeof(address), "10.0.0.%d", round);
	return frame_of_tcp(address, 80, ACK);
}

static void across_promotion_each_cpu_gains_one_packet_at_most(void **state)
{
	harness_policy(*state, TIER("packets: 1000/second burst 100"));
	for (int round = 1; round <= ROUNDS; round++) {
		struct frame frame = frame_of_round(round);

		assert_in_range(race(*state, &frame, 200), 100, 100 + CPUS);
		assert_int_equal(harness_state(*state)->tracked, round);
	}
}

static void a_stranger_on_two_cpus_gains_one_packet_each_at_most(void **state)
{
	harness_policy(*state, TIER("packets: 1000/second burst 100"));
	harness_close_sources(*state);
	for (int round = 1; round <= ROUNDS; round++) {
		struct frame frame = frame_of_round(round);

		/* Lost races may refuse more than needed, never less. */
		assert_in_range(race(*state, &frame, 1000), 99, 100 + CPUS);
	}
	assert_int_equal(harness_state(*state)->tracked, 0);
}

static void strikes_on_two_cpus_make_one_ban(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state,
		       TIER("packets: 1/minute burst 1") "bans: {after: 100 drops in 10 seconds, "
							 "for: 1 minute, up to: 1 hour}\n");
	race(*state, &frame, REPEAT);
	assert_true(harness_ban_of(*state, A, &ban));
	assert_int_equal(ban.strikes, 1);
	assert_int_equal(harness_state(*state)->bans, 1);
	assert_true(harness_reason_count(*state, SL_OVER_PACKETS) >= 100);
	assert_true(harness_reason_count(*state, SL_BANNED) > REPEAT);
}

static uint64_t monotonic_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * SECOND + (uint64_t)at.tv_nsec;
}

static void under_the_real_clock_two_cpus_get_no_more_than_the_rate(void **state)
{
	const struct harness_options options = {
		.sources = 64, .region_lines = 64, .bans = 64, .real_clock = true};
	struct harness *harness = harness_new(&options);
	struct frame frame = frame_of_tcp(A, 80, ACK);
	uint64_t passed, start_ns, ns;

	(void)state;
	harness_policy(harness, TIER("packets: 100000/second burst 100") NAMED);
	start_ns = monotonic_ns();
	passed = harness_judge(harness, &frame) == SL_CONFORMING;
	passed += race(harness, &frame, 2000000);
	ns = monotonic_ns() - start_ns;
	assert_in_range(passed, 100, 101 + ns / (10 * US));
	harness_free(harness);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_tracked_source_on_two_cpus_gets_its_burst_to_the_packet),
		HARNESS_TEST(two_limits_at_once_are_exact_and_charge_no_refused_packet),
		HARNESS_TEST(counters_of_a_source_lose_nothing_on_two_cpus),
		HARNESS_TEST(across_promotion_each_cpu_gains_one_packet_at_most),
		HARNESS_TEST(a_stranger_on_two_cpus_gains_one_packet_each_at_most),
		HARNESS_TEST(strikes_on_two_cpus_make_one_ban),
		HARNESS_TEST(under_the_real_clock_two_cpus_get_no_more_than_the_rate),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
