// SPDX-License-Identifier: BSD-2-Clause
/* Packets, bytes and connections: each alone, all together, and what being over means. */
#include "harness.h"

#include <string.h>

#define A	  "192.0.2.1"
#define TIER(how) "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"

static void a_burst_passes_and_the_next_packet_does_not(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 7"));
	for (int i = 0; i < 7; i++)
		assert_reason(*state, &frame, CONFORMING);
	assert_reason(*state, &frame, OVER_PACKETS);
}

static void one_packet_returns_after_one_cost_and_not_1ns_sooner(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 7"));
	assert_int_equal(harness_passes(*state, &frame, 20), 7);
	harness_set_clock(*state, HARNESS_START + SECOND - 1);
	assert_int_equal(harness_passes(*state, &frame, 20), 0);
	harness_set_clock(*state, HARNESS_START + SECOND);
	assert_int_equal(harness_passes(*state, &frame, 20), 1);
}

static void refusals_are_not_charged(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 2"));
	harness_passes(*state, &frame, 100000);
	harness_advance(*state, 2 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 10), 2);
}

static void bytes_are_counted_as_on_the_wire(void **state)
{
	struct frame large = frame_of_len(A, 80, 600), small = frame_of_len(A, 80, 400);
	struct frame least = frame_of_len(A, 80, 60);

	harness_policy(*state, TIER("bytes: 1000/second burst 1000"));
	assert_reason(*state, &large, CONFORMING);
	assert_reason(*state, &small, CONFORMING);
	assert_reason(*state, &least, OVER_BYTES);
	harness_advance(*state, 60 * MS - 1);
	assert_reason(*state, &least, OVER_BYTES);
	harness_advance(*state, 1);
	assert_reason(*state, &least, CONFORMING);
}

static void a_jumbo_frame_costs_all_its_bytes(void **state)
{
	struct frame jumbo = frame_of_len(A, 80, 9000), small = frame_of_len(A, 80, 1000);

	harness_policy(*state, TIER("bytes: 10000/second burst 10000"));
	assert_reason(*state, &jumbo, CONFORMING);
	assert_reason(*state, &small, CONFORMING);
	assert_reason(*state, &small, OVER_BYTES);
	assert_int_equal(harness_reason_total(*state, SL_CONFORMING).bytes, 10000);
	/* A frame larger than the bucket never passes; it is not let in for want of room. */
	harness_reset(*state);
	harness_policy(*state, TIER("bytes: 8000/second burst 8000"));
	assert_reason(*state, &jumbo, OVER_BYTES);
}

static void headers_are_found_in_frames_of_several_buffers(void **state)
{
	struct frame jumbo = frame_of_len(A, 443, 9000), other = frame_of_len(A, 444, 9000);

	harness_policy(*state, "protect: {udp: [443]}\n"
			       "tiers: {public: {packets: 60/minute burst 2}}\ndefault: public\n");
	assert_int_equal(harness_passes(*state, &jumbo, 5), 2);
	assert_int_equal(harness_passes(*state, &other, 5), 5);
}

static void connections_are_syns_without_ack(void **state)
{
	struct frame syn = frame_of_tcp(A, 80, SYN), syn_ack = frame_of_tcp(A, 80, SYN | ACK);
	struct frame ack = frame_of_tcp(A, 80, ACK), udp = frame_of_udp(A, 80);
	struct frame odd = frame_of_tcp(A, 80, SYN | FIN);

	harness_policy(*state, TIER("connections: 60/minute burst 3"));
	assert_int_equal(harness_passes(*state, &ack, 10), 10);
	assert_int_equal(harness_passes(*state, &syn_ack, 10), 10);
	assert_int_equal(harness_passes(*state, &udp, 10), 10);
	assert_int_equal(harness_passes(*state, &syn, 2), 2);
	assert_int_equal(harness_passes(*state, &odd, 5), 1);
	assert_reason(*state, &syn, OVER_CONNECTIONS);
	assert_reason(*state, &ack, CONFORMING);
}

#define ALL                                                                                    \
	"packets: 600/minute burst 10, bytes: 1000/second burst 1000, connections: 60/minute " \
	"burst 2"

static void all_limits_hold_at_once_and_the_first_in_order_is_named(void **state)
{
	struct frame large = frame_of_len(A, 80, 900), ack = frame_of_len(A, 80, 60);
	struct frame syn = frame_of_tcp("192.0.2.2", 80, SYN);

	harness_policy(*state, TIER(ALL));
	assert_reason(*state, &large, CONFORMING);
	assert_reason(*state, &large, OVER_BYTES);
	assert_reason(*state, &ack, CONFORMING);
	assert_int_equal(harness_passes(*state, &syn, 5), 2);
	assert_reason(*state, &syn, OVER_CONNECTIONS);
}

static void a_packet_refused_by_one_limit_is_charged_to_none(void **state)
{
	struct frame large = frame_of_len(A, 80, 900), small = frame_of_len(A, 80, 60);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("packets: 600/minute burst 10, bytes: 1000/second burst 1000"));
	assert_reason(*state, &large, CONFORMING);
	harness_passes(*state, &large, 100);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.full_at_ns[SL_PACKETS], HARNESS_START + 100 * MS);
	assert_int_equal(tracked.full_at_ns[SL_BYTES], HARNESS_START + 900 * MS);
	assert_reason(*state, &small, CONFORMING);
}

static void over_flag_lets_pass_and_marks(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_meta meta;

	harness_policy(
		*state,
		TIER("packets: 60/minute burst 3, over: flag") "flag: {mark: 0x20, mask: 0xf0}\n");
	meta = harness_meta(*state, &frame);
	assert_int_equal(meta.magic, 0);
	assert_int_equal(harness_passes(*state, &frame, 2), 2);
	assert_reason(*state, &frame, FLAG_OVER);
	meta = harness_meta(*state, &frame);
	assert_int_equal(meta.magic, SL_META_MAGIC);
	assert_int_equal(meta.mark, 0x20);
	assert_int_equal(meta.mask, 0xf0);
	assert_int_equal(harness_tier(*state, "public").by_verdict[SL_FLAG].packets, 2);
	assert_int_equal(harness_fault_count(*state, SL_FAULT_UNMARKED), 0);
}

static void flagged_packets_are_counted_for_their_source(void **state)
{
	struct frame frame = frame_of_len(A, 80, 100);
	struct sl_tracked tracked;

	harness_policy(*state, TIER("packets: 60/minute burst 3, over: flag"));
	assert_int_equal(harness_passes(*state, &frame, 10), 10);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.flagged.packets, 7);
	assert_int_equal(tracked.flagged.bytes, 700);
	assert_int_equal(tracked.dropped.packets, 0);
}

static void over_count_judges_and_does_nothing(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_meta meta;

	harness_policy(*state, TIER("packets: 60/minute burst 3, over: count"));
	assert_int_equal(harness_passes(*state, &frame, 10), 10);
	assert_int_equal(harness_reason_count(*state, SL_CONFORMING), 3);
	assert_int_equal(harness_reason_count(*state, SL_DRY_RUN), 7);
	meta = harness_meta(*state, &frame);
	assert_int_equal(meta.magic, 0);
}

static void a_soft_mark_flags_before_the_limit_drops(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 10, flag above: 50%"));
	for (int i = 0; i < 5; i++)
		assert_reason(*state, &frame, CONFORMING);
	for (int i = 0; i < 5; i++)
		assert_reason(*state, &frame, FLAG_SOFT);
	assert_reason(*state, &frame, OVER_PACKETS);
	harness_advance(*state, 6 * SECOND);
	assert_reason(*state, &frame, CONFORMING);
	assert_reason(*state, &frame, FLAG_SOFT);
}

static void the_slowest_and_the_fastest_rate_are_exact(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 1/minute burst 1"));
	assert_int_equal(harness_passes(*state, &frame, 10), 1);
	harness_advance(*state, MINUTE - 1);
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
	harness_advance(*state, 1);
	assert_int_equal(harness_passes(*state, &frame, 10), 1);
	harness_reset(*state);
	/* Named, hence tracked: a stranger's debt counts in 64 ns, more than such a packet costs. */
	harness_policy(
		*state,
		TIER("packets: 100000000/second burst 100") "sources: {192.0.2.1: public}\n");
	assert_int_equal(harness_passes(*state, &frame, 200), 100);
	harness_advance(*state, 100);
	assert_int_equal(harness_passes(*state, &frame, 200), 10);
}

/* As another CPU's older reading does, again and again, while both send. */
static void a_clock_that_steps_back_grants_nothing(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 3"));
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	for (int i = 0; i < 5; i++) {
		harness_set_clock(*state, HARNESS_START - 900 * MS);
		assert_int_equal(harness_passes(*state, &frame, 10), 0);
		harness_set_clock(*state, HARNESS_START);
		assert_int_equal(harness_passes(*state, &frame, 10), 0);
	}
	harness_set_clock(*state, HARNESS_START + SECOND - 1);
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
	harness_set_clock(*state, HARNESS_START + SECOND);
	assert_int_equal(harness_passes(*state, &frame, 10), 1);
}

static void a_strangers_debt_does_not_shrink_where_the_clock_steps_back(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, TIER("packets: 60/minute burst 3"));
	harness_close_sources(*state);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	harness_set_clock(*state, HARNESS_START - 900 * MS);
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
	harness_set_clock(*state,
			  HARNESS_START + SECOND - MS); /* rounding may let it in 192 ns early */
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
}

static void portless_packets_share_their_sources_bucket(void **state)
{
	struct frame whole = frame_of_udp(A, 443), later = frame_new();

	frame_ipv4(&later, A);
	frame_fragment(&later, 9, false);
	frame_udp(&later, 443);
	frame_finish(&later);
	harness_policy(*state, "protect: {udp: [443]}\n"
			       "tiers: {public: {packets: 60/minute burst 4}}\ndefault: public\n");
	assert_int_equal(harness_passes(*state, &later, 3), 3);
	assert_int_equal(harness_passes(*state, &whole, 10), 1);
	assert_reason(*state, &later, OVER_PORTLESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_burst_passes_and_the_next_packet_does_not),
		HARNESS_TEST(one_packet_returns_after_one_cost_and_not_1ns_sooner),
		HARNESS_TEST(refusals_are_not_charged),
		HARNESS_TEST(bytes_are_counted_as_on_the_wire),
		HARNESS_TEST(a_jumbo_frame_costs_all_its_bytes),
		HARNESS_TEST(headers_are_found_in_frames_of_several_buffers),
		HARNESS_TEST(connections_are_syns_without_ack),
		HARNESS_TEST(all_limits_hold_at_once_and_the_first_in_order_is_named),
		HARNESS_TEST(a_packet_refused_by_one_limit_is_charged_to_none),
		HARNESS_TEST(over_flag_lets_pass_and_marks),
		HARNESS_TEST(flagged_packets_are_counted_for_their_source),
		HARNESS_TEST(over_count_judges_and_does_nothing),
		HARNESS_TEST(a_soft_mark_flags_before_the_limit_drops),
		HARNESS_TEST(the_slowest_and_the_fastest_rate_are_exact),
		HARNESS_TEST(a_clock_that_steps_back_grants_nothing),
		HARNESS_TEST(a_strangers_debt_does_not_shrink_where_the_clock_steps_back),
		HARNESS_TEST(portless_packets_share_their_sources_bucket),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
