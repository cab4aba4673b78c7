/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/strikes.h"

#include <sluice/bucket.h>

#include "base/duration.h"
#include "http/exchange.h"
#include "http/http_parts.h"
#include "quota/quota_key.h"

static const struct http_strikes *pattern_of(const struct http_escalate *escalate, enum strike kind)
{
	switch (kind) {
	case STRIKE_REFUSED:
		return &escalate->refused;
	case STRIKE_MALFORMED:
		return &escalate->malformed;
	case STRIKE_SLOW:
		return &escalate->slow;
	case STRIKE_KIND_COUNT:
		break;
	}
	return NULL;
}

static uint64_t *counter_of(struct http_counters *counters, enum strike kind)
{
	switch (kind) {
	case STRIKE_REFUSED:
		return &counters->strikes_refused;
	case STRIKE_MALFORMED:
		return &counters->strikes_malformed;
	case STRIKE_SLOW:
	case STRIKE_KIND_COUNT:
		break;
	}
	return &counters->strikes_slow;
}

/* A bucket of all threads: a flood of offenders must not become a flood of messages. */
static bool may_ask(struct http *http, uint64_t now_ns)
{
	uint64_t before = atomic_load_explicit(&http->asks_at_ns, memory_order_relaxed);
	__u64 after;

	do
		if (!sl_bucket_take(before, NS_PER_SEC / ASKS_PER_SECOND, NS_PER_SEC, now_ns,
				    &after))
			return false;
	while (!atomic_compare_exchange_weak_explicit(&http->asks_at_ns, &before, after,
						      memory_order_relaxed, memory_order_relaxed));
	return true;
}

static void ask(struct worker *worker, const struct offence *offence)
{
	struct http *http = worker->http;
	const struct http_offence what = {.source = offence->source,
					  .kind = offence->kind,
					  .strikes = offence->pattern.count};

	if (http->offended && may_ask(http, worker->now_ns) &&
	    http->offended(http->offended_context, &what))
		count(&worker->counters.bans_asked);
	else
		count(&worker->counters.bans_unasked);
}

void strikes_note(struct conn *conn, enum strike kind)
{
	struct worker *worker = conn->worker;
	const struct http_escalate *escalate = &worker->plan->plan->http->escalate;
	struct offence offence = {.source = conn->source, .kind = kind};

	if (!escalate->enabled || !conn->is_stranger)
		return;
	offence.pattern = *pattern_of(escalate, kind);
	if (!offence.pattern.count)
		return;
	count(counter_of(&worker->counters, kind));
	switch (offenders_add(worker->http->offenders, &offence, worker->now_ns)) {
	case OFFENCE_COUNTED:
		break;
	case OFFENCE_PATTERN:
		ask(worker, &offence);
		break;
	case OFFENCE_VOUCHED:
		count(&worker->counters.bans_vouched);
		break;
	}
}

/* What is too large, not carried or ambiguous is refused, and may well be meant: it hides no other message. */
static bool breaks_framing(enum message_result fault)
{
	return message_status(fault) == 400 && fault != MESSAGE_BAD_PATH;
}

void strikes_note_fault(struct conn *conn, enum message_result fault)
{
	if (breaks_framing(fault))
		strikes_note(conn, STRIKE_MALFORMED);
}

/* Whether the request has a key of the key file. */
static bool is_keyed(struct exchange *x)
{
	const struct plan *plan = x->share->plan;
	struct quota_client client = {.keys = plan->keys, .keys_header = plan->http->keys.header};

	if (!plan->keys)
		return false;
	client.fields = &exchange_request(x)->head.fields;
	return quota_client_key(&client) != KEY_NONE;
}

/* Once in a while is enough for a mark that is read in seconds. */
static void vouch(struct exchange *x)
{
	struct conn *conn = x->conn;
	const uint64_t now_ns = x->worker->now_ns;

	if (now_ns - conn->vouch_ns < NS_PER_SEC || !is_keyed(x))
		return;
	conn->vouch_ns = now_ns;
	offenders_vouch(x->worker->http->offenders, &conn->source, now_ns);
}

void strikes_note_judged(struct exchange *x, bool is_let_in)
{
	if (!x->share->plan->http->escalate.enabled || !x->conn->is_stranger)
		return;
	if (is_let_in)
		vouch(x);
	else if (x->limiting.result.is_own_fault && !is_keyed(x))
		strikes_note(x->conn, STRIKE_REFUSED);
}
