/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/overview.h"

#include <errno.h>
#include <stdlib.h>

#define LABEL_OF(count, value) ((size_t)(value) < (count) ? labels[value] : "unknown")
#define COUNT(array)	       (sizeof(array) / sizeof((array)[0]))

enum sl_verdict overview_verdict(enum sl_reason reason)
{
	static const enum sl_verdict verdicts[] = {
#define VERDICT(name, verdict, label, help) [SL_##name] = SL_##verdict,
		SL_REASONS(VERDICT)
#undef VERDICT
	};

	return verdicts[reason];
}

const char *overview_verdict_label(enum sl_verdict verdict)
{
	static const char *const labels[] = {"pass", "flag", "drop"};

	return LABEL_OF(COUNT(labels), verdict);
}

const char *overview_reason_label(enum sl_reason reason)
{
	static const char *const labels[] = {
#define LABEL(name, verdict, label, help) [SL_##name] = label,
		SL_REASONS(LABEL)
#undef LABEL
	};

	return LABEL_OF(COUNT(labels), reason);
}

const char *overview_fault_label(enum sl_fault fault)
{
	static const char *const labels[] = {
#define LABEL(name, label, help) [SL_FAULT_##name] = label,
		SL_FAULTS(LABEL)
#undef LABEL
	};

	return LABEL_OF(COUNT(labels), fault);
}

const char *overview_mode_label(enum attach_mode mode)
{
	static const char *const labels[] = {
#define LABEL(name, label, help) [ATTACH_##name] = label,
		ATTACH_MODES(LABEL)
#undef LABEL
	};

	return LABEL_OF(COUNT(labels), mode);
}

const char *overview_event_label(enum sl_event_kind kind)
{
	static const char *const labels[] = {
#define LABEL(name, label, help) [SL_EVENT_##name] = label,
		SL_EVENTS(LABEL)
#undef LABEL
	};

	return LABEL_OF(COUNT(labels), kind);
}

struct sl_count overview_sum(const struct sl_count reasons[static SL_REASON_COUNT],
			     enum sl_verdict verdict)
{
	struct sl_count sum = {0};

	for (int reason = 0; reason < SL_REASON_COUNT; reason++) {
		if (verdict != SL_VERDICT_COUNT && overview_verdict(reason) != verdict)
			continue;
		sum.packets += reasons[reason].packets;
		sum.bytes += reasons[reason].bytes;
	}
	return sum;
}

struct sl_count overview_reason(const struct overview *overview, enum sl_reason reason)
{
	struct sl_count sum = {0};

	for (size_t i = 0; i < overview->interface_count; i++) {
		sum.packets += overview->interfaces[i].reasons[reason].packets;
		sum.bytes += overview->interfaces[i].reasons[reason].bytes;
	}
	return sum;
}

void overview_free(struct overview *overview)
{
	free(overview->interfaces);
	free(overview->tiers);
	*overview = (struct overview){0};
}

struct reading {
	struct overview *overview;
	size_t room;
	bool no_memory;
};

static bool copy_interface(void *context, const struct interface_status *status)
{
	struct reading *reading = context;
	struct overview *overview = reading->overview;

	if (overview->interface_count == reading->room) {
		size_t room = reading->room ? 2 * reading->room : 8;
		struct interface_status *grown =
			reallocarray(overview->interfaces, room, sizeof(*grown));

		if (!grown) {
			reading->no_memory = true;
			return false;
		}
		overview->interfaces = grown;
		reading->room = room;
	}
	overview->interfaces[overview->interface_count++] = *status;
	return true;
}

static void add_tier(const struct agent *agent, const char *name, int number,
		     struct overview *overview)
{
	struct overview_tier *tier = &overview->tiers[overview->tier_count];

	if (number < 0)
		return;
	tier->name = name;
	datapath_tier_tally(agent->datapath, (uint8_t)number, &tier->tally);
	overview->tier_count++;
}

static int read_tiers(const struct agent *agent, struct overview *overview)
{
	const struct policy *policy = agent->policy;
	const struct numbering *numbering = datapath_numbering(agent->datapath);

	overview->tiers = calloc(policy->tier_count + 2, sizeof(*overview->tiers));
	if (!overview->tiers)
		return -ENOMEM;
	for (size_t i = 0; i < policy->tier_count; i++)
		add_tier(agent, policy->tiers[i].name,
			 numbering_tier(numbering, policy->tiers[i].name), overview);
	add_tier(agent, "allow", SL_TIER_ALLOW, overview);
	add_tier(agent, "deny", SL_TIER_DENY, overview);
	return 0;
}

int overview_read(const struct agent *agent, uint64_t now_ns, struct overview *ret_overview)
{
	struct overview overview = {0};
	struct reading reading = {.overview = &overview};

	if (agent->datapath) {
		interfaces_each(agent->interfaces, copy_interface, &reading);
		if (reading.no_memory || read_tiers(agent, &overview)) {
			overview_free(&overview);
			return -ENOMEM;
		}
		datapath_fill(agent->datapath, now_ns, &overview.fill);
		for (int fault = 0; fault < SL_FAULT_COUNT; fault++)
			overview.faults[fault] = datapath_fault_count(agent->datapath, fault);
	}
	*ret_overview = overview;
	return 0;
}
