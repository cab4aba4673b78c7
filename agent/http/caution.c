/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/caution.h"

#include <sys/socket.h>

#include "base/duration.h"
#include "http/caching.h"

/* Many flagged clients that were told the same moment would all be back in it. */
#define BACK_AFTER_S 1

void caution_begin(struct conn *conn, int fd)
{
	const struct plan *plan = conn->worker->plan->plan;
	const struct policy_flag *flag = &plan->policy->flag;
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);

	if (!flag->accept || !plan->policy->has_packet_plane || !conn->is_stranger)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len) || (mark & flag->mask) != flag->mark)
		return;
	conn->wary_ns = conn->worker->now_ns + plan->http->caution_for_ns;
	count(&conn->worker->counters.flagged);
}

static bool is_flagged(const struct exchange *x)
{
	return x->conn->wary_ns > x->worker->now_ns;
}

static enum http_caution rule_of(const struct exchange *x)
{
	return x->share->plan->http->caution;
}

static enum progress refuse_until_over(struct exchange *x, const char *detail)
{
	uint64_t left_ns = x->conn->wary_ns - x->worker->now_ns;

	count(&x->worker->counters.caution_refused);
	x->retry_s = (unsigned)((left_ns + NS_PER_SEC - 1) / NS_PER_SEC);
	return exchange_refuse(x, 429, detail);
}

bool caution_refuses(struct exchange *x, enum progress *ret_progress)
{
	if (!is_flagged(x) || rule_of(x) != HTTP_CAUTION_REFUSE)
		return false;
	*ret_progress = refuse_until_over(x, "too many connections came from here; wait");
	return true;
}

bool caution_forbids_fetch(struct exchange *x, enum progress *ret_progress)
{
	if (!is_flagged(x) || rule_of(x) != HTTP_CAUTION_CACHE_ONLY)
		return false;
	*ret_progress = caching_failed(x)
				? PROGRESS_MOVE_ON
				: refuse_until_over(x, "too many connections came from here; "
						       "only what is cached is answered");
	return true;
}

bool caution_sheds(struct exchange *x, enum progress *ret_progress)
{
	if (!is_flagged(x))
		return false;
	fetch_leave_gate(x);
	count(&x->worker->counters.caution_shed);
	x->retry_s = BACK_AFTER_S;
	*ret_progress = caching_failed(x)
				? PROGRESS_MOVE_ON
				: exchange_refuse(x, 503, "the upstream is busy; others go first");
	return true;
}
