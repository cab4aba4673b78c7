/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics.h"

#include "control/metrics_http.h"
#include "control/metrics_text.h"

/* Which half of a struct sl_count a family tells of. */
enum half { PACKETS, BYTES };

static uint64_t half_of(const struct sl_count *count, enum half half)
{
	return half == PACKETS ? count->packets : count->bytes;
}

static void write_agent(const struct metrics *metrics, struct buffer *out)
{
	metrics_family(out, "sluice_build_info", "gauge", "Always 1; which version runs.");
	metrics_sample(out, "sluice_build_info", LABELS("version", metrics->version), 1);

	metrics_family(out, "sluice_start_time_seconds", "gauge",
		       "When the agent started, unix time.");
	metrics_seconds(out, "sluice_start_time_seconds", metrics->started_unix_ns);

	metrics_family(out, "sluice_state", "gauge", "1 for the state the agent is in.");
	for (int state = 0; state < AGENT_STATE_COUNT; state++)
		metrics_sample(out, "sluice_state",
			       LABELS("state", agent_state_name((enum agent_state)state)),
			       metrics->state == (enum agent_state)state);
}

static void write_policy(const struct metrics *metrics, struct buffer *out)
{
	metrics_family(out, "sluice_policy_generation", "gauge",
		       "Number of the policy in force; continued by every agent.");
	metrics_sample(out, "sluice_policy_generation", NO_LABELS, metrics->generation);

	metrics_family(out, "sluice_policy_loaded_time_seconds", "gauge",
		       "When the policy in force was loaded, unix time.");
	metrics_seconds(out, "sluice_policy_loaded_time_seconds", metrics->loaded_unix_ns);

	metrics_family(out, "sluice_reloads_total", "counter",
		       "Policies loaded, and refused, since the start.");
	metrics_sample(out, "sluice_reloads_total", LABELS("result", "loaded"), metrics->reloads);
	metrics_sample(out, "sluice_reloads_total", LABELS("result", "failed"),
		       metrics->failed_reloads);
}

static void write_reasons(const struct overview *overview, const char *name, enum half half,
			  struct buffer *out)
{
	for (size_t i = 0; i < overview->interface_count; i++) {
		const struct interface_status *at = &overview->interfaces[i];

		for (int reason = 0; reason < SL_REASON_COUNT; reason++)
			metrics_sample(out, name,
				       LABELS("interface", at->name, "reason",
					      overview_reason_label(reason), "verdict",
					      overview_verdict_label(overview_verdict(reason))),
				       half_of(&at->reasons[reason], half));
	}
}

static void write_interfaces(const struct overview *overview, struct buffer *out)
{
	metrics_family(out, "sluice_packets_total", "counter",
		       "Packets judged, by what became of them and why.");
	write_reasons(overview, "sluice_packets_total", PACKETS, out);
	metrics_family(out, "sluice_bytes_total", "counter",
		       "Bytes of packets judged, Ethernet header included.");
	write_reasons(overview, "sluice_bytes_total", BYTES, out);

	metrics_family(out, "sluice_interface_attached", "gauge",
		       "1 where the program is attached, in which mode; 0 where it is not.");
	for (size_t i = 0; i < overview->interface_count; i++) {
		const struct interface_status *at = &overview->interfaces[i];

		metrics_sample(out, "sluice_interface_attached",
			       LABELS("interface", at->name, "mode", overview_mode_label(at->mode)),
			       at->mode != ATTACH_NONE && at->mode != ATTACH_COVERED);
	}

	metrics_family(out, "sluice_interface_marks", "gauge",
		       "1 where flagged packets get their mark in the stack.");
	for (size_t i = 0; i < overview->interface_count; i++)
		metrics_sample(out, "sluice_interface_marks",
			       LABELS("interface", overview->interfaces[i].name),
			       overview->interfaces[i].flags);
}

static void write_tally(const char *name, const struct labels *labels, const struct sl_tally *tally,
			enum half half, struct buffer *out)
{
	struct labels with_verdict = *labels;
	int end = 0;

	while (with_verdict.text[end])
		end++;
	with_verdict.text[end] = "verdict";
	with_verdict.text[end + 2] = NULL;
	for (int verdict = 0; verdict < SL_VERDICT_COUNT; verdict++) {
		with_verdict.text[end + 1] = overview_verdict_label(verdict);
		metrics_sample(out, name, &with_verdict,
			       half_of(&tally->by_verdict[verdict], half));
	}
}

static void write_tiers(const struct overview *overview, struct buffer *out)
{
	metrics_family(out, "sluice_tier_packets_total", "counter", "Packets by tier and verdict.");
	for (size_t i = 0; i < overview->tier_count; i++)
		write_tally("sluice_tier_packets_total", LABELS("tier", overview->tiers[i].name),
			    &overview->tiers[i].tally, PACKETS, out);
	metrics_family(out, "sluice_tier_bytes_total", "counter", "Bytes by tier and verdict.");
	for (size_t i = 0; i < overview->tier_count; i++)
		write_tally("sluice_tier_bytes_total", LABELS("tier", overview->tiers[i].name),
			    &overview->tiers[i].tally, BYTES, out);
}

static void write_tables(const struct metrics *metrics, struct buffer *out)
{
	const struct datapath_fill *fill = &metrics->overview->fill;

	metrics_family(out, "sluice_table_entries", "gauge",
		       "Entries in use; of strangers: words of sources in debt.");
	metrics_sample(out, "sluice_table_entries", LABELS("table", "sources"), fill->sources);
	metrics_sample(out, "sluice_table_entries", LABELS("table", "strangers"),
		       fill->strangers_owing);
	metrics_sample(out, "sluice_table_entries", LABELS("table", "bans"), fill->bans);
	metrics_sample(out, "sluice_table_entries", LABELS("table", "ban_prefixes"),
		       fill->ban_prefixes);
	metrics_sample(out, "sluice_table_entries", LABELS("table", "allows"), fill->allows);

	metrics_family(out, "sluice_table_entries_max", "gauge", "Entries a table has room for.");
	metrics_sample(out, "sluice_table_entries_max", LABELS("table", "sources"),
		       fill->sources_max);
	metrics_sample(out, "sluice_table_entries_max", LABELS("table", "strangers"),
		       fill->strangers_words);
	metrics_sample(out, "sluice_table_entries_max", LABELS("table", "bans"), fill->bans_max);

	metrics_family(out, "sluice_bans_active", "gauge",
		       "Bans in force, of sources and prefixes.");
	metrics_sample(out, "sluice_bans_active", NO_LABELS, metrics->bans_in_force);
}

static void write_events(const struct metrics *metrics, struct buffer *out)
{
	metrics_family(out, "sluice_events_total", "counter",
		       "Events told by the datapath since the start.");
	for (int kind = 0; kind < SL_EVENT_COUNT; kind++)
		metrics_sample(out, "sluice_events_total",
			       LABELS("event", overview_event_label(kind)), metrics->events[kind]);

	metrics_family(out, "sluice_events_lost_total", "counter",
		       "Events not told: over budget, or the ring was full.");
	metrics_sample(out, "sluice_events_lost_total", NO_LABELS,
		       metrics->overview->faults[SL_FAULT_EVENT_LOST]);

	metrics_family(out, "sluice_faults_total", "counter",
		       "What went wrong in the datapath without changing a verdict.");
	for (int fault = 0; fault < SL_FAULT_COUNT; fault++)
		metrics_sample(out, "sluice_faults_total",
			       LABELS("fault", overview_fault_label(fault)),
			       metrics->overview->faults[fault]);
}

static void write_sources(const struct metrics *metrics, struct buffer *out)
{
	metrics_family(out, "sluice_source_packets_total", "counter",
		       "Packets of the sources that were dropped most.");
	for (size_t i = 0; i < metrics->source_count; i++)
		write_tally("sluice_source_packets_total",
			    LABELS("source", metrics->sources[i].source, "tier",
				   metrics->sources[i].tier),
			    &metrics->sources[i].tally, PACKETS, out);
	metrics_family(out, "sluice_source_bytes_total", "counter",
		       "Bytes of the sources that were dropped most.");
	for (size_t i = 0; i < metrics->source_count; i++)
		write_tally("sluice_source_bytes_total",
			    LABELS("source", metrics->sources[i].source, "tier",
				   metrics->sources[i].tier),
			    &metrics->sources[i].tally, BYTES, out);
}

void metrics_write(const struct metrics *metrics, struct buffer *out)
{
	write_agent(metrics, out);
	write_policy(metrics, out);
	write_interfaces(metrics->overview, out);
	write_tiers(metrics->overview, out);
	write_tables(metrics, out);
	write_events(metrics, out);
	write_sources(metrics, out);
	if (metrics->http)
		metrics_http_write(metrics->http, out);
}
