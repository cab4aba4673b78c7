/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/escalation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/duration.h"
#include "base/log.h"
#include "policy/http_policy.h"

#define STRIKES_MAX 1000000 /* told; more is not true */

const char *escalation_label(enum escalation_result result)
{
	static const char *const labels[] = {
#define X(name, label, help) [ESCALATION_##name] = label,
		ESCALATION_RESULTS(X)
#undef X
	};

	return labels[result];
}

/* ---- Whether ---- */

static bool has_budget(struct escalation *escalation, uint64_t now_ns)
{
	if (escalation->second != now_ns / NS_PER_SEC) {
		if (escalation->lost)
			log_warning("http: %" PRIu64 " bans were asked for beyond %d a second, "
				    "and lost",
				    escalation->lost, ESCALATIONS_PER_SECOND);
		escalation->second = now_ns / NS_PER_SEC;
		escalation->asked = 0;
		escalation->others = 0;
		escalation->lost = 0;
	}
	if (escalation->asked < ESCALATIONS_PER_SECOND) {
		escalation->asked++;
		return true;
	}
	escalation->lost++;
	return false;
}

static bool is_wanted(const struct agent *agent)
{
	return agent->datapath && agent->policy && agent->policy->http &&
	       agent->policy->http->escalate.enabled;
}

static bool is_spared(const struct escalation *escalation, const struct prefix *source)
{
	return http_policy_spares(escalation->agent->policy->http, source) ||
	       (escalation->spares && escalation->spares(escalation->context, source));
}

/* ---- What is told ---- */

static struct sl_event event_of(const struct agent *agent, const struct ban *ban)
{
	return (struct sl_event){
		.at_ns = ban->since_ns,
		.source = source_of(&ban->prefix, datapath_source_bits(agent->datapath)),
		.reason = SL_BANNED,
		.cause = SL_BAN_HTTP,
	};
}

static void tell_strikes(struct agent *agent, const struct offender *offender,
			 const struct ban *ban)
{
	struct sl_event event = event_of(agent, ban);

	event.kind = (uint8_t)offender->kind;
	event.packets = offender->strikes < STRIKES_MAX ? offender->strikes : STRIKES_MAX;
	agent_tell(agent, &event);
}

static void tell_ban(struct agent *agent, const struct ban *ban)
{
	struct sl_event event = event_of(agent, ban);

	event.kind = SL_EVENT_BANNED;
	event.until_ns = ban->until_ns;
	event.strikes = ban->strikes;
	agent_tell(agent, &event);
}

/* Who is back in a ban before the sweep came by was out of it all the same. */
static void tell_end(struct agent *agent, const struct ban *ban, uint64_t ended_ns)
{
	struct sl_event event = event_of(agent, ban);

	event.kind = SL_EVENT_BAN_ENDED;
	event.at_ns = event.until_ns = ended_ns;
	event.strikes = ban->strikes - 1;
	agent_tell(agent, &event);
}

static const char *why(enum sl_event_kind kind)
{
	switch (kind) {
	case SL_EVENT_REFUSED:
		return "ignores refusals";
	case SL_EVENT_MALFORMED:
		return "breaks HTTP framing";
	case SL_EVENT_SLOW:
		return "is slow on purpose";
	default:
		return "";
	}
}

/* ---- The ban ---- */

static enum escalation_result result_of(int err)
{
	switch (err) {
	case 0:
		return ESCALATION_BANNED;
	case -EALREADY:
		return ESCALATION_STANDING;
	case -EEXIST: /* the operator's word stands */
		return ESCALATION_ALLOWED;
	case -ENOSPC:
		return ESCALATION_FULL;
	default:
		return ESCALATION_FAILED;
	}
}

/* Once a second is enough for people. */
static void warn(struct escalation *escalation, const struct ban *ban, const char *error)
{
	char text[PREFIX_TEXT_MAX];

	if (escalation->warned == escalation->second)
		return;
	escalation->warned = escalation->second;
	log_warning("http: banning %s: %s", prefix_format(&ban->prefix, text), error);
}

static enum escalation_result ban(struct escalation *escalation, const struct offender *offender,
				  struct ban *ban)
{
	const struct agent *agent = escalation->agent;
	const struct http_escalate *escalate = &agent->policy->http->escalate;
	struct ban_terms terms = {.for_ns = escalate->for_ns, .max_ns = escalate->max_ns};
	char error[DATAPATH_ERROR_MAX] = "";
	enum escalation_result result;
	int err;

	(void)snprintf(ban->reason, sizeof(ban->reason), "%s", why(offender->kind));
	err = datapath_ban_again(agent->datapath, agent->policy, &terms, ban, error);
	result = result_of(err);
	if (result == ESCALATION_FULL || result == ESCALATION_FAILED)
		warn(escalation, ban, *error ? error : strerror(-err));
	if (!err && terms.ret_ended_ns)
		tell_end(escalation->agent, ban, terms.ret_ended_ns);
	return result;
}

/* What it did while the ban was on its way is not. */
static bool is_news(struct escalation *escalation, enum escalation_result result)
{
	if (result == ESCALATION_BANNED || result == ESCALATION_STANDING)
		return result == ESCALATION_BANNED;
	return escalation->others++ < ESCALATION_OTHERS_TOLD;
}

static enum escalation_result judge(struct escalation *escalation, const struct offender *offender,
				    uint64_t now_ns)
{
	struct agent *agent = escalation->agent;
	struct ban what = {.since_ns = now_ns, .cause = SL_BAN_HTTP};
	enum escalation_result result;
	struct source_bits bits;

	if (!is_wanted(agent))
		return ESCALATION_UNWANTED;
	if (!has_budget(escalation, now_ns))
		return ESCALATION_OVER_BUDGET;
	bits = datapath_source_bits(agent->datapath);
	what.prefix = prefix_cut(&offender->address,
				 offender->address.family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6);
	result = is_spared(escalation, &what.prefix) ? ESCALATION_SPARED
						     : ban(escalation, offender, &what);
	if (is_news(escalation, result))
		tell_strikes(agent, offender, &what);
	if (result == ESCALATION_BANNED) {
		tell_ban(agent, &what);
		agent_banned(agent, &what.prefix, 1);
	}
	return result;
}

enum escalation_result escalation_take(struct escalation *escalation,
				       const struct offender *offender, uint64_t now_ns)
{
	enum escalation_result result = judge(escalation, offender, now_ns);

	escalation->results[result]++;
	return result;
}
