/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/print_http.h"

#include <errno.h>

#include "base/duration.h"
#include "policy/print_http_parts.h"

#define VALUE_MAX \
	(4u << 20) /* of one key as text: a route with 32 limits and a body of 64 KiB, escaped */

struct telling {
	const struct http_policy *http;
	http_key_fn *key;
	void *context;
	struct buffer value; /* of the key being told */
	int error;
};

/* An empty buffer for the next value. */
static struct buffer *begin(struct telling *telling)
{
	telling->value.len = 0;
	return &telling->value;
}

static void tell(struct telling *telling, const char *section, const char *name)
{
	if (telling->value.error)
		telling->error = telling->value.error;
	else if (telling->value.len)
		telling->key(telling->context, section, name, telling->value.at);
}

static void tell_text(struct telling *telling, const char *name, const char *text)
{
	buffer_add_text(begin(telling), text);
	tell(telling, "", name);
}

/* Each value of a table is a key of the section. */
static void tell_table(struct telling *telling, const char *section,
		       const struct http_values *values, const void *at)
{
	for (size_t i = 0; i < values->count; i++) {
		http_value_print(values->fields[i].spec, at, begin(telling));
		tell(telling, section, values->fields[i].name);
	}
}

static void tell_listeners(struct telling *telling)
{
	const struct http_policy *http = telling->http;
	struct buffer *out = begin(telling);

	for (size_t i = 0; i < http->listener_count; i++) {
		buffer_add_text(out, i ? ", " : "[");
		print_listener(&http->listeners[i], out);
	}
	buffer_add_text(out, "]");
	tell(telling, "", "listen");
}

static void tell_upstreams(struct telling *telling)
{
	const struct http_policy *http = telling->http;

	for (size_t i = 0; i < http->upstream_count; i++) {
		print_upstream(&http->upstreams[i], begin(telling));
		tell(telling, "upstreams", http->upstreams[i].name);
	}
}

static void tell_peers(struct telling *telling)
{
	const struct http_policy *http = telling->http;

	if (http->hosts.count) {
		print_names(&http->hosts, begin(telling));
		tell(telling, "", "hosts");
	}
	if (http->trusted_proxies.count || http->trusted_unix) {
		print_prefixes(&http->trusted_proxies, http->trusted_unix, begin(telling));
		tell(telling, "", "trusted_proxies");
	}
	print_senders(&http->senders, begin(telling));
	tell(telling, "", "proxy_protocol");
	tell_text(telling, "forwarded", http_forwarded_words[http->forwarded]);
	tell_text(telling, "path", http_path_words[http->lenient_path]);
	tell_text(telling, "method_override", http->method_override ? "true" : "false");
}

static void tell_limits(struct telling *telling)
{
	const struct http_policy *http = telling->http;

	tell_text(telling, "strategy", http_strategy_name(http->how.strategy));
	print_key(&http->how.key, begin(telling));
	tell(telling, "", "key");
	if (http->limits.count) {
		print_limits(&http->limits, false, begin(telling));
		tell(telling, "", "limits");
	}
	if (http->global_limits.count) {
		print_limits(&http->global_limits, false, begin(telling));
		tell(telling, "", "global_limits");
	}
	tell_table(telling, "limit_fields", &http_values_limit_fields, &http->limit_fields);
}

static void tell_cache(struct telling *telling)
{
	const struct http_policy *http = telling->http;

	if (http->cache.off)
		tell_text(telling, "cache", "off");
	else
		tell_table(telling, "cache", &http_values_cache, &http->cache);
}

static void tell_keys(struct telling *telling)
{
	const struct http_keys *keys = &telling->http->keys;

	if (keys->file) {
		print_quoted(keys->file, begin(telling));
		tell(telling, "keys", "file");
	}
	print_quoted(keys->header, begin(telling));
	tell(telling, "keys", "header");
}

static void tell_strikes(struct telling *telling, const char *name, const char *what,
			 const struct http_strikes *strikes)
{
	char within[DURATION_TEXT_MAX];

	if (strikes->count)
		buffer_printf(begin(telling), "%u%s in %s", strikes->count, what,
			      duration_format(strikes->within_ns, within));
	else
		buffer_add_text(begin(telling), "off");
	tell(telling, "escalate", name);
}

static void tell_escalate(struct telling *telling)
{
	const struct http_escalate *escalate = &telling->http->escalate;
	char text[DURATION_TEXT_MAX];

	if (!escalate->enabled) {
		tell_text(telling, "escalate", "off");
		return;
	}
	tell_strikes(telling, "after", " refused", &escalate->refused);
	tell_strikes(telling, "malformed", "", &escalate->malformed);
	tell_strikes(telling, "slow", "", &escalate->slow);
	buffer_add_text(begin(telling), duration_format(escalate->for_ns, text));
	tell(telling, "escalate", "for");
	buffer_add_text(begin(telling), duration_format(escalate->max_ns, text));
	tell(telling, "escalate", "up to");
}

static void tell_rest(struct telling *telling)
{
	const struct http_policy *http = telling->http;
	char text[DURATION_TEXT_MAX];

	tell_text(telling, "caution", http_caution_words[http->caution]);
	tell_text(telling, "caution_for", duration_format(http->caution_for_ns, text));
	if (http->access_log.file) {
		buffer_add_text(begin(telling), "{file: ");
		print_quoted(http->access_log.file, &telling->value);
		buffer_printf(&telling->value, ", format: %s}",
			      http_log_words[http->access_log.format]);
	} else {
		buffer_add_text(begin(telling), "off");
	}
	tell(telling, "", "access_log");
	print_quoted(http->name, begin(telling));
	tell(telling, "", "name");
	if (http->user)
		tell_text(telling, "user", http->user);
	if (http->threads)
		buffer_printf(begin(telling), "%u", http->threads);
	else
		buffer_add_text(begin(telling), "auto");
	tell(telling, "", "threads");
}

static void tell_routes(struct telling *telling)
{
	const struct http_policy *http = telling->http;

	for (size_t i = 0; i < http->route_count; i++) {
		struct flow_map map = flow_map_begin(begin(telling));

		print_quoted(http->routes[i].match, flow_key(&map, "match"));
		print_route(&(struct route_printing){http, &http->routes[i], &map});
		flow_end(&map);
		tell(telling, "routes", http->routes[i].match);
	}
}

int http_print_each(const struct http_policy *http, http_key_fn *key, void *context)
{
	struct telling telling = {
		.http = http, .key = key, .context = context, .value = buffer_new(VALUE_MAX)};

	tell_listeners(&telling);
	tell_upstreams(&telling);
	tell_peers(&telling);
	tell_table(&telling, "timeouts", &http_values_timeouts, &http->timeouts);
	tell_table(&telling, "min_rate", &http_values_min_rate, &http->min_rate);
	tell_table(&telling, "max", &http_values_max, &http->max);
	tell_cache(&telling);
	tell_keys(&telling);
	tell_limits(&telling);
	tell_escalate(&telling);
	tell_rest(&telling);
	tell_routes(&telling);
	buffer_free(&telling.value);
	return telling.error;
}

/* ---- YAML ---- */

struct writing {
	struct buffer *out;
	char section[32]; /* being written */
};

static void write_key(void *context, const char *section, const char *name, const char *value)
{
	struct writing *writing = context;
	const bool is_list = !strcmp(section, "routes");

	if (section[0] && strcmp(section, writing->section))
		buffer_printf(writing->out, "  %s:\n", section);
	(void)snprintf(writing->section, sizeof(writing->section), "%s", section);
	if (!section[0])
		buffer_add_text(writing->out, "  ");
	else
		buffer_add_text(writing->out, is_list ? "    - " : "    ");
	if (!is_list)
		buffer_printf(writing->out, "%s: ", name);
	/* Longer than any printf() should be asked for. */
	buffer_add_text(writing->out, value);
	buffer_add_text(writing->out, "\n");
}

void http_print(const struct http_policy *http, struct buffer *out)
{
	struct writing writing = {.out = out};
	int err;

	buffer_add_text(out, "http:\n");
	err = http_print_each(http, write_key, &writing);
	if (err)
		out->error = err;
}
