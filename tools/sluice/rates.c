/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "rates.h"
#include "text.h"

static const char *const verdict_names[SL_VERDICT_COUNT] = {
	[SL_PASS] = "passed", [SL_FLAG] = "flagged", [SL_DROP] = "dropped"};

static void keep_ascii(const char *text, char out[static RATES_NAME_MAX])
{
	size_t i;

	for (i = 0; text[i] && i < RATES_NAME_MAX - 1; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = 0;
}

/* A counter that went back belongs to an agent or an entry that began anew. */
static double rate_of(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (now - before) / seconds : 0;
}

static enum sl_verdict verdict_of(const char *name)
{
	if (!strcmp(name, "drop"))
		return SL_DROP;
	return strcmp(name, "flag") ? SL_PASS : SL_FLAG;
}

static uint64_t bytes_of(const json_t *source)
{
	uint64_t bytes = 0;

	for (int i = 0; i < SL_VERDICT_COUNT; i++)
		bytes += field_bytes(source, verdict_names[i]);
	return bytes;
}

/*
 * What the source had counted at the last look: nothing if it was first seen since. Otherwise,
 * if it was not among those told of then, its rate is not known: as much as it has now.
 */
static const json_t *before_of(const struct rates *rates, const json_t *source)
{
	const json_t *before = json_object_get(rates->before, field_text(source, "source"));
	int64_t first_seen;

	if (before)
		return before;
	if (rates->before && text_instant(field_text(source, "first_seen"), &first_seen) &&
	    first_seen >= rates->at_unix_s)
		return NULL;
	return source;
}

static void take_source(struct rates *rates, const json_t *source)
{
	struct rates_source *kept = &rates->sources[rates->source_count++];
	const json_t *before = before_of(rates, source);

	*kept = (struct rates_source){.dropped = field_packets(source, "dropped")};
	keep_ascii(field_text(source, "source"), kept->name);
	keep_ascii(field_text(source, "tier"), kept->tier);
	(void)text_instant(field_text(source, "banned_until"), &kept->banned_until_unix_s);

	for (int i = 0; i < SL_VERDICT_COUNT; i++)
		kept->per_second[i] =
			rate_of(field_packets(source, verdict_names[i]),
				field_packets(before, verdict_names[i]), rates->seconds);
	kept->bytes_per_second = rate_of(bytes_of(source), bytes_of(before), rates->seconds);
}

static void take_sources(struct rates *rates, json_t *sources)
{
	json_t *by_name = json_object();
	json_t *source;
	size_t i;

	rates->source_count = 0;
	json_array_foreach(sources, i, source)
	{
		if (rates->source_count == RATES_SOURCES_MAX)
			break;
		take_source(rates, source);
		(void)json_object_set(by_name, field_text(source, "source"), source);
	}
	json_decref(rates->before);
	rates->before = by_name;
}

static int by_rate(const void *left, const void *right)
{
	const struct rates_reason *a = left, *b = right;

	if (a->per_second != b->per_second)
		return (a->per_second < b->per_second) - (a->per_second > b->per_second);
	return (a->packets < b->packets) - (a->packets > b->packets);
}

static void take_reason(struct rates *rates, const char *label, const json_t *counts)
{
	const json_t *before = json_object_get(json_object_get(rates->status, "reasons"), label);
	enum sl_verdict verdict = verdict_of(field_text(counts, "verdict"));
	uint64_t packets = field_count(counts, "packets");
	double per_second = 0;

	if (before)
		per_second = rate_of(packets, field_count(before, "packets"), rates->seconds);
	rates->per_second[verdict] += per_second;
	if (!packets || rates->reason_count == RATES_REASONS_MAX)
		return;

	rates->reasons[rates->reason_count] = (struct rates_reason){
		.verdict = verdict, .per_second = per_second, .packets = packets};
	keep_ascii(label, rates->reasons[rates->reason_count++].label);
}

static void take_reasons(struct rates *rates, json_t *status)
{
	const char *label;
	json_t *counts;

	rates->reason_count = 0;
	memset(rates->per_second, 0, sizeof(rates->per_second));
	json_object_foreach(json_object_get(status, "reasons"), label, counts)
		take_reason(rates, label, counts);
	qsort(rates->reasons, rates->reason_count, sizeof(*rates->reasons), by_rate);
}

static double http_rate(const struct rates *rates, const json_t *now, const json_t *before,
			const char *key)
{
	return rate_of(field_count(now, key), field_count(before, key), rates->seconds);
}

static void take_http(struct rates *rates, const json_t *http)
{
	static const char *const classes[RATES_CLASS_COUNT] = {"2xx", "3xx", "4xx", "5xx"};
	const json_t *before = json_object_get(rates->status, "http");
	const json_t *answers = json_object_get(http, "answers");
	const json_t *cache = json_object_get(http, "cache");
	const json_t *cache_before = json_object_get(before, "cache");

	rates->http = (struct rates_http){.is_there = json_is_object(http)};
	rates->http.connections = field_count(json_object_get(http, "connections"), "open");
	if (!json_object_get(before,
			     "requests")) /* it did not answer then: nothing to compare with */
		return;
	rates->http.requests = http_rate(rates, http, before, "requests");
	for (int i = 0; i < RATES_CLASS_COUNT; i++)
		rates->http.answers[i] =
			http_rate(rates, answers, json_object_get(before, "answers"), classes[i]);
	rates->http.hits = http_rate(rates, cache, cache_before, "hits");
	rates->http.lookups = rates->http.hits + http_rate(rates, cache, cache_before, "misses");
}

static void remember(struct rates *rates)
{
	bool is_full = rates->history_len == RATES_HISTORY;

	for (int i = 0; i < SL_VERDICT_COUNT; i++) {
		double *history = rates->history[i];

		if (is_full)
			memmove(history, history + 1, (RATES_HISTORY - 1) * sizeof(*history));
		history[rates->history_len - is_full] = rates->per_second[i];
	}
	rates->history_len += !is_full;
}

void rates_take(struct rates *rates, json_t *status, json_t *sources, struct rates_moment now)
{
	rates->is_valid = rates->status;
	rates->seconds = rates->is_valid ? (now.now_ns - rates->at_ns) / 1e9 : 0;
	take_reasons(rates, status);
	take_sources(rates, sources);
	take_http(rates, json_object_get(status, "http"));
	if (rates->is_valid)
		remember(rates);

	json_decref(rates->status);
	rates->status = json_incref(status);
	rates->at_ns = now.now_ns;
	rates->at_unix_s = now.now_unix_s;
}

static double key_of(const struct rates_source *source, enum rates_order order)
{
	switch (order) {
	case RATES_BY_DROPPED:
		return source->per_second[SL_DROP];
	case RATES_BY_PASSED:
		return source->per_second[SL_PASS];
	case RATES_BY_BYTES:
	case RATES_ORDER_COUNT:
		break;
	}
	return source->bytes_per_second;
}

static int compare(const void *left, const void *right, void *context)
{
	const struct rates_source *a = left, *b = right;
	double a_key = key_of(a, *(enum rates_order *)context);
	double b_key = key_of(b, *(enum rates_order *)context);

	if (a_key != b_key)
		return (a_key < b_key) - (a_key > b_key);
	if (a->dropped != b->dropped)
		return (a->dropped < b->dropped) - (a->dropped > b->dropped);
	return strcmp(a->name, b->name);
}

void rates_sort(struct rates *rates, enum rates_order order)
{
	qsort_r(rates->sources, rates->source_count, sizeof(*rates->sources), compare, &order);
}

bool status_has_packets(const json_t *status)
{
	const char *state = json_string_value(json_object_get(status, "state"));

	return !json_is_false(json_object_get(status, "packet_plane")) &&
	       !(state && !strcmp(state, "detached"));
}

bool rates_have_packets(const struct rates *rates)
{
	return status_has_packets(rates->status);
}

void rates_free(struct rates *rates)
{
	json_decref(rates->status);
	json_decref(rates->before);
	*rates = (struct rates){};
}
