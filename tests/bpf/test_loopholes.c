// SPDX-License-Identifier: BSD-2-Clause
/* Ways around a limit, or to have somebody else dropped, that were open once. */
#include "harness.h"

#define A	  "192.0.2.1"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		HARNESS_TEST(a_stranger_gains_nothing_by_frames_too_short_for_ethernet),
	};

	return cmocka_run_group_tests(tests, harness_setup_group, harness_teardown_group);
}
