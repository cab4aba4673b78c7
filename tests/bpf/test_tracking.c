// SPDX-License-Identifier: BSD-2-Clause
/* Who gets an entry in "sources", and that nobody's limit depends on it. */
#include "harness.h"

#include <arpa/inet.h>
#include <linux/ip.h>
#include <stddef.h>
#include <string.h>

#define A	  "192.0.2.1"
#define TIER(how) "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"
#define ONE	  TIER("packets: 60/minute burst 1")
#define NAMED_ONE ONE "sources: {172.16.0.0/12: public}\n"

static void set_source(struct frame *frame, uint32_t address)
{
	uint32_t address_be = htonl(address);

	memcpy(frame->byte + frame->ip_at + offsetof(struct iphdr, saddr), &address_be,
	       sizeof(address_be));
}

/* Each of count sources from base on sends one packet; returns how many passed. */
static uint64_t each_sends(struct harness *harness, const char *base, uint32_t count)
{
	struct frame frame = frame_of_tcp(base, 80, ACK);
	struct in_addr first;
	uint64_t passed = 0;

	assert_int_equal(inet_pton(AF_INET, base, &first), 1);
	for (uint32_t i = 0; i < count; i++) {
		set_source(&frame, ntohl(first.s_addr) + i);
		passed += harness_run(harness, &frame) == XDP_PASS;
	}
	return passed;
}

static void a_source_within_half_its_burst_stays_a_stranger(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("packets: 60/minute burst 10"));
	harness_passes(*state, &frame, 5);
	assert_false(harness_tracked(*state, A, &tracked));
	harness_passes(*state, &frame, 1);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(harness_state(*state)->tracked, 1);
}

static void a_refused_source_is_tracked(void **state)
{
	struct frame frame = frame_of_len(A, 80, 1000);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("bytes: 500/second burst 500"));
	assert_reason(*state, &frame, OVER_BYTES);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.dropped.packets, 1);
}

static void a_source_that_a_prefix_names_is_tracked_at_once(void **state)
{
	struct frame named = frame_of_tcp("172.16.0.1", 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state,
		       TIER("packets: 60/minute burst 100") "sources: {172.16.0.0/12: public}\n");
	assert_reason(*state, &named, CONFORMING);
	assert_true(harness_tracked(*state, "172.16.0.1", &tracked));
	assert_int_equal(tracked.full_at_ns[SL_PACKETS], HARNESS_START + SECOND);
}

static void debts_come_along(void **state)
{
	struct frame ack = frame_of_tcp(A, 80, ACK), syn = frame_of_tcp(A, 80, SYN);

	harness_policy(*state, TIER("packets: 60/minute burst 10, connections: 60/minute burst 8"));
	assert_int_equal(harness_passes(*state, &syn, 4), 4); /* still a stranger */
	assert_int_equal(harness_state(*state)->tracked, 0);
	assert_int_equal(harness_passes(*state, &ack, 3), 3);
	assert_int_equal(harness_state(*state)->tracked, 1);
	assert_int_equal(harness_passes(*state, &ack, 10), 3);
	harness_advance(*state, 10 * SECOND);
	assert_int_equal(harness_passes(*state, &syn, 10), 8);
}

/* A packet that is charged to one limit promotes; the debts of the others must not be left behind. */
static void debts_of_limits_this_packet_does_not_touch_come_along_too(void **state)
{
	struct frame ack = frame_of_tcp(A, 80, ACK), syn = frame_of_tcp(A, 80, SYN);

	harness_policy(*state,
		       TIER("packets: 600/second burst 10, connections: 60/minute burst 20"));
	assert_int_equal(harness_passes(*state, &syn, 4), 4);
	harness_advance(*state, SECOND / 50);
	assert_int_equal(harness_passes(*state, &syn, 4), 4);
	assert_int_equal(harness_state(*state)->tracked, 0);
	assert_int_equal(harness_passes(*state, &ack, 3), 3);
	assert_int_equal(harness_state(*state)->tracked, 1);
	/* Eight connections are owed, less the time passed; twelve of twenty are left. */
	harness_advance(*state, SECOND / 2);
	assert_int_equal(harness_passes(*state, &syn, 10), 10);
	harness_advance(*state, SECOND / 4);
	assert_int_equal(harness_passes(*state, &syn, 10), 2);
}

static void newcomers_are_tracked_up_to_three_quarters_and_all_stay_limited(void **state)
{
	harness_policy(*state, NAMED_ONE);
	assert_int_equal(each_sends(*state, "10.0.0.0", 1000), 1000);
	assert_int_equal(each_sends(*state, "10.0.0.0", 1000), 0);
	assert_int_equal(each_sends(*state, "10.0.0.0", 1000), 0);
	assert_int_equal(harness_state(*state)->tracked, 768);
}

static void the_last_quarter_is_for_sources_that_a_prefix_names(void **state)
{
	struct sl_tracked tracked;

	harness_policy(*state, NAMED_ONE);
	each_sends(*state, "10.0.0.0", 1000);
	each_sends(*state, "10.0.0.0", 1000);
	assert_int_equal(each_sends(*state, "172.16.0.0", 256), 256);
	assert_int_equal(harness_state(*state)->tracked, 1024);
	assert_true(harness_tracked(*state, "172.16.0.255", &tracked));
	assert_int_equal(each_sends(*state, "172.16.0.0", 256), 0);
	/* Now it is full for everybody, and still every limit holds. */
	assert_int_equal(each_sends(*state, "172.17.0.0", 200), 200);
	assert_int_equal(each_sends(*state, "172.17.0.0", 200), 0);
	assert_int_equal(harness_state(*state)->tracked, 1024);
}

static void promotions_have_a_budget_and_strangers_beyond_it_stay_limited(void **state)
{
	const struct harness_options options = {.sources = 8192, .region_lines = 8192, .bans = 64};
	struct harness *harness = harness_new(&options);
	uint64_t tracked;

	(void)state;
	harness_policy(harness, NAMED_ONE);
	assert_int_equal(each_sends(harness, "172.16.0.0", 6000), 6000);
	tracked = harness_state(harness)->tracked;
	assert_int_equal(tracked + harness_fault_count(harness, SL_FAULT_PROMOTE_BUDGET), 6000);
	assert_in_range(harness_fault_count(harness, SL_FAULT_PROMOTE_BUDGET), 1, 5999);
	assert_int_equal(each_sends(harness, "172.16.0.0", 6000), 0);
	/* The budget comes back. */
	harness_advance(harness, SECOND / 2);
	assert_int_equal(each_sends(harness, "172.16.0.0", 6000), 0);
	assert_true(harness_state(harness)->tracked > tracked);
	harness_free(harness);
}

static void strangers_without_any_entry_are_limited_each_by_itself(void **state)
{
	struct frame a = frame_of_tcp("192.0.2.1", 80, ACK), b = frame_of_tcp("192.0.2.2", 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("packets: 60/minute burst 100"));
	assert_int_equal(harness_passes(*state, &a, 50), 50);
	assert_int_equal(harness_passes(*state, &b, 50), 50);
	assert_false(harness_tracked(*state, "192.0.2.1", &tracked));
	assert_int_equal(harness_passes(*state, &a, 60), 50);
	assert_int_equal(harness_passes(*state, &b, 60), 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_source_within_half_its_burst_stays_a_stranger),
		HARNESS_TEST(a_refused_source_is_tracked),
		HARNESS_TEST(a_source_that_a_prefix_names_is_tracked_at_once),
		HARNESS_TEST(debts_come_along),
		HARNESS_TEST(debts_of_limits_this_packet_does_not_touch_come_along_too),
		HARNESS_TEST(newcomers_are_tracked_up_to_three_quarters_and_all_stay_limited),
		HARNESS_TEST(the_last_quarter_is_for_sources_that_a_prefix_names),
		HARNESS_TEST(promotions_have_a_budget_and_strangers_beyond_it_stay_limited),
		HARNESS_TEST(strangers_without_any_entry_are_limited_each_by_itself),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
