// SPDX-License-Identifier: BSD-2-Clause
/* What decides before what: protected, allow, prefix, ban, bucket. */
#include "harness.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ONE_PACKET                                               \
	"tiers: {public: {packets: 60/minute burst 1}, "         \
	"wide: {packets: 60/minute burst 5}, open: unlimited}\n" \
	"default: public\n"
#define WEB "protect: {tcp: [80, 8000-8999], udp: [443]}\n" ONE_PACKET

static struct frame web(const char *src)
{
	return frame_of_tcp(src, 80, ACK);
}

static void without_a_policy_everything_passes_unready(void **state)
{
	struct frame frame = web("192.0.2.1");

	assert_reason(*state, &frame, UNREADY);
}

static void what_is_not_ip_passes(void **state)
{
	struct frame arp = frame_new(), odd = frame_new();

	frame_other(&arp, ETH_P_ARP);
	frame_other(&odd, 0x88cc);
	harness_policy(*state, "protect: everything\nscope: everything\n" ONE_PACKET);
	assert_int_equal(harness_passes(*state, &arp, 10), 10);
	assert_int_equal(harness_passes(*state, &odd, 10), 10);
	assert_int_equal(harness_reason_count(*state, SL_NOT_IP), 20);
}

static void only_the_named_ports_are_protected(void **state)
{
	static const struct {
		uint16_t port;
		enum sl_reason reason;
	} cases[] = {
		{79, SL_UNPROTECTED},	 {80, SL_CONFORMING},	 {81, SL_UNPROTECTED},
		{443, SL_UNPROTECTED},	 {7999, SL_UNPROTECTED}, {8000, SL_CONFORMING},
		{8999, SL_CONFORMING},	 {9000, SL_UNPROTECTED}, {0, SL_UNPROTECTED},
		{65535, SL_UNPROTECTED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct frame frame = frame_of_tcp("192.0.2.1", cases[i].port, ACK);

		harness_reset(*state);
		harness_policy(*state, WEB);
		assert_int_equal(harness_judge(*state, &frame), cases[i].reason);
	}
}

static void ports_of_one_protocol_do_not_protect_another(void **state)
{
	struct frame tcp = frame_of_tcp("192.0.2.1", 443, ACK),
		     udp = frame_of_udp("192.0.2.1", 443);
	struct frame udp80 = frame_of_udp("192.0.2.1", 80);

	harness_policy(*state, WEB);
	assert_reason(*state, &tcp, UNPROTECTED);
	assert_reason(*state, &udp80, UNPROTECTED);
	assert_reason(*state, &udp, CONFORMING);
}

static void whole_protocols_are_protected_by_name(void **state)
{
	struct frame icmp = frame_new(), icmp6 = frame_new(), gre = frame_new(), esp = frame_new();

	frame_ipv4(&icmp, "192.0.2.1");
	frame_icmp(&icmp, 8);
	frame_finish(&icmp);
	frame_ipv6(&icmp6, "2001:db8::1");
	frame_icmp6(&icmp6, 128);
	frame_finish(&icmp6);
	frame_ipv4(&gre, "192.0.2.2");
	frame_protocol(&gre, IPPROTO_GRE, 20);
	frame_finish(&gre);
	frame_ipv4(&esp, "192.0.2.3");
	frame_protocol(&esp, IPPROTO_ESP, 20);
	frame_finish(&esp);
	harness_policy(*state, "protect: {icmp: all, gre: all}\n" ONE_PACKET);
	assert_reason(*state, &icmp, CONFORMING);
	assert_reason(*state, &icmp, OVER_PACKETS);
	assert_reason(*state, &icmp6, CONFORMING);
	assert_reason(*state, &icmp6, OVER_PACKETS);
	assert_reason(*state, &gre, CONFORMING);
	assert_reason(*state, &gre, OVER_PACKETS);
	assert_reason(*state, &esp, UNPROTECTED);
}

static void headers_the_kernel_discards_are_malformed(void **state)
{
	struct frame version = web("192.0.2.1"), ihl = web("192.0.2.1"), length = web("192.0.2.1");
	struct frame version6 = web("2001:db8::1"), length6 = web("2001:db8::1");
	struct frame multicast = web("ff02::1"), offset = web("192.0.2.1");

	version.byte[version.ip_at] = 0x55;
	ihl.byte[ihl.ip_at] = 0x44;
	length.byte[length.ip_at + 3]++;
	version6.byte[version6.ip_at] = 0x40;
	length6.byte[length6.ip_at + 5]++;
	offset.byte[offset.len - 8] = 4 << 4;
	harness_policy(*state, WEB);
	assert_reason(*state, &version, MALFORMED);
	assert_reason(*state, &ihl, MALFORMED);
	assert_reason(*state, &length, MALFORMED);
	assert_reason(*state, &version6, MALFORMED);
	assert_reason(*state, &length6, MALFORMED);
	assert_reason(*state, &multicast, MALFORMED);
	assert_reason(*state, &offset, MALFORMED);
}

static void every_shorter_frame_is_malformed(void **state)
{
	struct frame whole = web("192.0.2.1");

	harness_policy(*state, WEB);
	for (size_t len = ETH_HLEN; len < whole.len; len++) {
		struct frame cut = whole;

		cut.len = len;
		assert_reason(*state, &cut, MALFORMED);
	}
}

static void the_longest_prefix_decides(void **state)
{
	struct frame denied = web("10.1.2.3"), allowed = web("10.1.2.4"), outside = web("11.0.0.1");

	harness_policy(*state, WEB "sources: {10.0.0.0/8: allow, 10.1.2.3: deny}\n");
	assert_reason(*state, &denied, DENIED);
	assert_reason(*state, &allowed, ALLOW_RULE);
	assert_reason(*state, &outside, CONFORMING);
	assert_int_equal(harness_tier(*state, "deny").by_verdict[SL_DROP].packets, 1);
	assert_int_equal(harness_tier(*state, "allow").by_verdict[SL_PASS].packets, 1);
	assert_int_equal(harness_rule(*state, "10.1.2.3").by_verdict[SL_DROP].packets, 1);
	assert_int_equal(harness_rule(*state, "10.0.0.0/8").by_verdict[SL_PASS].packets, 1);
}

static void an_allow_within_a_denied_network_lets_one_through(void **state)
{
	struct frame allowed = web("2001:db8:0:5::1"), denied = web("2001:db8:0:6::1");

	harness_policy(*state,
		       WEB "sources: {\"2001:db8::/32\": deny, \"2001:db8:0:5::/64\": allow}\n");
	assert_reason(*state, &allowed, ALLOW_RULE);
	assert_reason(*state, &denied, DENIED);
}

static void families_do_not_share_prefixes(void **state)
{
	struct frame four = web("32.1.13.184"), six = web("2001:db8::1");

	/* 0x20010db8 is 32.1.13.184. */
	harness_policy(*state, WEB "sources: {\"2001:db8::/32\": deny}\n");
	assert_reason(*state, &four, CONFORMING);
	assert_reason(*state, &six, DENIED);
}

static void tiers_are_given_by_prefix(void **state)
{
	struct frame wide = web("198.51.100.1"), open = web("203.0.113.1"),
		     public = web("192.0.2.1");

	harness_policy(*state, WEB "sources: {198.51.100.0/24: wide, 203.0.113.0/24: open}\n");
	assert_int_equal(harness_passes(*state, &wide, 10), 5);
	assert_int_equal(harness_passes(*state, &open, 10), 10);
	assert_int_equal(harness_passes(*state, &public, 10), 1);
	assert_int_equal(harness_reason_count(*state, SL_UNLIMITED), 10);
	assert_int_equal(harness_tier(*state, "wide").by_verdict[SL_PASS].packets, 5);
	assert_int_equal(harness_tier(*state, "wide").by_verdict[SL_DROP].packets, 5);
	assert_int_equal(harness_tier(*state, "open").by_verdict[SL_PASS].packets, 10);
}

static void unlimited_and_allowed_sources_are_never_tracked(void **state)
{
	struct frame open = web("203.0.113.1"), allowed = web("203.0.114.1");
	struct sl_tracked tracked;

	harness_policy(*state, WEB "sources: {203.0.113.1: open, 203.0.114.1: allow}\n");
	harness_passes(*state, &open, 100);
	harness_passes(*state, &allowed, 100);
	assert_false(harness_tracked(*state, "203.0.113.1", &tracked));
	assert_false(harness_tracked(*state, "203.0.114.1", &tracked));
}

static void a_runtime_allow_comes_before_deny_and_ban(void **state)
{
	struct frame denied = web("192.0.2.1"), banned = web("192.0.2.2");

	harness_policy(*state, WEB "sources: {192.0.2.1: deny}\n");
	harness_ban(*state, "192.0.2.2", SL_NEVER);
	assert_reason(*state, &denied, DENIED);
	assert_reason(*state, &banned, BANNED);
	harness_allow(*state, "192.0.2.0/24", SL_NEVER);
	assert_reason(*state, &denied, ALLOWED);
	assert_reason(*state, &banned, ALLOWED);
}

static void a_runtime_allow_ends_at_its_time_and_not_1ns_sooner(void **state)
{
	struct frame frame = web("2001:db8::1");

	harness_policy(*state, WEB);
	harness_allow(*state, "2001:db8::/32", HARNESS_START + SECOND);
	harness_set_clock(*state, HARNESS_START + SECOND - 1);
	assert_int_equal(harness_passes(*state, &frame, 5), 5);
	harness_set_clock(*state, HARNESS_START + SECOND);
	assert_int_equal(harness_passes(*state, &frame, 5), 1);
}

static void an_allow_rule_comes_before_a_ban(void **state)
{
	struct frame frame = web("192.0.2.1");

	harness_policy(*state, WEB "sources: {192.0.2.1: allow}\n");
	harness_ban(*state, "192.0.2.1", SL_NEVER);
	assert_reason(*state, &frame, ALLOW_RULE);
}

static void a_ban_comes_before_the_bucket_and_charges_nothing(void **state)
{
	struct frame frame = web("192.0.2.1");

	harness_policy(*state, WEB);
	harness_ban(*state, "192.0.2.1", HARNESS_START + SECOND);
	assert_int_equal(harness_passes(*state, &frame, 10), 0);
	assert_int_equal(harness_reason_count(*state, SL_BANNED), 10);
	harness_advance(*state, SECOND);
	assert_reason(*state, &frame, CONFORMING);
}

static void deny_and_ban_leave_unprotected_traffic_alone(void **state)
{
	struct frame denied = frame_of_tcp("192.0.2.1", 22, SYN);
	struct frame banned = frame_of_tcp("192.0.2.2", 22, SYN);

	harness_policy(*state, WEB "sources: {192.0.2.1: deny}\n");
	harness_ban(*state, "192.0.2.2", SL_NEVER);
	assert_reason(*state, &denied, UNPROTECTED);
	assert_reason(*state, &banned, UNPROTECTED);
}

static void scope_everything_extends_deny_and_ban_but_no_limit(void **state)
{
	struct frame denied = frame_of_tcp("192.0.2.1", 22, SYN);
	struct frame banned = frame_of_tcp("192.0.2.2", 22, SYN);
	struct frame allowed = frame_of_tcp("192.0.2.3", 22, SYN);
	struct frame other = frame_of_tcp("192.0.2.4", 22, SYN);

	harness_policy(*state, WEB "scope: everything\n"
				   "sources: {192.0.2.1: deny, 192.0.2.3: allow}\n");
	harness_ban(*state, "192.0.2.2", SL_NEVER);
	assert_reason(*state, &denied, DENIED);
	assert_reason(*state, &banned, BANNED);
	assert_reason(*state, &allowed, ALLOW_RULE);
	assert_int_equal(harness_passes(*state, &other, 20), 20);
	assert_int_equal(harness_reason_count(*state, SL_UNPROTECTED), 20);
}

static void an_address_denied_in_a_busy_slash_64_stays_denied(void **state)
{
	struct frame denied = web("2001:db8:0:1::bad"), good = web("2001:db8:0:1::1");
	struct sl_tracked tracked;

	harness_policy(*state,
		       WEB "sources: {\"2001:db8:0:1::bad\": deny, \"2001:db8:0:1::/64\": wide}\n");
	for (int i = 0; i < 5; i++) {
		assert_reason(*state, &good, CONFORMING);
		assert_reason(*state, &denied, DENIED);
	}
	assert_reason(*state, &good, OVER_PACKETS);
	assert_reason(*state, &denied, DENIED);
	assert_true(harness_tracked(*state, "2001:db8:0:1::1", &tracked));
}

static void addresses_of_a_split_source_keep_their_tiers_and_share_its_bucket(void **state)
{
	struct frame wide = web("2001:db8:0:1::5"), public = web("2001:db8:0:1::1");

	harness_policy(*state, WEB "sources: {\"2001:db8:0:1::5\": wide}\n");
	assert_reason(*state, &public, CONFORMING);
	assert_reason(*state, &public, OVER_PACKETS);
	/* A burst of five, one of which its neighbour has spent. */
	assert_int_equal(harness_passes(*state, &wide, 10), 4);
	assert_reason(*state, &public, OVER_PACKETS);
	assert_int_equal(harness_tier(*state, "wide").by_verdict[SL_PASS].packets, 4);
	assert_int_equal(harness_tier(*state, "public").by_verdict[SL_PASS].packets, 1);
}

static void banned_prefixes_cover_their_addresses_until_their_end(void **state)
{
	struct frame in4 = web("198.51.100.200"), out4 = web("198.51.101.1");
	struct frame in6 = web("2001:db8:1:2::3"), out6 = web("2001:db9::1");

	harness_policy(*state, WEB);
	harness_ban_prefix(*state, "198.51.100.0/24", HARNESS_START + SECOND);
	harness_ban_prefix(*state, "2001:db8::/32", HARNESS_START + SECOND);
	assert_reason(*state, &in4, BANNED);
	assert_reason(*state, &out4, CONFORMING);
	assert_reason(*state, &in6, BANNED);
	assert_reason(*state, &out6, CONFORMING);
	harness_advance(*state, SECOND);
	assert_reason(*state, &in4, CONFORMING);
	assert_reason(*state, &in6, CONFORMING);
}

static void shorter_source_prefixes_gather_more_addresses(void **state)
{
	struct frame a4 = web("192.0.2.1"), b4 = web("192.0.2.255"), c4 = web("192.0.3.1");
	struct frame a6 = web("2001:db8:0:100::1"), b6 = web("2001:db8:0:1ff::1");
	struct frame c6 = web("2001:db8:0:200::1");

	harness_policy(*state, WEB "source_prefix: {ipv4: 24, ipv6: 56}\n");
	assert_reason(*state, &a4, CONFORMING);
	assert_reason(*state, &b4, OVER_PACKETS);
	assert_reason(*state, &c4, CONFORMING);
	assert_reason(*state, &a6, CONFORMING);
	assert_reason(*state, &b6, OVER_PACKETS);
	assert_reason(*state, &c6, CONFORMING);
}

static void whole_ipv6_addresses_can_be_sources(void **state)
{
	struct frame a6 = web("2001:db8::1"), b6 = web("2001:db8::2");

	harness_policy(*state, WEB "source_prefix: {ipv6: 128}\n");
	assert_reason(*state, &a6, CONFORMING);
	assert_reason(*state, &a6, OVER_PACKETS);
	assert_reason(*state, &b6, CONFORMING);
}

static void a_default_of_deny_and_allow_does_what_it_says(void **state)
{
	struct frame frame = web("192.0.2.1");

	harness_policy(*state, "protect: everything\ntiers: {public: unlimited}\ndefault: deny\n");
	assert_reason(*state, &frame, DENIED);
	harness_policy(*state, "protect: everything\ntiers: {public: unlimited}\ndefault: allow\n");
	assert_reason(*state, &frame, ALLOW_RULE);
}

static void counters_hold_packets_and_bytes_on_the_wire(void **state)
{
	struct frame frame = frame_of_len("192.0.2.1", 443, 1000);
	struct sl_tracked tracked;

	harness_policy(*state, WEB "sources: {192.0.2.0/24: wide}\n");
	harness_passes(*state, &frame, 8);
	assert_int_equal(harness_reason_total(*state, SL_CONFORMING).bytes, 5000);
	assert_int_equal(harness_reason_total(*state, SL_OVER_PACKETS).bytes, 3000);
	assert_int_equal(harness_tier(*state, "wide").by_verdict[SL_PASS].bytes, 5000);
	assert_int_equal(harness_rule(*state, "192.0.2.0/24").by_verdict[SL_DROP].bytes, 3000);
	assert_true(harness_tracked(*state, "192.0.2.1", &tracked));
	assert_int_equal(tracked.passed.packets, 5);
	assert_int_equal(tracked.passed.bytes, 5000);
	assert_int_equal(tracked.dropped.packets, 3);
	assert_int_equal(tracked.dropped.bytes, 3000);
	assert_int_equal(tracked.first_seen_ns, HARNESS_START);
	assert_int_equal(tracked.last_seen_ns, HARNESS_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(without_a_policy_everything_passes_unready),
		HARNESS_TEST(what_is_not_ip_passes),
		HARNESS_TEST(only_the_named_ports_are_protected),
		HARNESS_TEST(ports_of_one_protocol_do_not_protect_another),
		HARNESS_TEST(whole_protocols_are_protected_by_name),
		HARNESS_TEST(headers_the_kernel_discards_are_malformed),
		HARNESS_TEST(every_shorter_frame_is_malformed),
		HARNESS_TEST(the_longest_prefix_decides),
		HARNESS_TEST(an_allow_within_a_denied_network_lets_one_through),
		HARNESS_TEST(families_do_not_share_prefixes),
		HARNESS_TEST(tiers_are_given_by_prefix),
		HARNESS_TEST(unlimited_and_allowed_sources_are_never_tracked),
		HARNESS_TEST(a_runtime_allow_comes_before_deny_and_ban),
		HARNESS_TEST(a_runtime_allow_ends_at_its_time_and_not_1ns_sooner),
		HARNESS_TEST(an_allow_rule_comes_before_a_ban),
		HARNESS_TEST(a_ban_comes_before_the_bucket_and_charges_nothing),
		HARNESS_TEST(deny_and_ban_leave_unprotected_traffic_alone),
		HARNESS_TEST(scope_everything_extends_deny_and_ban_but_no_limit),
		HARNESS_TEST(an_address_denied_in_a_busy_slash_64_stays_denied),
		HARNESS_TEST(addresses_of_a_split_source_keep_their_tiers_and_share_its_bucket),
		HARNESS_TEST(banned_prefixes_cover_their_addresses_until_their_end),
		HARNESS_TEST(shorter_source_prefixes_gather_more_addresses),
		HARNESS_TEST(whole_ipv6_addresses_can_be_sources),
		HARNESS_TEST(a_default_of_deny_and_allow_does_what_it_says),
		HARNESS_TEST(counters_hold_packets_and_bytes_on_the_wire),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
