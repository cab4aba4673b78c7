/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/limiting.h"

#include "base/clock.h"
#include "base/duration.h"
#include "http/exchange.h"
#include "http/http_parts.h"

#define HELD_AGAIN_NS (100 * NS_PER_MS)

static const struct quota_route *quotas_of(const struct exchange *x)
{
	return &x->share->plan->quotas->routes[x->route->number];
}

static struct limit_table *table_of(const struct exchange *x)
{
	return x->worker->http->table;
}

/* ---- Room ---- */

static void give_room(struct exchange *x)
{
	struct limiting *l = &x->limiting;

	if (l->block)
		memory_give_object(&x->worker->memory, l->block, l->block_size);
	l->block = NULL;
}

/* Few limits that count at once, as nearly all are, fit the exchange itself. */
static bool take_room(struct exchange *x, const struct quota_route *route)
{
	struct limiting *l = &x->limiting;
	const size_t judged = route->judged_max > LIMITING_FEW ? route->judged_max : 0;
	const size_t judged_size = judged * sizeof(struct quota_judged);

	l->result.judged = l->few;
	if (!judged && !route->held_max)
		return true;
	l->block_size = (uint32_t)(judged_size + route->held_max * sizeof(struct quota_held));
	l->block = memory_object(&x->worker->memory, l->block_size);
	if (!l->block)
		return false;
	if (judged)
		l->result.judged = l->block;
	l->result.held = (void *)((char *)l->block + judged_size);
	return true;
}

/* ---- The stage ---- */

static struct quota_request request_of(struct exchange *x, uint64_t now_ns)
{
	const struct request *req = exchange_request(x);
	const struct plan *plan = x->share->plan;

	return (struct quota_request){
		.plan = plan->quotas,
		.route = quotas_of(x),
		.table = table_of(x),
		.thread = x->worker->number,
		.now_ns = now_ns,
		.client = {.fields = &req->head.fields,
			   .method = x->method != METHOD_OTHER
					     ? x->method
					     : method_in_any_case(req->head.method_text),
			   .source = identity_unmapped(&x->conn->peer.address),
			   .client = req->identity.address,
			   .bits = plan->policy->source_bits,
			   .table = table_of(x),
			   .keys = plan->keys,
			   .keys_header = plan->http->keys.header},
	};
}

static bool is_exempt(struct exchange *x)
{
	struct quota_request request = request_of(x, 0);

	return quota_is_exempt(&request);
}

/* Judged now: what its answer is to say is known. */
static enum quota_verdict judge(struct exchange *x, uint64_t patience_ns)
{
	struct limiting *l = &x->limiting;
	struct quota_request request;
	enum quota_verdict verdict;

	request = request_of(x, l->judged_at_ns);
	request.patience_ns = patience_ns;
	if (!l->guest.entry && quota_is_exempt(&request))
		return QUOTA_FREE;
	verdict = quota_judge(&request, &l->result);
	l->is_judged = verdict == QUOTA_LET_IN || verdict == QUOTA_REFUSED;
	if (l->is_judged && l->result.has_no_room)
		count(&x->worker->counters.limit_table_full);
	if (l->is_judged && l->result.invents)
		count(&x->worker->counters.limit_inventions);
	return verdict;
}

/* ---- Turns: routes that bound what is in flight, or have requests wait ---- */

static void turn_came(struct worker *worker, struct letter *letter)
{
	struct exchange *x = list_owner(letter, struct exchange, limiting.letter);

	atomic_store(&x->limiting.is_posted, false);
	x->limiting.may_try = true;
	conn_run(x->conn);
}

static void woken(struct turnstile_guest *guest)
{
	struct exchange *x = list_owner(guest, struct exchange, limiting.guest);

	if (!atomic_exchange(&x->limiting.is_posted, true))
		worker_post(x->worker, &x->limiting.letter);
}

/* An identity that can be made up would have any number in flight: its address counts. */
static struct quota_key turn_key(const struct quota_route *route, struct quota_client *client)
{
	struct quota_key key = quota_key_for(route->scope, &route->policy->how.key, client);

	return quota_key_is_invented(&key) ? quota_key_of_address(route->scope, client, NULL) : key;
}

static enum turnstile_result enter(struct exchange *x)
{
	const struct quota_route *route = quotas_of(x);
	const struct http_route *policy = route->policy;
	struct quota_request request = request_of(x, 0);
	struct limiting *l = &x->limiting;
	const struct turnstile_rules rules = {
		.key = turn_key(route, &request.client),
		.max = policy->concurrency,
		/* Who has closed his side may be gone: he is not waited for. */
		.may_wait = policy->on_limit.queue_ns && !x->conn->wire.saw_end,
	};

	l->guest.woken = woken;
	l->letter.read = turn_came;
	l->until_ns = l->judged_at_ns + policy->on_limit.queue_ns;
	return turnstile_enter(x->worker->http->turnstile, &l->guest, &rules);
}

static enum progress wait_until(struct exchange *x, uint64_t at_ns)
{
	struct limiting *l = &x->limiting;

	if (!l->waits)
		count(&x->worker->counters.limit_queued);
	l->waits = true;
	l->may_try = false;
	l->wake_ns = at_ns < l->until_ns ? at_ns : l->until_ns;
	return PROGRESS_WAIT;
}

static enum progress refuse_crowd(struct exchange *x)
{
	struct limiting *l = &x->limiting;

	count(&x->worker->counters.limit_crowded);
	l->result.count = l->result.held_count = 0;
	l->result.is_crowded = l->is_judged = true;
	l->result.now_ns = limit_table_moment(table_of(x), l->judged_at_ns).now_ns;
	return limiting_refuse(x);
}

/* What one in flight holds may come free at any moment, and only ends on the same route wake: so look again. */
static uint64_t again_at(const struct limiting *l)
{
	const uint64_t wait_ns =
		l->result.later_ns > LIMIT_WAIT_HELD ? l->result.later_ns : HELD_AGAIN_NS;

	return l->judged_at_ns + wait_ns;
}

/* Whose turn it is: let in, or back to the head of the queue. */
static enum progress judge_in_turn(struct exchange *x)
{
	struct turnstile *turnstile = x->worker->http->turnstile;
	struct limiting *l = &x->limiting;
	uint64_t left_ns = l->until_ns > l->judged_at_ns ? l->until_ns - l->judged_at_ns : 0;

	switch (judge(x, x->conn->wire.saw_end ? 0 : left_ns)) {
	case QUOTA_FREE:
	case QUOTA_LET_IN:
		turnstile_next(turnstile, &l->guest);
		break;
	case QUOTA_REFUSED:
		return limiting_refuse(x);
	case QUOTA_LATER:
		if (!turnstile_step_back(turnstile, &l->guest))
			return refuse_crowd(x);
		return wait_until(x, again_at(l));
	}
	l->waits = false;
	return go(x, STAGE_LOOKUP);
}

static enum progress admit_in_turn(struct exchange *x)
{
	struct limiting *l = &x->limiting;
	enum turnstile_result result;
	bool has_left = x->conn->wire.saw_end;

	if (!l->waits) {
		result = enter(x);
	} else {
		if (!l->may_try && l->judged_at_ns < l->wake_ns && !has_left)
			return PROGRESS_WAIT;
		result = turnstile_retry(x->worker->http->turnstile, &l->guest);
	}
	switch (result) {
	case TURNSTILE_IN:
		return judge_in_turn(x);
	case TURNSTILE_WAIT:
		if (l->judged_at_ns >= l->until_ns || has_left)
			break;
		return wait_until(x, l->until_ns);
	case TURNSTILE_FULL:
		break;
	}
	return refuse_crowd(x);
}

/* ---- The whole ---- */

enum progress limiting_admit(struct exchange *x)
{
	const struct quota_route *route = quotas_of(x);
	struct limiting *l = &x->limiting;

	if (!route->is_limited)
		return go(x, STAGE_LOOKUP);
	if (!l->result.judged && !take_room(x, route))
		return exchange_refuse(x, 503, "no memory for the counts of limits");
	/* The round's time may be older than the request: then two windows could overlap. */
	l->judged_at_ns = clock_now_ns();
	if (route->has_turns && (l->waits || !is_exempt(x)))
		return admit_in_turn(x);
	return judge(x, 0) == QUOTA_REFUSED ? limiting_refuse(x) : go(x, STAGE_LOOKUP);
}

void limiting_end(struct exchange *x)
{
	struct limiting *l = &x->limiting;

	/* Once the upstream had it, an answer may have been produced, though nobody saw it. */
	if (l->result.held_count)
		limiting_settle(x, x->status ? x->status : x->sent_ns ? 0 : QUOTA_NO_ANSWER);
	turnstile_leave(x->worker->http->turnstile, &l->guest);
	if (atomic_load(&l->is_posted))
		worker_take_back(x->worker, &l->letter);
	atomic_store(&l->is_posted, false);
	give_room(x);
}
