/* SPDX-License-Identifier: BSD-2-Clause */
/* Which counters of the HTTP child become which metrics. For metrics_http.c alone. */
#ifndef CONTROL_METRICS_HTTP_ROWS_H
#define CONTROL_METRICS_HTTP_ROWS_H

/* A sample of a counter the child tells by name. help begins a family; rows without it go on with the one before. */
struct counted {
	const char *key;
	const char *name;
	const char *help;
	const char *label; /* NULL: none */
	const char *value;
};

static const struct counted connections[] = {
	{"accepted", "sluice_http_connections_total", "Connections accepted.", NULL, NULL},
	{"refused_connections", "sluice_http_connections_refused_total",
	 "Connections refused, by what there is too much of.", "reason", "connections"},
	{"refused_source", "sluice_http_connections_refused_total", NULL, "reason", "per_source"},
	{"refused_memory", "sluice_http_connections_refused_total", NULL, "reason", "memory"},
	{"idle_evicted", "sluice_http_connections_closed_total",
	 "Connections closed before their time, by why.", "reason", "made_room"},
	{"slow_head", "sluice_http_connections_closed_total", NULL, "reason", "slow_head"},
	{"slow_body", "sluice_http_connections_closed_total", NULL, "reason", "slow_body"},
	{"slow_reader", "sluice_http_connections_closed_total", NULL, "reason", "slow_reader"},
	{"proxy_bad", "sluice_http_connections_closed_total", NULL, "reason", "no_proxy_header"},
	{"banned_closed", "sluice_http_connections_closed_total", NULL, "reason", "banned"},
};

static const struct counted requests[] = {
	{"requests", "sluice_http_requests_total", "Requests whose head was complete.", NULL, NULL},
	{"answered_2xx", "sluice_http_responses_total", "Final answers, by class of status.",
	 "class", "2xx"},
	{"answered_3xx", "sluice_http_responses_total", NULL, "class", "3xx"},
	{"answered_4xx", "sluice_http_responses_total", NULL, "class", "4xx"},
	{"answered_5xx", "sluice_http_responses_total", NULL, "class", "5xx"},
	{"aborted", "sluice_http_aborted_total", "Exchanges that ended without a complete answer.",
	 NULL, NULL},
	{"tunnels", "sluice_http_tunnels_total", "Connections upgraded.", NULL, NULL},
	{"client_bytes_in", "sluice_http_bytes_total", "Bytes read and written.", "direction",
	 "from_clients"},
	{"client_bytes_out", "sluice_http_bytes_total", NULL, "direction", "to_clients"},
	{"upstream_bytes_in", "sluice_http_bytes_total", NULL, "direction", "from_upstreams"},
	{"upstream_bytes_out", "sluice_http_bytes_total", NULL, "direction", "to_upstreams"},
	{"limit_queued", "sluice_http_limit_queued_total",
	 "Requests that waited to be let in by a limit.", NULL, NULL},
	{"log_dropped", "sluice_http_log_dropped_total",
	 "Lines of the access log that could not be written.", NULL, NULL},
};

static const struct counted upstreams[] = {
	{"upstream_connects", "sluice_http_upstream_connects_total",
	 "Connections to upstreams begun.", NULL, NULL},
	{"upstream_reused", "sluice_http_upstream_reused_total",
	 "Requests sent on a connection that was open.", NULL, NULL},
	{"upstream_connect_failed", "sluice_http_upstream_errors_total",
	 "What went wrong with upstreams.", "kind", "connect"},
	{"upstream_timeout", "sluice_http_upstream_errors_total", NULL, "kind", "timeout"},
	{"upstream_closed", "sluice_http_upstream_errors_total", NULL, "kind", "closed"},
	{"upstream_bad", "sluice_http_upstream_errors_total", NULL, "kind", "framing"},
	{"upstream_stray", "sluice_http_upstream_errors_total", NULL, "kind", "stray_bytes"},
	{"retries", "sluice_http_upstream_retries_total", "Requests sent a second time.", NULL,
	 NULL},
	{"ejections", "sluice_http_upstream_ejections_total",
	 "Servers taken out after failures in a row.", NULL, NULL},
	{"queued", "sluice_http_upstream_queued_total",
	 "Requests that waited for an upstream's slot.", NULL, NULL},
};

/* Between the planes: what is told to the packet plane, and what comes from it. */
static const struct counted planes[] = {
	{"strikes_refused", "sluice_http_strikes_total", "What counts towards a ban.", "reason",
	 "refused"},
	{"strikes_malformed", "sluice_http_strikes_total", NULL, "reason", "malformed"},
	{"strikes_slow", "sluice_http_strikes_total", NULL, "reason", "slow"},
	{"bans_asked", "sluice_http_bans_total",
	 "Sources with enough strikes: handed to the packet plane, or why not.", "result", "asked"},
	{"bans_vouched", "sluice_http_bans_total", NULL, "result", "valid_key"},
	{"bans_unasked", "sluice_http_bans_total", NULL, "result", "too_many"},
	{"flagged", "sluice_http_connections_flagged_total",
	 "Connections accepted whose SYN was flagged.", NULL, NULL},
	{"caution_refused", "sluice_http_caution_refused_total",
	 "Requests of flagged connections refused: by rule, or for want of a free slot.", "reason",
	 "rule"},
	{"caution_shed", "sluice_http_caution_refused_total", NULL, "reason", "overload"},
	{"underscore_fields", "sluice_http_fields_dropped_total",
	 "Request fields that were not passed on.", "reason", "underscore"},
	{"method_overrides", "sluice_http_fields_dropped_total", NULL, "reason", "method_override"},
};

/* Beside what message/result.h names: refused for other reasons than their form. */
static const struct counted refusals[] = {
	{"limited", NULL, NULL, "reason", "limited"},
	{"limit_table_full", NULL, NULL, "reason", "limit_table_full"},
	{"limit_inventions", NULL, NULL, "reason", "too_many_identities"},
	{"limit_crowded", NULL, NULL, "reason", "too_many_in_flight"},
	{"host_refused", NULL, NULL, "reason", "unknown_host"},
	{"queue_full", NULL, NULL, "reason", "queue_full"},
	{"queue_timeout", NULL, NULL, "reason", "queue_timeout"},
};

static const struct counted cache[] = {
	{"hits", "sluice_cache_hits_total", "Requests answered from the cache as it was.", NULL,
	 NULL},
	{"collapsed", "sluice_cache_collapsed_total",
	 "Requests answered with what another one fetched.", NULL, NULL},
	{"revalidated", "sluice_cache_revalidated_total",
	 "Stored responses that an upstream confirmed.", NULL, NULL},
	{"stale", "sluice_cache_stale_total", "Stale responses used because an upstream failed.",
	 NULL, NULL},
	{"stored", "sluice_cache_stored_total", "Answers stored.", NULL, NULL},
	{"refreshes", "sluice_cache_refreshes_total",
	 "Stored responses fetched anew while they were still sent.", NULL, NULL},
	{"evicted", "sluice_cache_evicted_total", "Responses that made room for others.", NULL,
	 NULL},
	{"purged", "sluice_cache_purged_total",
	 "Purged responses removed; those purged by tag are met one by one.", NULL, NULL},
};

static const struct counted cache_gauges[] = {
	{"objects", "sluice_cache_objects", "Responses stored.", NULL, NULL},
	{"bytes", "sluice_cache_bytes", "Memory of stored and arriving responses.", NULL, NULL},
	{"max_bytes", "sluice_cache_max_bytes", "Memory the cache may use, its tables included.",
	 NULL, NULL},
	{"tags", "sluice_cache_tags", "Distinct tags in use.", NULL, NULL},
	{"fetching", "sluice_cache_fetching", "Fetches that others wait for.", NULL, NULL},
};

#endif
