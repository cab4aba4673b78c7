/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/json.h"

#include <errno.h>
#include <net/if.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/duration.h"
#include "control/agent.h"
#include "control/explanation.h"
#include "control/overview.h"

json_t *json_text(const char *text)
{
	json_t *json = json_string(text);
	auto_free char *plain = NULL;

	if (json || !text)
		return text ? json : json_null();

	plain = strdup(text);
	for (char *at = plain; at && *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_string(plain);
}

/* RFC 3339, or null for 0 and SL_NEVER. */
static json_t *time_text(const struct moment *at, uint64_t instant_ns)
{
	char text[TIMESTAMP_TEXT_MAX];

	if (!instant_ns || instant_ns == SL_NEVER)
		return json_null();
	return json_string(timestamp_format(instant_ns + at->unix_offset_ns, text));
}

/* Seconds until instant_ns, to the millisecond, at least 0; null for SL_NEVER. */
static json_t *remaining(const struct moment *at, uint64_t instant_ns)
{
	if (instant_ns == SL_NEVER)
		return json_null();
	if (instant_ns <= at->now_ns)
		return json_integer(0);
	return json_real((double)((instant_ns - at->now_ns) / NS_PER_MS) / 1000);
}

json_t *json_prefix(const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX];

	return json_string(prefix_format(prefix, text));
}

json_t *json_count(const struct sl_count *count)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)count->packets, "bytes",
			 (json_int_t)count->bytes);
}

static json_t *banned_until(const struct agent *agent, const struct moment *at,
			    const struct prefix *prefix)
{
	struct ban ban;

	if (datapath_find_ban(agent->datapath, prefix, at->now_ns, &ban))
		return json_null();
	return time_text(at, ban.until_ns);
}

/*
 * The tier is that of the rule in force, not what the source's entry remembers: that may be of an older policy, and is
 * empty where longer prefixes lie inside the source.
 */
json_t *json_source(const struct agent *agent, const struct moment *at,
		    const struct sl_source *source, const struct sl_tracked *tracked)
{
	struct source_bits bits = datapath_source_bits(agent->datapath);
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;
	json_t *json = json_pack("{s:s}", "source", source_format(source, bits, text));
	bool is_address = source_prefix(source, bits, &prefix);
	const struct policy_source *rule =
		is_address ? policy_find_source(agent->policy, &prefix) : NULL;
	/* What is no address is the source of an interface's deep tags: always the default's. */
	uint8_t tier = rule ? rule->tier : agent->policy->default_tier;

	if (!json)
		return NULL;
	json_object_set_new(json, "tier", json_text(policy_tier_name(agent->policy, tier)));
	json_object_set_new(json, "rule", rule ? json_prefix(&rule->prefix) : json_null());
	json_object_set_new(json, "passed", json_count(&tracked->passed));
	json_object_set_new(json, "flagged", json_count(&tracked->flagged));
	json_object_set_new(json, "dropped", json_count(&tracked->dropped));
	json_object_set_new(json, "over",
			    json_boolean(tier < agent->policy->tier_count &&
					 explanation_is_over(&agent->policy->tiers[tier], tracked,
							     at->now_ns)));
	json_object_set_new(json, "banned_until",
			    is_address ? banned_until(agent, at, &prefix) : json_null());
	json_object_set_new(json, "first_seen", time_text(at, tracked->first_seen_ns));
	json_object_set_new(json, "last_seen", time_text(at, tracked->last_seen_ns));
	return json;
}

static const char *ban_cause_name(enum sl_ban_cause cause)
{
	static const char *const names[] = {
#define NAME(name, label, help) [SL_BAN_##name] = label,
		SL_BAN_CAUSES(NAME)
#undef NAME
	};

	return cause < SL_BAN_CAUSE_COUNT ? names[cause] : "manual";
}

json_t *json_ban(const struct moment *at, const struct ban *ban)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:i, s:s, s:o}", "prefix", json_prefix(&ban->prefix),
			 "since", time_text(at, ban->since_ns), "until",
			 time_text(at, ban->until_ns), "remaining", remaining(at, ban->until_ns),
			 "strikes", (int)ban->strikes, "cause", ban_cause_name(ban->cause),
			 "reason", json_text(ban->reason));
}

json_t *json_allow(const struct moment *at, const struct allow *allow)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "prefix", json_prefix(&allow->prefix), "until",
			 time_text(at, allow->until_ns), "remaining",
			 remaining(at, allow->until_ns), "reason", json_text(allow->reason));
}

/* A reason says why a packet was dropped or flagged. An end has none, nor have bans that no packet led to. */
static bool has_reason(const struct sl_event *event)
{
	return event->kind == SL_EVENT_LIMITED || event->kind == SL_EVENT_FLAGGED ||
	       (event->kind == SL_EVENT_BANNED && event->cause == SL_BAN_DROPS);
}

/* What the HTTP plane counts are requests, not packets. */
static bool is_of_requests(const struct sl_event *event)
{
	return event->kind == SL_EVENT_REFUSED || event->kind == SL_EVENT_MALFORMED ||
	       event->kind == SL_EVENT_SLOW;
}

/* The datapath says which tier judged the packet. What is told otherwise, or later, is of the tier that the source has now. */
static json_t *event_tier(const struct agent *agent, const struct sl_event *event)
{
	const struct policy_source *rule;
	struct prefix prefix;

	bool is_judged = has_reason(event) || event->kind == SL_EVENT_STOPPED;

	/* Its numbers have no names any more once the datapath is gone. */
	if ((is_judged && agent->datapath) ||
	    !source_prefix(&event->source, agent->policy->source_bits, &prefix))
		return json_text(agent_tier_name(agent, event->tier));
	rule = policy_find_source(agent->policy, &prefix);
	return json_text(
		policy_tier_name(agent->policy, rule ? rule->tier : agent->policy->default_tier));
}

json_t *json_event(const struct agent *agent, const struct moment *at,
		   const struct journal_entry *entry)
{
	const struct sl_event *event = &entry->event;
	struct source_bits bits = agent->policy->source_bits;
	char source[PREFIX_TEXT_MAX];
	char name[IF_NAMESIZE];
	bool is_ban = event->kind == SL_EVENT_BANNED;
	bool is_http = is_of_requests(event);

	return json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:i, s:o, s:o}", "id",
			 (json_int_t)entry->id, "time", time_text(at, event->at_ns), "source",
			 source_format(&event->source, bits, source), "event",
			 overview_event_label(event->kind), "tier", event_tier(agent, event),
			 "reason",
			 json_text(has_reason(event) ? overview_reason_label(event->reason) : NULL),
			 "packets", (json_int_t)(is_http ? 0 : event->packets), "requests",
			 (json_int_t)(is_http ? event->packets : 0), "until",
			 is_ban ? time_text(at, event->until_ns) : json_null(), "strikes",
			 (int)event->strikes, "cause",
			 json_text(is_ban ? ban_cause_name(event->cause) : NULL), "interface",
			 json_text(event->ifindex ? if_indextoname(event->ifindex, name) : NULL));
}

json_t *json_problem(const struct policy_problem *problem)
{
	return json_pack("{s:I, s:I, s:s, s:o}", "line", (json_int_t)problem->place.line, "column",
			 (json_int_t)problem->place.column, "severity",
			 problem->is_warning ? "warning" : "error", "text",
			 json_text(problem->text));
}

json_t *json_lines(const struct buffer *text)
{
	json_t *list = json_array();
	const char *at = text->len ? text->at : "";

	while (list && *at) {
		size_t len = strcspn(at, "\n");
		auto_free char *line = strndup(at, len);

		json_array_append_new(list, json_text(line));
		at += len + (at[len] == '\n');
	}
	return list;
}

struct json_list json_list_begin(struct buffer *out, bool is_lines)
{
	if (!is_lines)
		buffer_add_text(out, "[");
	return (struct json_list){.out = out, .is_lines = is_lines};
}

static int add_to_buffer(const char *at, size_t len, void *context)
{
	struct buffer *out = context;

	buffer_add(out, (struct bytes){at, len});
	return out->error ? -1 : 0;
}

bool json_list_add(struct json_list *list, json_t *item)
{
	if (!item && !list->out->error)
		list->out->error = -ENOMEM;
	if (list->count++ && !list->is_lines)
		buffer_add_text(list->out, ",\n");
	if (item)
		(void)json_dump_callback(item, add_to_buffer, list->out,
					 JSON_COMPACT | JSON_REAL_PRECISION(9)); /* sticks */
	if (list->is_lines)
		buffer_add_text(list->out, "\n");
	json_decref(item);
	return !list->out->error;
}

void json_list_end(struct json_list *list)
{
	if (!list->is_lines)
		buffer_add_text(list->out, "]\n");
}
