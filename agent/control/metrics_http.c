/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/metrics_http.h"

#include <inttypes.h>
#include <string.h>

#include "cache/cache_status.h"
#include "cache/storable.h"
#include "control/escalation.h"
#include "control/http_status.h"
#include "control/metrics_http_rows.h"
#include "control/metrics_text.h"
#include "message/result.h"
#include "policy/http_times.h"

struct counted_rows {
	const struct counted *at;
	size_t count;
	const char *type;
};

#define ROWS(array, type) ((struct counted_rows){array, sizeof(array) / sizeof((array)[0]), type})

static void write_rows(struct counted_rows rows, const json_t *told, struct buffer *out)
{
	for (size_t i = 0; i < rows.count; i++) {
		const struct counted *row = &rows.at[i];

		if (row->help)
			metrics_family(out, row->name, rows.type, row->help);
		metrics_sample(out, row->name,
			       row->label ? LABELS(row->label, row->value) : NO_LABELS,
			       http_status_count(told, row->key));
	}
}

static void gauge(struct buffer *out, const char *name, const char *help, uint64_t value)
{
	metrics_family(out, name, "gauge", help);
	metrics_sample(out, name, NO_LABELS, value);
}

static void write_state(const struct metrics_http *http, struct buffer *out)
{
	gauge(out, "sluice_http_up", "1 while a child serves HTTP.", http->state.serves);
	metrics_family(out, "sluice_http_restarts_total", "counter",
		       "Times the child had to be started again.");
	metrics_sample(out, "sluice_http_restarts_total", NO_LABELS, http->state.restarts);
	gauge(out, "sluice_http_draining", "1 while what runs is finished and nothing accepted.",
	      http->state.draining);
}

/* The parent's own count: the child knows only that it asked. */
static void write_asked_bans(const uint64_t *results, struct buffer *out)
{
	static const char name[] = "sluice_http_asked_bans_total";

	if (!results)
		return;
	metrics_family(out, name, "counter",
		       "Bans that the HTTP plane asked for, by what became of them.");
	for (int i = 0; i < ESCALATION_RESULT_COUNT; i++)
		metrics_sample(out, name,
			       LABELS("result", escalation_label((enum escalation_result)i)),
			       results[i]);
}

static void write_refused(const json_t *told, struct buffer *out)
{
	static const char name[] = "sluice_http_requests_refused_total";
	const json_t *counters = json_object_get(told, "counters");
	const json_t *refused = json_object_get(told, "refused");

	metrics_family(out, name, "counter",
		       "Requests refused by Sluice itself, by what was wrong.");
	for (int i = MESSAGE_BAD_METHOD; i < MESSAGE_RESULT_COUNT; i++) {
		const char *label = message_label((enum message_result)i);

		metrics_sample(out, name, LABELS("reason", label),
			       http_status_count(refused, label));
	}
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		metrics_sample(out, name, LABELS(refusals[i].label, refusals[i].value),
			       http_status_count(counters, refusals[i].key));
}

/* ---- Upstreams --------------------------------------------------------------------------------- */

enum server_gauge { SERVER_UP, SERVER_EJECTED, SERVER_OUTSTANDING };

static uint64_t value_of(const json_t *server, enum server_gauge gauge)
{
	switch (gauge) {
	case SERVER_UP:
		return server && !json_is_true(json_object_get(server, "down"));
	case SERVER_EJECTED:
		return json_is_true(json_object_get(server, "ejected"));
	case SERVER_OUTSTANDING:
		return http_status_count(server, "outstanding");
	}
	return 0;
}

struct server_family {
	enum server_gauge gauge;
	const char *name;
	const char *help;
};

static void write_servers_of(const struct http_upstream *upstream, const json_t *servers,
			     const struct server_family *family, struct buffer *out)
{
	char server[HTTP_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < upstream->server_count; i++) {
		http_address_format(&upstream->servers[i], server);
		metrics_sample(out, family->name,
			       LABELS("upstream", upstream->name, "server", server),
			       value_of(json_object_get(servers, server), family->gauge));
	}
}

static void write_servers(const struct metrics_http *http, struct buffer *out)
{
	static const struct server_family families[] = {
		{SERVER_UP, "sluice_http_upstream_up", "0 where active checks find a server down."},
		{SERVER_EJECTED, "sluice_http_upstream_ejected",
		 "1 while a server is out after failures in a row."},
		{SERVER_OUTSTANDING, "sluice_http_upstream_outstanding",
		 "Requests a server has now."},
	};
	json_t *servers = http_status_servers(http->told);

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		metrics_family(out, families[f].name, "gauge", families[f].help);
		for (size_t i = 0; i < http->policy->upstream_count; i++)
			write_servers_of(&http->policy->upstreams[i], servers, &families[f], out);
	}
	json_decref(servers);
}

static uint64_t item(const json_t *list, size_t i)
{
	json_int_t value = json_integer_value(json_array_get(list, i));

	return value > 0 ? (uint64_t)value : 0;
}

/* The child counts between bounds; Prometheus wants all below one. */
static void write_times(const json_t *told, struct buffer *out)
{
	static const unsigned bounds_ms[] = {HTTP_TIME_BOUNDS_MS};
	const size_t size = sizeof(bounds_ms) / sizeof(bounds_ms[0]);
	const json_t *times = json_object_get(told, "upstream_time");
	const json_t *counts = json_object_get(times, "count");
	uint64_t sum = 0;

	metrics_family(out, "sluice_http_upstream_seconds", "histogram",
		       "Time from a request to the head of its upstream's answer.");
	for (size_t i = 0; i < size; i++) {
		char bound[32];

		sum += item(counts, i);
		(void)snprintf(bound, sizeof(bound), "%g", bounds_ms[i] / 1000.0);
		metrics_sample(out, "sluice_http_upstream_seconds_bucket", LABELS("le", bound),
			       sum);
	}
	sum += item(counts, size);
	metrics_sample(out, "sluice_http_upstream_seconds_bucket", LABELS("le", "+Inf"), sum);
	metrics_seconds(out, "sluice_http_upstream_seconds_sum",
			http_status_count(times, "sum_ns"));
	metrics_sample(out, "sluice_http_upstream_seconds_count", NO_LABELS, sum);
}

/* ---- The cache --------------------------------------------------------------------------------- */

static void write_forwarded(const json_t *told, struct buffer *out)
{
	static const char name[] = "sluice_cache_forwarded_total";
	const json_t *counts = json_object_get(told, "forwarded");

	metrics_family(out, name, "counter",
		       "Requests that went to an upstream, by why the cache did not answer.");
	for (int i = FORWARD_NONE + 1; i < FORWARD_REASON_COUNT; i++) {
		const char *label = forward_label((enum forward_reason)i);

		metrics_sample(out, name, LABELS("reason", label),
			       http_status_count(counts, label));
	}
}

static void write_not_stored(const json_t *told, struct buffer *out)
{
	static const char name[] = "sluice_cache_not_stored_total";
	const json_t *counts = json_object_get(told, "not_stored");

	metrics_family(out, name, "counter", "Answers that were not stored, by why.");
	for (int i = STORE_YES + 1; i < STORE_VERDICT_COUNT; i++) {
		const char *label = storable_label((enum store_verdict)i);

		metrics_sample(out, name, LABELS("reason", label),
			       http_status_count(counts, label));
	}
}

static void write_cache(const json_t *told, struct buffer *out)
{
	write_rows(ROWS(cache, "counter"), told, out);
	write_rows(ROWS(cache_gauges, "gauge"), told, out);
	write_forwarded(told, out);
	write_not_stored(told, out);
}

/* ---- Limits ------------------------------------------------------------------------------------ */

/* What told says of each limit, by route and name. A new reference. */
static json_t *limits_by_name(const json_t *told)
{
	json_t *by_route = json_object();
	json_t *limit;
	size_t i;

	json_array_foreach(json_object_get(told, "limits"), i, limit)
	{
		const char *route = json_string_value(json_object_get(limit, "route"));
		const char *name = json_string_value(json_object_get(limit, "limit"));
		json_t *of_route = route ? json_object_get(by_route, route) : NULL;

		if (!route || !name)
			continue;
		if (!of_route) {
			of_route = json_object();
			(void)json_object_set_new(by_route, route, of_route);
		}
		(void)json_object_set(of_route, name, limit); /* without memory: left out */
	}
	return by_route;
}

/* Returns how many limits the child said nothing of. They get no sample: 0 would be a counter that fell. */
static size_t write_limits_of(const struct http_limits *limits, const char *route,
			      const json_t *by_route, struct buffer *out)
{
	static const char *const results[][2] = {
		{"allowed", "allowed"}, {"refused", "refused"}, {"dry_run", "dry_run_refused"}};
	const json_t *of_route = json_object_get(by_route, route);
	size_t missing = 0;

	for (size_t i = 0; i < limits->count; i++) {
		const json_t *limit = json_object_get(of_route, limits->at[i].name);

		missing += !limit;
		for (size_t r = 0; limit && r < sizeof(results) / sizeof(results[0]); r++)
			metrics_sample(out, "sluice_limit_requests_total",
				       LABELS("route", route, "limit", limits->at[i].name, "result",
					      results[r][0]),
				       http_status_count(limit, results[r][1]));
	}
	return missing;
}

static void write_limits(const struct metrics_http *http, struct buffer *out)
{
	const struct http_policy *policy = http->policy;
	json_t *by_route = limits_by_name(http->told);
	size_t missing = 0;

	metrics_family(out, "sluice_limit_requests_total", "counter",
		       "Requests judged by a limit of the policy, by route and what came of it.");
	for (size_t i = 0; i < policy->route_count; i++)
		missing += write_limits_of(&policy->routes[i].limits, policy->routes[i].match,
					   by_route, out);
	missing += write_limits_of(&policy->other.limits, "*", by_route, out);
	missing += write_limits_of(&policy->global_limits, "", by_route, out);
	json_decref(by_route);
	gauge(out, "sluice_limits_left_out",
	      "Limits without samples here: those of the first 10000 have some.", missing);
}

void metrics_http_write(const struct metrics_http *http, struct buffer *out)
{
	const json_t *counters = json_object_get(http->told, "counters");
	const json_t *memory = json_object_get(http->told, "memory");

	write_state(http, out);
	write_asked_bans(http->state.asked_bans, out);
	if (!http->told)
		return;
	write_rows(ROWS(connections, "counter"), counters, out);
	gauge(out, "sluice_http_connections", "Connections open.",
	      http_status_count(http->told, "connections"));
	write_rows(ROWS(requests, "counter"), counters, out);
	write_refused(http->told, out);
	write_rows(ROWS(planes, "counter"), counters, out);
	write_rows(ROWS(upstreams, "counter"), counters, out);
	write_times(http->told, out);
	write_servers(http, out);
	gauge(out, "sluice_http_memory_bytes", "Memory in use, cache included.",
	      http_status_count(memory, "used"));
	gauge(out, "sluice_http_memory_max_bytes", "Memory that may be used.",
	      http_status_count(memory, "max"));
	write_cache(json_object_get(http->told, "cache"), out);
	write_limits(http, out);
}
