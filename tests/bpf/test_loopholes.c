// SPDX-License-Identifier: BSD-2-Clause
/* Ways around a limit, or to have somebody else dropped, that were open once. */
#include "harness.h"

#include <netinet/in.h>

#define A	  "192.0.2.1"
#define NETWORK	  "2001:db8:0:1::"
#define TIER(how) "protect: everything\ntiers: {public: {" how "}}\ndefault: public\n"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_stranger_gains_nothing_by_frames_too_short_for_ethernet),
		HARNESS_TEST(a_syn_behind_more_than_we_read_counts_as_a_connection),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
