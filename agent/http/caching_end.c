/* SPDX-License-Identifier: BSD-2-Clause */
/* When the origin fails, when the client goes, and when all is over. */
#include "http/caching.h"
#include "http/caching_facts.h"
#include "http/exchange.h"
#include "http/http_parts.h"

/* ---- When there is no answer ---- */

static void fail_fill(struct exchange *x, enum fill_failure why)
{
	if (x->cache.fill)
		fill_fail(x->cache.fill, why);
	x->cache.fill = NULL;
	fill_leave(&x->cache.waiter);
}

bool caching_stand_in(struct exchange *x, enum origin_failure failure)
{
	struct caching *c = &x->cache;
	struct caching_facts facts;

	if (!c->object || c->is_left)
		return false;
	facts = caching_facts_of(x->share->plan, exchange_request(x));
	if (!freshness_on_error(&c->object->fresh, &facts.req, facts.rules, failure,
				x->worker->now_ns))
		return false;
	fail_fill(x, failure == FAILURE_STATUS ? FILL_ERROR_STATUS : FILL_NO_ANSWER);
	exchange_drop_origin(x);
	fetch_leave_gate(x);
	caching_take_hit(x, c->object, x->worker->now_ns);
	c->verdict = CACHE_VERDICT_STALE;
	c->status.detail = failure == FAILURE_STATUS ? "stale-if-error" : "stale-on-error";
	count(&x->worker->counters.cache_stale);
	(void)go(x, STAGE_SERVE);
	return true;
}

bool caching_failed(struct exchange *x)
{
	if (x->has_answered)
		return false;
	fail_fill(x, FILL_NO_ANSWER);
	return caching_stand_in(x, FAILURE_NO_ANSWER);
}

/* ---- The end ---- */

bool caching_outlives(struct exchange *x)
{
	struct caching *c = &x->cache;

	if (!c->fill)
		return false;
	fill_leave(&c->waiter);
	c->is_left = fill_is_wanted(c->fill);
	return c->is_left;
}

void caching_end(struct exchange *x)
{
	struct caching *c = &x->cache;

	fail_fill(x, FILL_GIVEN_UP);
	if (atomic_load(&c->is_posted))
		worker_take_back(x->worker, &c->letter);
	atomic_store(&c->is_posted, false);
	held_free(&c->rest, &x->worker->memory);
	caching_drop_object(x);
}
