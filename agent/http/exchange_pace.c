/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that are too slow: a minimum of bytes in each span, both ways. */
#include "http/exchange.h"
#include "http/strikes.h"

static void time_pace(struct pace *pace, bool is_waited_for, uint64_t bytes, uint64_t until_ns)
{
	if (!is_waited_for)
		pace->deadline_ns = 0;
	else if (!pace->deadline_ns)
		*pace = (struct pace){until_ns, bytes};
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return b && b < a ? b : a;
}

void exchange_set_timer(struct exchange *x)
{
	const struct http_timeouts *timeouts = &x->share->plan->http->timeouts;
	uint64_t now_ns = x->worker->now_ns, at_ns = WHEEL_NEVER;

	time_pace(&x->send_pace, x->conn->wire.out.len, x->conn->wire.sent,
		  now_ns + timeouts->send_ns);
	time_pace(&x->body_pace, upload_awaits_client(x), x->up.bytes, now_ns + timeouts->body_ns);
	at_ns = earlier(at_ns, x->send_pace.deadline_ns);
	at_ns = earlier(at_ns, x->body_pace.deadline_ns);
	if (x->is_queued)
		at_ns = earlier(at_ns, x->queue_until_ns);
	if (x->limiting.waits)
		at_ns = earlier(at_ns, x->limiting.wake_ns);
	if (x->cache.waiter.fill && !x->has_answered)
		at_ns = earlier(at_ns, x->cache.wait_until_ns);
	if (x->client_waits)
		at_ns = earlier(at_ns, x->continue_at_ns);
	wheel_set(&x->worker->wheel, &x->conn->timer, at_ns);
}

/* Whether a span is over in which less came than had to; a span that was fine begins anew. */
static bool is_too_slow(struct pace *pace, uint64_t bytes, uint64_t rate, uint64_t span_ns)
{
	uint64_t wanted = rate ? rate * (span_ns / 1000000) / 1000 : 1;
	uint64_t came = bytes - pace->mark;

	pace->mark = bytes;
	pace->deadline_ns += span_ns;
	return came < wanted;
}

bool exchange_expired(struct exchange *x)
{
	const struct http_policy *http = x->share->plan->http;
	uint64_t now_ns = x->worker->now_ns;

	if (x->send_pace.deadline_ns && now_ns >= x->send_pace.deadline_ns &&
	    is_too_slow(&x->send_pace, x->conn->wire.sent, http->min_rate.send,
			http->timeouts.send_ns)) {
		count(&x->worker->counters.slow_reader);
		x->is_aborted = true;
		return false;
	}
	if (x->body_pace.deadline_ns && now_ns >= x->body_pace.deadline_ns &&
	    is_too_slow(&x->body_pace, x->up.bytes, http->min_rate.body, http->timeouts.body_ns)) {
		count(&x->worker->counters.slow_body);
		strikes_note(x->conn, STRIKE_SLOW);
		x->client_persists = false;
		if (x->has_answered)
			return false;
		(void)exchange_refuse(x, 408, "the content came too slowly");
	}
	return true;
}
