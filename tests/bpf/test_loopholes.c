// SPDX-License-Identifier: BSD-2-Clause
/* Ways around a limit, or to have somebody else dropped, that were open once. */
#include "harness.h"

#include <netinet/in.h>

#define A	  "192.0.2.1"
#define NETWORK	  "2001:db8:0:1::"
#define TIER(how) "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"
#define RULES	  "bans: {after: 5 drops in 10 seconds, for: 1 minute, up to: 3 minutes}\n"
#define ONE	  TIER("packets: 60/minute burst 1")

/* ---- More than the limit ---------------------------------------------------------- */

static void a_stranger_gains_nothing_by_frames_too_short_for_ethernet(void **state)
{
	struct frame frame = frame_of_len(A, 80, 42);

	assert_int_equal(frame.len, 42);
	harness_policy(*state, TIER("bytes: 1 MB/second burst 64 KiB"));
	harness_close_sources(*state);
	assert_in_range(harness_passes(*state, &frame, 10000), 65536 / 42 - 1, 65536 / 42);
}

/* A SYN behind count extension headers of len bytes each. */
static struct frame hidden_syn(unsigned count, size_t len)
{
	struct frame frame = frame_new();

	frame_ipv6(&frame, NETWORK "1");
	for (unsigned i = 0; i < count; i++)
		frame_extension(&frame, IPPROTO_DSTOPTS, len);
	frame_tcp(&frame, 80, SYN);
	frame_finish(&frame);
	return frame;
}

static void a_syn_behind_more_than_we_read_counts_as_a_connection(void **state)
{
	struct frame chain = hidden_syn(9, 8), far = hidden_syn(6, 176), deep = hidden_syn(2, 488);

	harness_policy(*state, TIER("connections: 60/minute burst 2"));
	assert_int_equal(harness_passes(*state, &chain, 100), 2);
	harness_reset(*state);
	harness_policy(*state, TIER("connections: 60/minute burst 2"));
	assert_int_equal(harness_passes(*state, &far, 100), 2);
	harness_reset(*state);
	harness_policy(*state, TIER("connections: 60/minute burst 2"));
	assert_int_equal(harness_passes(*state, &deep, 100), 2);
}

/* Nothing names the /64: it stays a stranger until a packet of the address within has its entry made. */
#define UNNAMED(inner)                                                                             \
	"protect: everything\ntiers: {slow: {packets: 60/minute burst 100}, inner: {" inner "}}\n" \
	"sources: {'2001:db8:0:1::66': inner}\ndefault: slow\n"

static void an_address_in_a_quicker_tier_does_not_forgive_its_slash_64(void **state)
{
	struct frame frame = frame_of_tcp(NETWORK "1", 80, ACK);
	struct frame inner = frame_of_tcp(NETWORK "66", 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, UNNAMED("packets: 1000/second burst 1000"));
	assert_int_equal(harness_passes(*state, &frame, 50), 50);
	assert_false(harness_tracked(*state, NETWORK "1", &tracked));
	assert_reason(*state, &inner, CONFORMING);
	assert_true(harness_tracked(*state, NETWORK "1", &tracked));
	assert_int_equal(harness_passes(*state, &frame, 200), 50);
}

static void an_address_without_that_limit_does_not_forgive_its_slash_64(void **state)
{
	struct frame frame = frame_of_tcp(NETWORK "1", 80, ACK);
	struct frame inner = frame_of_tcp(NETWORK "66", 80, ACK);

	harness_policy(*state, UNNAMED("bytes: 1 GB/second"));
	assert_int_equal(harness_passes(*state, &frame, 50), 50);
	assert_reason(*state, &inner, CONFORMING);
	assert_int_equal(harness_passes(*state, &frame, 200), 50);
}

static void an_address_with_a_shorter_burst_does_not_forgive_its_slash_64(void **state)
{
	struct frame frame = frame_of_tcp(NETWORK "1", 80, ACK);
	struct frame inner = frame_of_tcp(NETWORK "66", 80, ACK);

	harness_policy(*state, UNNAMED("packets: 60/minute burst 1"));
	assert_int_equal(harness_passes(*state, &frame, 50), 50);
	assert_reason(*state, &inner, OVER_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 200), 50);
}

static void a_refused_stranger_with_a_shorter_burst_does_not_forgive_its_slash_64(void **state)
{
	struct frame frame = frame_of_tcp(NETWORK "1", 80, ACK);
	struct frame inner = frame_of_tcp(NETWORK "66", 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, UNNAMED("packets: 60/minute burst 1"));
	harness_state(*state)->tracked = 1 << 20; /* as if full */
	assert_int_equal(harness_passes(*state, &frame, 50), 50);
	assert_reason(*state, &inner, OVER_PACKETS);
	assert_false(harness_tracked(*state, NETWORK "1", &tracked));
	assert_int_equal(harness_passes(*state, &frame, 200), 50);
}

static void a_reload_seen_by_an_address_within_forgives_its_slash_64_nothing(void **state)
{
	struct frame frame = frame_of_tcp(NETWORK "1", 80, ACK);
	struct frame inner = frame_of_tcp(NETWORK "66", 80, ACK);
	const char *policy = UNNAMED("packets: 1000/second burst 1000");

	harness_policy(*state, policy);
	assert_reason(*state, &inner, CONFORMING);
	assert_in_range(harness_passes(*state, &frame, 200), 99, 100);
	harness_policy(*state, policy);
	assert_reason(*state, &inner, OVER_PACKETS);
	assert_int_equal(harness_passes(*state, &frame, 200), 0);
}

/* ---- Bans nobody has deserved ------------------------------------------------------- */

static void drops_of_a_denied_address_ban_none_of_its_neighbours(void **state)
{
	struct frame denied = frame_of_tcp(NETWORK "66", 80, ACK);
	struct frame neighbor = frame_of_tcp(NETWORK "1", 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, ONE RULES "sources: {'2001:db8:0:1::66': deny}\n");
	assert_reason(*state, &neighbor, CONFORMING);
	assert_reason(*state, &neighbor, OVER_PACKETS);
	assert_int_equal(harness_passes(*state, &denied, 1000), 0);
	assert_reason(*state, &neighbor, OVER_PACKETS);
	assert_false(harness_ban_of(*state, NETWORK "1", &ban));
	harness_passes(*state, &neighbor, 3);
	assert_true(harness_ban_of(*state, NETWORK "1", &ban));
}

static void drops_under_a_banned_prefix_do_not_ban_a_second_time(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_policy(*state, ONE RULES);
	harness_passes(*state, &frame, 2);
	harness_ban_prefix(*state, "192.0.2.0/24", HARNESS_START + 2 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 1000), 0);
	harness_set_clock(*state, HARNESS_START + 2 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 2), 1);
	assert_false(harness_ban_of(*state, A, &ban));
}

static void the_first_drop_after_a_ban_is_one_drop_soon_after_boot_too(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_ban ban;

	harness_set_clock(*state, 20 * SECOND);
	harness_policy(*state, ONE "bans: {after: 5 drops in 10 minutes, for: 1 minute}\n");
	harness_passes(*state, &frame, 6);
	assert_true(harness_ban_of(*state, A, &ban));
	harness_set_clock(*state, ban.until_ns);
	assert_int_equal(harness_passes(*state, &frame, 2), 1);
	assert_true(harness_ban_of(*state, A, &ban));
	assert_int_equal(ban.strikes, 1);
}

static void what_many_share_under_deep_tags_is_never_banned(void **state)
{
	struct frame frame = frame_new();

	for (int i = 0; i < 3; i++)
		frame_vlan(&frame, 0x8100, 7);
	frame_ip(&frame, A);
	frame_tcp(&frame, 80, ACK);
	frame_finish(&frame);
	harness_policy(*state, ONE RULES);
	harness_passes(*state, &frame, 100);
	assert_int_equal(harness_reason_count(*state, SL_BANNED), 0);
	assert_int_equal(harness_state(*state)->bans, 0);
}

/* ---- Reload ---------------------------------------------------------------------------- */

#define LONG  TIER("packets: 1/minute burst 60")
#define SHORT TIER("packets: 60/minute burst 5")

static void a_banned_packet_first_does_not_keep_the_old_debt(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);

	harness_policy(*state, LONG);
	assert_int_equal(harness_passes(*state, &frame, 100), 60);
	harness_ban(*state, A, HARNESS_START + SECOND);
	harness_policy(*state, SHORT);
	assert_reason(*state, &frame, BANNED);
	harness_advance(*state, 6 * SECOND);
	assert_int_equal(harness_passes(*state, &frame, 100), 5);
}

static void an_entry_knows_its_rule_from_its_first_packet(void **state)
{
	struct frame frame = frame_of_tcp(A, 80, ACK);
	struct sl_tracked tracked;

	harness_policy(*state, ONE "sources: {192.0.2.0/24: public}\n");
	assert_reason(*state, &frame, CONFORMING);
	assert_true(harness_tracked(*state, A, &tracked));
	assert_int_equal(tracked.rule >> 32, harness_compiled(*state).generation);
	assert_int_not_equal(tracked.rule >> 8 & SL_RULES_MAX, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_stranger_gains_nothing_by_frames_too_short_for_ethernet),
		HARNESS_TEST(a_syn_behind_more_than_we_read_counts_as_a_connection),
		HARNESS_TEST(an_address_in_a_quicker_tier_does_not_forgive_its_slash_64),
		HARNESS_TEST(an_address_without_that_limit_does_not_forgive_its_slash_64),
		HARNESS_TEST(an_address_with_a_shorter_burst_does_not_forgive_its_slash_64),
		HARNESS_TEST(a_refused_stranger_with_a_shorter_burst_does_not_forgive_its_slash_64),
		HARNESS_TEST(a_reload_seen_by_an_address_within_forgives_its_slash_64_nothing),
		HARNESS_TEST(drops_of_a_denied_address_ban_none_of_its_neighbours),
		HARNESS_TEST(drops_under_a_banned_prefix_do_not_ban_a_second_time),
		HARNESS_TEST(the_first_drop_after_a_ban_is_one_drop_soon_after_boot_too),
		HARNESS_TEST(what_many_share_under_deep_tags_is_never_banned),
		HARNESS_TEST(a_banned_packet_first_does_not_keep_the_old_debt),
		HARNESS_TEST(an_entry_knows_its_rule_from_its_first_packet),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
