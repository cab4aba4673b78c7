/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments and neighbour discovery as ways past a limiter: each with its control. */
#include "bypasses.h"

#include <netinet/in.h>

#define HOP_LIMIT_AT 7 /* in an IPv6 header */

/* A fragment whose payload reads like ports; they must not be looked at. */
static struct frame later_fragment(const char *src, uint8_t protocol, unsigned offset)
{
	struct frame frame = frame_new();

	frame_ip(&frame, src);
	frame_fragment(&frame, offset, false);
	frame_udp(&frame, 22);
	frame_claim(&frame, protocol);
	frame_pad(&frame, 100);
	frame_finish(&frame);
	return frame;
}

static void later_ipv4_fragments_of_a_protected_protocol_are_charged(void **state)
{
	struct frame later = later_fragment(V4, IPPROTO_UDP, 100);
	struct frame whole = frame_of_udp(V4, 443);

	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &whole, CONFORMING);
	assert_reason(*state, &later, PORTLESS);
	assert_reason(*state, &later, PORTLESS);
	assert_reason(*state, &later, OVER_PORTLESS);
	assert_reason(*state, &whole, OVER_PACKETS);
}

static void later_ipv4_fragments_of_another_protocol_pass(void **state)
{
	struct frame later = later_fragment(V4, IPPROTO_ICMP, 100);

	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &later, 10), 10);
	assert_int_equal(harness_reason_count(*state, SL_UNPROTECTED), 10);
}

static void later_ipv6_fragments_are_charged_whatever_they_claim_to_be(void **state)
{
	struct frame claims_icmp = later_fragment(V6, IPPROTO_ICMPV6, 100);
	struct frame claims_options = later_fragment(V6, IPPROTO_DSTOPTS, 1);
	struct frame claims_nothing = later_fragment(V6, IPPROTO_NONE, 100);

	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &claims_icmp, PORTLESS);
	assert_reason(*state, &claims_options, PORTLESS);
	assert_reason(*state, &claims_nothing, PORTLESS);
	assert_reason(*state, &claims_icmp, OVER_PORTLESS);
}

static struct frame tiny_first_fragment(const char *src, size_t len)
{
	struct frame frame = frame_new();
	size_t headers;

	frame_ip(&frame, src);
	frame_fragment(&frame, 0, true);
	headers = frame.len;
	frame_tcp(&frame, 80, SYN);
	frame.len = headers + len;
	frame_finish(&frame);
	return frame;
}

static void a_first_fragment_without_flags_counts_as_a_connection(void **state)
{
	struct frame tiny4 = tiny_first_fragment(V4, 8), tiny6 = tiny_first_fragment(V6, 8);
	struct frame syn4 = frame_of_tcp(V4, 80, SYN), ack4 = frame_of_tcp(V4, 80, ACK);

	harness_policy(*state, TWO_CONNECTIONS);
	assert_reason(*state, &syn4, CONFORMING);
	assert_reason(*state, &tiny4, CONFORMING);
	assert_reason(*state, &tiny4, OVER_CONNECTIONS);
	assert_reason(*state, &syn4, OVER_CONNECTIONS);
	assert_reason(*state, &ack4, CONFORMING);
	assert_int_equal(harness_passes(*state, &tiny6, 10), 2);
}

static void a_first_fragment_without_ports_is_charged_as_a_connection(void **state)
{
	struct frame tiny = tiny_first_fragment(V4, 0);

	harness_policy(*state, TWO_CONNECTIONS);
	assert_int_equal(harness_passes(*state, &tiny, 10), 2);
	assert_int_equal(harness_reason_count(*state, SL_PORTLESS), 2);
	assert_int_equal(harness_reason_count(*state, SL_OVER_PORTLESS), 8);
}

static void a_fragment_at_offset_one_counts_as_a_connection(void **state)
{
	struct frame at_one = later_fragment(V4, IPPROTO_TCP, 1);
	struct frame at_two = later_fragment(V4, IPPROTO_TCP, 2);

	harness_policy(*state, TWO_CONNECTIONS);
	assert_int_equal(harness_passes(*state, &at_one, 10), 2);
	assert_int_equal(harness_passes(*state, &at_two, 10), 10);
}

static struct frame solicitation(uint8_t hop_limit)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, V6);
	frame.byte[frame.ip_at + HOP_LIMIT_AT] = hop_limit;
	frame_icmp6(&frame, 135);
	frame_finish(&frame);
	return frame;
}

static void neighbor_discovery_passes_in_its_valid_form(void **state)
{
	struct frame frame = solicitation(255);

	harness_policy(*state, EVERYTHING);
	assert_int_equal(harness_passes(*state, &frame, 10), 10);
	assert_int_equal(harness_reason_count(*state, SL_NEIGHBOR), 10);
}

static void neighbor_discovery_that_crossed_a_router_is_judged(void **state)
{
	struct frame frame = solicitation(254);

	harness_policy(*state, EVERYTHING);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
}

static void neighbor_discovery_behind_another_header_is_judged(void **state)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, V6);
	frame.byte[frame.ip_at + HOP_LIMIT_AT] = 255;
	frame_extension(&frame, IPPROTO_DSTOPTS, 8);
	frame_icmp6(&frame, 135);
	frame_finish(&frame);
	harness_policy(*state, EVERYTHING);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
}

static void a_fragmented_neighbor_discovery_is_judged(void **state)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, V6);
	frame.byte[frame.ip_at + HOP_LIMIT_AT] = 255;
	frame_fragment(&frame, 0, false);
	frame_icmp6(&frame, 135);
	frame_finish(&frame);
	harness_policy(*state, EVERYTHING);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
}

static void icmpv6_that_is_no_neighbor_discovery_is_judged(void **state)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, V6);
	frame.byte[frame.ip_at + HOP_LIMIT_AT] = 255;
	frame_icmp6(&frame, 128);
	frame_finish(&frame);
	harness_policy(*state, EVERYTHING);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(later_ipv4_fragments_of_a_protected_protocol_are_charged),
		HARNESS_TEST(later_ipv4_fragments_of_another_protocol_pass),
		HARNESS_TEST(later_ipv6_fragments_are_charged_whatever_they_claim_to_be),
		HARNESS_TEST(a_first_fragment_without_flags_counts_as_a_connection),
		HARNESS_TEST(a_first_fragment_without_ports_is_charged_as_a_connection),
		HARNESS_TEST(a_fragment_at_offset_one_counts_as_a_connection),
		HARNESS_TEST(neighbor_discovery_passes_in_its_valid_form),
		HARNESS_TEST(neighbor_discovery_that_crossed_a_router_is_judged),
		HARNESS_TEST(neighbor_discovery_behind_another_header_is_judged),
		HARNESS_TEST(a_fragmented_neighbor_discovery_is_judged),
		HARNESS_TEST(icmpv6_that_is_no_neighbor_discovery_is_judged),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
