/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways past other limiters: each with its control, the same packet without the trick. */
#include "bypasses.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define V6_SIBLING "2001:db8:0:7:ffff::9"
#define V6_OTHER   "2001:db8:0:8::1"

static struct frame tagged(const char *src, int tags)
{
	struct frame frame = frame_new();

	for (int i = 0; i < tags; i++)
		frame_vlan(&frame, i ? ETH_P_8021Q : ETH_P_8021AD, (uint16_t)(100 + i));
	frame_ip(&frame, src);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	return frame;
}

static void one_and_two_tags_are_charged_to_the_source_within(void **state)
{
	struct frame plain = tagged(V4, 0), one = tagged(V4, 1), two = tagged(V4, 2);

	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &plain, CONFORMING);
	assert_reason(*state, &one, CONFORMING);
	assert_reason(*state, &two, CONFORMING);
	assert_reason(*state, &plain, OVER_PACKETS);
	assert_reason(*state, &one, OVER_PACKETS);
	assert_reason(*state, &two, OVER_PACKETS);
}

static void deeper_stacks_share_one_allowance_whatever_is_within(void **state)
{
	struct frame deep = tagged(V4, 3), deeper = tagged(V6, 5), plain = tagged(V4, 0);

	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &deep, DEEP_TAGS);
	assert_reason(*state, &deeper, DEEP_TAGS);
	assert_reason(*state, &deep, DEEP_TAGS);
	assert_reason(*state, &deep, OVER_DEEP_TAGS);
	assert_reason(*state, &deeper, OVER_DEEP_TAGS);
	assert_reason(*state, &plain, CONFORMING);
}

static struct frame chained(const char *src, const uint8_t *kinds, size_t count)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, src);
	for (size_t i = 0; i < count; i++)
		frame_extension(&frame, kinds[i], kinds[i] == IPPROTO_AH ? 24 : 16);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	return frame;
}

static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_AH};

static void every_extension_header_is_walked_to_the_port(void **state)
{
	for (size_t i = 0; i < sizeof(extensions); i++) {
		struct frame frame = chained(V6, &extensions[i], 1);

		harness_reset(*state);
		harness_policy(*state, THREE_PACKETS);
		assert_int_equal(harness_passes(*state, &frame, 10), 3);
		assert_int_equal(harness_reason_count(*state, SL_CONFORMING), 3);
	}
}

static void extension_headers_in_any_order_are_walked_to_the_port(void **state)
{
	const uint8_t backwards[] = {IPPROTO_AH,      IPPROTO_DSTOPTS, IPPROTO_ROUTING,
				     IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
				     IPPROTO_AH,      IPPROTO_ROUTING};
	struct frame frame = chained(V6, backwards, sizeof(backwards));

	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	assert_int_equal(harness_reason_count(*state, SL_CONFORMING), 3);
}

static void a_chain_too_long_is_charged_without_its_port(void **state)
{
	uint8_t nine[9];
	struct frame frame, plain = frame_of_tcp(V6, 80, ACK);

	for (size_t i = 0; i < sizeof(nine); i++)
		nine[i] = IPPROTO_DSTOPTS;
	frame = chained(V6, nine, sizeof(nine));
	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &frame, PORTLESS);
	assert_reason(*state, &frame, PORTLESS);
	assert_reason(*state, &plain, CONFORMING);
	assert_reason(*state, &frame, OVER_PORTLESS);
	assert_reason(*state, &plain, OVER_PACKETS);
}

static void headers_beyond_what_we_read_are_charged_without_their_port(void **state)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, V6);
	frame_extension(&frame, IPPROTO_DSTOPTS, 1000);
	frame_tcp(&frame, 22, ACK);
	frame_finish(&frame);
	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	assert_int_equal(harness_reason_count(*state, SL_PORTLESS), 3);
}

static void an_ipv4_authentication_header_hides_no_port(void **state)
{
	struct frame frame = frame_new();

	frame_ipv4(&frame, V4);
	frame_extension(&frame, IPPROTO_AH, 24);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	assert_int_equal(harness_reason_count(*state, SL_CONFORMING), 3);
}

static void ipv4_options_do_not_move_the_port_out_of_sight(void **state)
{
	struct frame frame = frame_new();

	frame_ipv4_options(&frame, V4, 40);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	assert_int_equal(harness_reason_count(*state, SL_CONFORMING), 3);
}

static struct frame of_protocol(const char *src, uint8_t protocol)
{
	struct frame frame = frame_new();

	frame_ip(&frame, src);
	frame_protocol(&frame, protocol, 24);
	frame_finish(&frame);
	return frame;
}

static const uint8_t protocols[] = {IPPROTO_GRE,  IPPROTO_ESP,	IPPROTO_SCTP,
				    IPPROTO_IPIP, IPPROTO_NONE, 255};

static void every_protocol_is_charged_where_everything_is_protected(void **state)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame frame = of_protocol(V4, protocols[i]);

		harness_reset(*state);
		harness_policy(*state, EVERYTHING);
		assert_int_equal(harness_passes(*state, &frame, 10), 3);
	}
}

static void bans_hold_for_every_protected_protocol(void **state)
{
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct frame frame = of_protocol(V6, protocols[i]);
		struct frame other = of_protocol(V6_OTHER, protocols[i]);

		harness_reset(*state);
		harness_policy(*state, EVERYTHING);
		harness_ban(*state, V6, SL_NEVER);
		assert_reason(*state, &frame, BANNED);
		assert_reason(*state, &other, CONFORMING);
	}
}

static void sctp_is_protected_by_port(void **state)
{
	struct frame frame = frame_new(), other = frame_new();

	frame_ipv4(&frame, V4);
	frame_sctp(&frame, 2905);
	frame_finish(&frame);
	frame_ipv4(&other, V4);
	frame_sctp(&other, 2906);
	frame_finish(&other);
	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 10), 3);
	assert_reason(*state, &other, UNPROTECTED);
}

static void addresses_of_one_slash_64_share_a_bucket(void **state)
{
	struct frame first = frame_of_tcp(V6, 80, ACK), second = frame_of_tcp(V6_SIBLING, 80, ACK);
	struct frame other = frame_of_tcp(V6_OTHER, 80, ACK);

	harness_policy(*state, THREE_PACKETS);
	assert_int_equal(harness_passes(*state, &first, 2), 2);
	assert_int_equal(harness_passes(*state, &second, 10), 1);
	assert_int_equal(harness_passes(*state, &other, 10), 3);
}

static void a_second_burst_does_not_follow_at_the_edge_of_a_second(void **state)
{
	struct frame frame = frame_of_tcp(V4, 80, ACK);

	harness_policy(*state, "protect: everything\n"
			       "tiers: {public: {packets: 100/second burst 100}}\n"
			       "default: public\n");
	harness_set_clock(*state, 2000 * SECOND - MS);
	assert_int_equal(harness_passes(*state, &frame, 200), 100);
	harness_set_clock(*state, 2000 * SECOND + MS);
	assert_int_equal(harness_passes(*state, &frame, 200), 0);
	harness_set_clock(*state, 2000 * SECOND + 50 * MS);
	assert_int_equal(harness_passes(*state, &frame, 200), 5);
}

static void a_rate_is_met_whatever_the_spacing_of_packets(void **state)
{
	struct frame frame = frame_of_tcp(V4, 80, ACK);
	uint64_t passed = 0;

	harness_policy(*state, "protect: everything\n"
			       "tiers: {public: {packets: 1000/second burst 2}}\n"
			       "default: public\n");
	for (int i = 0; i < 1000; i++) {
		harness_advance(*state, 1900 * US);
		passed += harness_run(*state, &frame) == XDP_PASS;
	}
	assert_int_equal(passed, 1000);
	for (int i = 0; i < 1000; i++) {
		harness_advance(*state, 700 * US);
		passed += harness_run(*state, &frame) == XDP_PASS;
	}
	/* 700 ms of 1,000 a second, and the burst of two that was full at the start. */
	assert_in_range(passed, 1700, 1702);
}

static void padding_behind_the_packet_is_not_read_as_ports(void **state)
{
	struct frame frame = frame_new();

	/* A fragment of 4 bytes, padded by bytes that would be the port 22. */
	frame_ipv4(&frame, V4);
	frame_fragment(&frame, 0, true);
	frame_protocol(&frame, IPPROTO_UDP, 2);
	frame_finish(&frame);
	frame_pad(&frame, 60);
	frame.byte[frame.ip_at + 23] = 22;
	harness_policy(*state, THREE_PACKETS);
	assert_reason(*state, &frame, PORTLESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(one_and_two_tags_are_charged_to_the_source_within),
		HARNESS_TEST(deeper_stacks_share_one_allowance_whatever_is_within),
		HARNESS_TEST(every_extension_header_is_walked_to_the_port),
		HARNESS_TEST(extension_headers_in_any_order_are_walked_to_the_port),
		HARNESS_TEST(a_chain_too_long_is_charged_without_its_port),
		HARNESS_TEST(headers_beyond_what_we_read_are_charged_without_their_port),
		HARNESS_TEST(an_ipv4_authentication_header_hides_no_port),
		HARNESS_TEST(ipv4_options_do_not_move_the_port_out_of_sight),
		HARNESS_TEST(every_protocol_is_charged_where_everything_is_protected),
		HARNESS_TEST(bans_hold_for_every_protected_protocol),
		HARNESS_TEST(sctp_is_protected_by_port),
		HARNESS_TEST(addresses_of_one_slash_64_share_a_bucket),
		HARNESS_TEST(a_second_burst_does_not_follow_at_the_edge_of_a_second),
		HARNESS_TEST(a_rate_is_met_whatever_the_spacing_of_packets),
		HARNESS_TEST(padding_behind_the_packet_is_not_read_as_ports),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
