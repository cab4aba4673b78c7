// SPDX-License-Identifier: BSD-2-Clause
/* What the datapath tells of a source through the ring buffer: once a period, with the count that stands for. */
#include "harness.h"

#include <sched.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "kernel/datapath.h"

#define A	    "192.0.2.1"
#define B	    "192.0.2.2"
#define ONE	    "protect: everything\ntiers: {public: {packets: 60/minute burst 1}}\ndefault: public\n"
#define PERIOD	    (10 * SECOND)
#define TOLD_MAX    2048
#define BURST	    500 /* events at once, a CPU */
#define EACH_SECOND 200

struct told {
	struct sl_event event[TOLD_MAX];
	size_t count;
};

static struct told told;

static int note(void *context, void *record, size_t size)
{
	(void)context;
	assert_int_equal(size, sizeof(struct sl_event));
	assert_true(told.count < TOLD_MAX);
	memcpy(&told.event[told.count++], record, size);
	return 0;
}

/* What was told since the last call: their number; they stand in told.event. */
static size_t told_since(struct harness *harness)
{
	struct ring_buffer *ring =
		ring_buffer__new(harness_map(harness, "events"), note, NULL, NULL);

	assert_non_null(ring);
	told.count = 0;
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
	return told.count;
}

static void assert_told_of(struct harness *harness, const char *address, enum sl_event_kind kind,
			   uint64_t packets)
{
	struct sl_source source = harness_source(harness, address);

	assert_int_equal(told_since(harness), 1);
	assert_memory_equal(&told.event[0].source, &source, sizeof(source));
	assert_int_equal(told.event[0].kind, kind);
	assert_int_equal(told.event[0].packets, packets);
	assert_int_equal(told.event[0].at_ns, harness_now(harness));
}

static void the_first_drop_is_told_and_no_other_of_its_period(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE);
	assert_reason(*state, &frame, CONFORMING);
	assert_int_equal(told_since(*state), 0);
	assert_reason(*state, &frame, OVER_PACKETS);
	assert_told_of(*state, A, SL_EVENT_LIMITED, 1);
	assert_int_equal(told.event[0].reason, SL_OVER_PACKETS);
	assert_int_equal(told.event[0].tier, 0);

	harness_passes(*state, &frame, 5000);
	harness_advance(*state, PERIOD - MS);
	harness_passes(*state, &frame, 5000);
	assert_int_equal(told_since(*state), 0);
}

static void the_next_period_is_told_with_the_count_of_all_since(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, ONE);
	harness_passes(*state, &frame, 1 + 50); /* one passes, one is told of */
	assert_int_equal(told_since(*state), 1);
	harness_advance(*state, PERIOD + 2 * MS);
	harness_passes(*state, &frame, 2); /* one passes */
	assert_told_of(*state, A, SL_EVENT_LIMITED, 49 + 1);
}

static void a_steady_offender_is_told_of_though_its_window_of_bans_is_a_day(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state,
		       ONE "bans: {after: 1000000 drops in 1 day, for: 1 minute, up to: 1 hour}\n");
	harness_passes(*state, &frame, 1 + 10);
	assert_int_equal(told_since(*state), 1);
	harness_advance(*state, PERIOD);
	harness_passes(*state, &frame, 1 + 1024); /* every 1024th drop asks whether it is time */
	assert_int_equal(told_since(*state), 1);
	assert_int_equal(told.event[0].packets, 1024 - 1);
}

static void each_source_has_an_event_of_its_own(void **state)
{
	struct frame a = frame_of_tcp(A, 80, ACK), b = frame_of_tcp(B, 80, ACK);

	harness_policy(*state, ONE);
	harness_passes(*state, &a, 3);
	assert_told_of(*state, A, SL_EVENT_LIMITED, 1);
	harness_passes(*state, &b, 3);
	assert_told_of(*state, B, SL_EVENT_LIMITED, 1);
}

static void a_flag_is_told_once_and_its_turning_into_drops_at_once(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, "protect: everything\ndefault: public\n"
			       "tiers: {public: {packets: 60/minute burst 10, flag above: 50%}}\n"
			       "sources: {192.0.2.0/24: public}\n");
	harness_passes(*state, &frame, 5);
	assert_int_equal(told_since(*state), 0);
	harness_passes(*state, &frame, 5);
	assert_told_of(*state, A, SL_EVENT_FLAGGED, 1);
	assert_int_equal(told.event[0].reason, SL_FLAG_SOFT);
	assert_reason(*state, &frame, OVER_PACKETS);
	assert_told_of(*state, A, SL_EVENT_LIMITED, 4 + 1);
	harness_passes(*state, &frame, 100);
	assert_int_equal(told_since(*state), 0);
}

static void a_ban_is_told_with_its_end_its_strike_and_the_drops_that_led_to_it(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state,
		       ONE "bans: {after: 5 drops in 10 seconds, for: 1 minute, up to: 1 hour}\n");
	harness_passes(*state, &frame, 1 + 4);
	assert_told_of(*state, A, SL_EVENT_LIMITED, 1);
	harness_passes(*state, &frame, 1);
	assert_told_of(*state, A, SL_EVENT_BANNED, 5);
	assert_int_equal(told.event[0].until_ns, HARNESS_START + MINUTE);
	assert_int_equal(told.event[0].strikes, 1);
	harness_passes(*state, &frame, 5000);
	assert_int_equal(told_since(*state), 0);
}

/* Each of count sources, the number first among them, is refused once. */
static void refuse_each(struct harness *harness, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		char address[32];
		struct frame frame;

		(void)snprintf(address, sizeof(address), "172.16.%u.%u", i / 256, i % 256);
		frame = frame_of_tcp(address, 80, ACK);
		assert_int_equal(harness_passes(harness, &frame, 2), 1);
	}
}

static void events_have_a_budget_and_what_is_beyond_it_is_counted_as_lost(void **state)
{
	const struct harness_options options = {.sources = 2048, .region_lines = 2048, .bans = 64};
	struct harness *harness = harness_new(&options);
	cpu_set_t before, one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(0, &one); /* the budget is a CPU's */
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	harness_policy(harness, ONE);

	refuse_each(harness, 0, BURST + 100);
	assert_int_equal(told_since(harness), BURST);
	assert_int_equal(harness_fault_count(harness, SL_FAULT_EVENT_LOST), 100);
	harness_advance(harness, SECOND);
	refuse_each(harness, BURST + 100, EACH_SECOND + 1);
	assert_int_equal(told_since(harness), EACH_SECOND);
	assert_int_equal(harness_fault_count(harness, SL_FAULT_EVENT_LOST), 101);

	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	harness_free(harness);
}

/* The ring outlives a reset: what earlier tests left in it is nobody's. */
static int setup(void **state)
{
	(void)harness_setup(state);
	(void)told_since(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_drop_is_told_and_no_other_of_its_period),
		TEST(the_next_period_is_told_with_the_count_of_all_since),
		TEST(a_steady_offender_is_told_of_though_its_window_of_bans_is_a_day),
		TEST(each_source_has_an_event_of_its_own),
		TEST(a_flag_is_told_once_and_its_turning_into_drops_at_once),
		TEST(a_ban_is_told_with_its_end_its_strike_and_the_drops_that_led_to_it),
		TEST(events_have_a_budget_and_what_is_beyond_it_is_counted_as_lost),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
