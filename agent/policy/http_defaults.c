/* SPDX-License-Identifier: BSD-2-Clause */
/* The plain values under `http`: names, bounds, and what holds where the file says nothing. */
#include "base/duration.h"
#include "policy/http_values.h"

#define KIB  1024ull
#define MIB  (1024 * KIB)
#define GIB  (1024 * MIB)
#define TIB  (1024 * GIB)
#define SECS NS_PER_SEC
#define DAY  (86400 * SECS)

const char *const http_strategy_words[] = {"sliding-window", "token-bucket", "fixed-window",
					   "moving-window", NULL};
const char *const http_forwarded_words[] = {"x-forwarded-for", "forwarded", "off", NULL};
const char *const http_caution_words[] = {"normal", "cache-only", "refuse", NULL};
const char *const http_retry_words[] = {"safe", "idempotent", "off", NULL};
const char *const http_path_words[] = {"strict", "lenient", NULL};
const char *const http_log_words[] = {"json", "combined", NULL};
static const char *const directives_words[] = {"ignore", "honour", NULL};

#define VALUE(section, name, kind, member, min, max)                                            \
	{                                                                                       \
		name, http_value_read, &(const struct http_value)                               \
		{                                                                               \
			HTTP_VALUE_##kind, offsetof(struct section, member), (min), (max), NULL \
		}                                                                               \
	}
#define WORDS(section, name, kind, member, words)                                          \
	{                                                                                  \
		name, http_value_read, &(const struct http_value)                          \
		{                                                                          \
			HTTP_VALUE_##kind, offsetof(struct section, member), 0, 0, (words) \
		}                                                                          \
	}
#define TABLE(fields)                                          \
	{                                                      \
		(fields), sizeof(fields) / sizeof((fields)[0]) \
	}

static const struct field timeouts[] = {
	VALUE(http_timeouts, "head", SPAN, head_ns, SECS, 3600 * SECS),
	VALUE(http_timeouts, "body", SPAN, body_ns, SECS, 3600 * SECS),
	VALUE(http_timeouts, "idle", SPAN, idle_ns, SECS, DAY),
	VALUE(http_timeouts, "send", SPAN, send_ns, SECS, 3600 * SECS),
	VALUE(http_timeouts, "connect", SPAN, connect_ns, 10 * NS_PER_MS, 300 * SECS),
	VALUE(http_timeouts, "response", SPAN, response_ns, 10 * NS_PER_MS, DAY),
	VALUE(http_timeouts, "drain", SPAN, drain_ns, 0, 3600 * SECS),
};
const struct http_values http_values_timeouts = TABLE(timeouts);

static const struct field min_rate[] = {
	VALUE(http_min_rate, "body", BYTES, body, 0, GIB),
	VALUE(http_min_rate, "send", BYTES, send, 0, GIB),
};
const struct http_values http_values_min_rate = TABLE(min_rate);

static const struct field max[] = {
	VALUE(http_max, "connections", COUNT, connections, 1, 10000000),
	VALUE(http_max, "per_source", COUNT, per_source, 1, 10000000),
	VALUE(http_max, "head", BYTES_32, head, KIB, MIB),
	VALUE(http_max, "fields", COUNT, fields, 8, HTTP_FIELDS_MAX),
	VALUE(http_max, "body", BYTES, body, 0, 1024 * TIB),
	VALUE(http_max, "memory", BYTES, memory, 16 * MIB, 64 * TIB),
	VALUE(http_max, "limit_table", BYTES, limit_table, MIB, 64 * GIB),
	VALUE(http_max, "identities_per_source", COUNT, identities_per_source, 1, 1000000),
};
const struct http_values http_values_max = TABLE(max);

static const struct field cache[] = {
	VALUE(http_cache, "size", BYTES, size, 4 * MIB, 64 * TIB),
	VALUE(http_cache, "object_max", BYTES, object_max, KIB, 64 * GIB),
	VALUE(http_cache, "heuristics", SWITCH, heuristics, 0, 0),
	VALUE(http_cache, "share_set_cookie", SWITCH, share_set_cookie, 0, 0),
	WORDS(http_cache, "request_directives", TWO_WORDS, honour_request, directives_words),
	VALUE(http_cache, "stale_on_error", SPAN, stale_on_error_ns, 0, 365 * DAY),
	VALUE(http_cache, "refresh_early", PERCENT, refresh_early_percent, 1, 90),
	VALUE(http_cache, "waiters", COUNT, waiters, 0, 1000000),
	VALUE(http_cache, "wait", SPAN, wait_ns, 10 * NS_PER_MS, 3600 * SECS),
};
const struct http_values http_values_cache = TABLE(cache);

static const struct field health[] = {
	VALUE(http_health, "eject_after", COUNT, eject_after, 0, 1000000),
	VALUE(http_health, "eject_for", SPAN, eject_for_ns, SECS, DAY),
	VALUE(http_health, "every", SPAN, every_ns, 100 * NS_PER_MS, DAY),
	VALUE(http_health, "timeout", SPAN, timeout_ns, 10 * NS_PER_MS, 300 * SECS),
	VALUE(http_health, "down_after", COUNT, down_after, 1, 1000),
	VALUE(http_health, "up_after", COUNT, up_after, 1, 1000),
};
const struct http_values http_values_health = TABLE(health);

static const struct field limit_fields[] = {
	VALUE(http_limit_fields, "retry_after", SWITCH, retry_after, 0, 0),
	VALUE(http_limit_fields, "x_ratelimit", SWITCH, x_ratelimit, 0, 0),
	VALUE(http_limit_fields, "ratelimit", SWITCH, ratelimit, 0, 0),
};
const struct http_values http_values_limit_fields = TABLE(limit_fields);

/* 200 to 399. */
#define GOOD_STATUSES                                                                           \
	{                                                                                       \
		.bits = { [1] = ~0ull << 36, [2] = ~0ull, [3] = ~0ull, [4] = (1ull << 44) - 1 } \
	}

#define LIMIT_DEFAULTS                                                  \
	{                                                               \
		.strategy = HTTP_STRATEGY_SLIDING_WINDOW, .cost = 1,    \
		.key = {.part = {{HTTP_KEY_CLIENT, NULL}}, .count = 1}, \
	}

const struct http_limit_how http_limit_defaults = LIMIT_DEFAULTS;

const struct http_upstream http_upstream_defaults = {
	.queue = 1000,
	.queue_wait_ns = 5 * SECS,
	.health = {.eject_after = 5,
		   .eject_for_ns = 10 * SECS,
		   .every_ns = 5 * SECS,
		   .timeout_ns = 2 * SECS,
		   .expect = GOOD_STATUSES,
		   .down_after = 3,
		   .up_after = 2},
};

const struct http_route http_route_defaults = {
	.how = LIMIT_DEFAULTS,
	.on_limit = {.status = 429},
};

const struct http_policy http_defaults = {
	.forwarded = HTTP_FORWARDED_X_FORWARDED_FOR,
	/* A phone on a bad line sends a head within seconds; a slower one is no user any more. */
	.timeouts = {.head_ns = 10 * SECS,
		     .body_ns = 10 * SECS,
		     .idle_ns = 60 * SECS,
		     .send_ns = 10 * SECS,
		     .connect_ns = 3 * SECS,
		     .response_ns = 60 * SECS,
		     .drain_ns = 30 * SECS},
	.min_rate = {.body = 500, .send = 500},
	/* A thousand from one address is a large office; more is one machine on purpose. */
	.max = {.connections = 10000,
		.per_source = 1000,
		.head = 16 * KIB,
		.fields = 100,
		.body = 16 * MIB,
		.identities_per_source = 100},
	/* Of memory, limit_table, size and object_max what is not said follows what is: finish_http.c. */
	.cache = {.stale_on_error_ns = 60 * SECS, .waiters = 1000, .wait_ns = 30 * SECS},
	.keys = {.header = "x-api-key"},
	.how = LIMIT_DEFAULTS,
	.limit_fields = {true, true, true},
	.escalate = {.malformed = {20, 10 * SECS},
		     .slow = {20, 60 * SECS},
		     .for_ns = 60 * SECS,
		     .max_ns = 3600 * SECS},
	.caution = HTTP_CAUTION_NORMAL,
	.caution_for_ns = 60 * SECS,
	.name = "sluice",
	.other = {.how = LIMIT_DEFAULTS, .on_limit = {.status = 429}},
};
