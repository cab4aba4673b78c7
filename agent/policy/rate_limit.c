/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/rate.h"

#include <sluice/bucket.h>

#define SMALLEST_PACKET_LEN 60	 /* an Ethernet frame without its checksum */
#define PACKET_LEN	    1514 /* bytes of a full Ethernet frame: what a byte limit is sorted by */

/*
 * A stranger's debt is rounded up to 64 ns at every take. Without this allowance the last packet of a
 * burst would be refused for it; below one cost it never lets one more in.
 */
static uint32_t stranger_slack_ns(const struct sl_limit *limit, enum sl_kind kind)
{
	uint64_t cost_ns = sl_limit_cost_ns(limit, kind, SMALLEST_PACKET_LEN);
	uint64_t takes = limit->burst_ns / cost_ns;
	uint64_t slack_ns = takes << SL_UNIT_SHIFT;

	if (slack_ns >= cost_ns)
		slack_ns = cost_ns - 1;
	return slack_ns < UINT32_MAX ? (uint32_t)slack_ns : UINT32_MAX;
}

struct sl_limit rate_limit(const struct rate *rate, enum sl_kind kind, uint8_t flag_above_percent)
{
	const unsigned shift = kind == SL_BYTES ? SL_BYTE_SHIFT : 0;
	unsigned __int128 period = (unsigned __int128)rate->period_ns << shift;
	struct sl_limit limit = {.flag_above_ns = SL_NEVER};
	unsigned __int128 burst;

	limit.cost = (uint64_t)((period + rate->count / 2) / rate->count);
	burst = (unsigned __int128)rate->burst * limit.cost;
	limit.burst_ns = (uint64_t)((burst + (1ull << shift) - 1) >> shift);
	if (flag_above_percent)
		limit.flag_above_ns =
			(uint64_t)((unsigned __int128)limit.burst_ns * flag_above_percent / 100);
	limit.region = sl_region_of(sl_limit_cost_ns(&limit, kind, PACKET_LEN));
	limit.slack_ns = stranger_slack_ns(&limit, kind);
	return limit;
}
