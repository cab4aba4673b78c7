/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two planes did together: strikes, bans that the HTTP plane asked for, flagged connections. */
#include "control/escalation.h"
#include "control/http_status.h"
#include "control/metrics_http.h"
#include "control/metrics_text.h"

/* A counter that the child tells, as one sample of a family. */
struct sample {
	const char *value;
	const char *key;
};

struct samples {
	const char *name;
	const char *help;
	const char *label;
	struct sample at[4]; /* ended by an empty one */
};

static const struct samples told_by_child[] = {
	{"sluice_http_strikes_total",
	 "What counts towards a ban of its source, where the policy escalates.",
	 "kind",
	 {{"refused", "strikes_refused"},
	  {"malformed", "strikes_malformed"},
	  {"slow", "strikes_slow"}}},
	{"sluice_http_offenders_total",
	 "Sources whose strikes made a pattern, by what became of it in the HTTP plane.",
	 "result",
	 {{"asked", "bans_asked"}, {"vouched", "bans_vouched"}, {"unasked", "bans_unasked"}}},
	{"sluice_http_flagged_total",
	 "Flagged connections, and what their requests were refused for.",
	 "what",
	 {{"accepted", "flagged"}, {"caution", "caution_refused"}, {"shed", "caution_shed"}}},
	{"sluice_http_banned_connections_total",
	 "Connections closed because their source was banned.",
	 NULL,
	 {{NULL, "banned_closed"}}},
};

static void write_samples(const struct samples *samples, const json_t *counters, struct buffer *out)
{
	metrics_family(out, samples->name, "counter", samples->help);
	for (size_t i = 0; i < 4 && samples->at[i].key; i++)
		metrics_sample(out, samples->name,
			       samples->label ? LABELS(samples->label, samples->at[i].value)
					      : NO_LABELS,
			       http_status_count(counters, samples->at[i].key));
}

void metrics_bans_write(const struct metrics_http *http, struct buffer *out)
{
	const json_t *counters = json_object_get(http->told, "counters");

	if (http->state.asked_bans) {
		metrics_family(out, "sluice_http_bans_total", "counter",
			       "Bans that the HTTP plane asked for, by what became of them.");
		for (int i = 0; i < ESCALATION_RESULT_COUNT; i++)
			metrics_sample(
				out, "sluice_http_bans_total",
				LABELS("result", escalation_label((enum escalation_result)i)),
				http->state.asked_bans[i]);
	}
	for (size_t i = 0; counters && i < sizeof(told_by_child) / sizeof(told_by_child[0]); i++)
		write_samples(&told_by_child[i], counters, out);
}
