/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/strikes.h"

#include <sluice/bucket.h>

#include "base/duration.h"
#include "http/http_parts.h"

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

void strikes_vouch(struct conn *conn)
{
	const struct worker *worker = conn->worker;

	if (worker->plan->plan->http->escalate.enabled && conn->is_stranger)
		offenders_vouch(worker->http->offenders, &conn->source, worker->now_ns);
}
