/* SPDX-License-Identifier: BSD-2-Clause */
/* http: what the HTTP plane reads; its larger sections are in parse_http_*.c, the end is in finish_http.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "policy/parse_http.h"

static void read_table(struct reading *r, const struct node *value,
		       const struct http_values *values, void *into)
{
	reading_map(r, value, values->fields, values->count, into);
}

static void read_timeouts(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_table(r, value, &http_values_timeouts, &r->http->http->timeouts);
}

static void read_min_rate(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_table(r, value, &http_values_min_rate, &r->http->http->min_rate);
}

static void read_max(struct reading *r, void *into, struct place key, const struct node *value)
{
	r->http->max_at = value->place;
	read_table(r, value, &http_values_max, &r->http->http->max);
}

static void read_cache(struct reading *r, void *into, struct place key, const struct node *value)
{
	r->http->cache_at = value->place;
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("off")))
		r->http->http->cache.off = true;
	else
		read_table(r, value, &http_values_cache, &r->http->http->cache);
}

static void read_limit_fields(struct reading *r, void *into, struct place key,
			      const struct node *value)
{
	struct http_limit_fields *fields = &r->http->http->limit_fields;

	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("off")))
		*fields = (struct http_limit_fields){false, false, false};
	else
		read_table(r, value, &http_values_limit_fields, fields);
}

static void read_how(struct reading *r, void *into, struct place key, const struct node *value)
{
	const struct field *field = r->field->spec;

	field->read(r, &r->http->http->how, key, value);
}

static void read_word(struct reading *r, void *into, struct place key, const struct node *value)
{
	http_value_read(r, r->http->http, key, value);
}

static void read_path(struct reading *r, void *into, struct place key, const struct node *value)
{
	unsigned word;

	if (reading_word(r, value, http_path_words, &word))
		r->http->http->lenient_path = word;
}

static void read_override(struct reading *r, void *into, struct place key, const struct node *value)
{
	(void)reading_bool(r, value, &r->http->http->method_override); /* has said what is wrong */
}

/* ---- keys, access_log ---- */

static const char *read_file_name(struct reading *r, const struct node *value)
{
	const char *path = http_text(r, value, 4095, "the path of a file");

	if (path && path[0] != '/') {
		reading_error(r, value->place, "found \"%s\", expected an absolute path", path);
		return NULL;
	}
	return path;
}

static void read_keys_file(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	r->http->http->keys.file = read_file_name(r, value);
	r->http->http->keys.place = value->place;
}

static void read_keys_header(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	struct arena_list names = {0};

	if (http_add_name(r, value, check_field_name, &names))
		r->http->http->keys.header = *(const char **)names.at;
}

static void read_keys(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {{"file", read_keys_file, NULL},
					      {"header", read_keys_header, NULL}};

	READING_MAP(r, value, fields, NULL);
}

static void read_log_file(struct reading *r, void *into, struct place key, const struct node *value)
{
	bool is_stderr = value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("stderr"));

	r->http->http->access_log.file = is_stderr ? "stderr" : read_file_name(r, value);
}

static void read_log_format(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	unsigned word;

	if (reading_word(r, value, http_log_words, &word))
		r->http->http->access_log.format = (enum http_log_format)word;
}

static void read_access_log(struct reading *r, void *into, struct place key,
			    const struct node *value)
{
	static const struct field fields[] = {{"file", read_log_file, NULL},
					      {"format", read_log_format, NULL}};

	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("off")))
		return;
	if (value->kind == NODE_MAP)
		READING_MAP(r, value, fields, NULL);
	else
		read_log_file(r, into, key, value);
}

/* ---- escalate ---- */

/* "40 in 10 seconds", what names the things counted standing in between: "40 refused in 10 seconds". */
static void read_strikes(struct reading *r, const struct node *value, const char *what,
			 struct http_strikes *strikes)
{
	char expected[96];
	struct bytes text = value->text, number = {text.at, 0};
	uint64_t count, within_ns;

	snprintf(expected, sizeof(expected), "`off`, or such as \"40%s%s in 10 seconds\"",
		 *what ? " " : "", what);
	if (!reading_wants_text(r, value, expected))
		return;
	if (bytes_equal(text, BYTES("off"))) {
		strikes->count = 0;
		return;
	}
	while (number.len < text.len && text.at[number.len] != ' ')
		number.len++;
	text = (struct bytes){text.at + number.len, text.len - number.len};
	if (*what && text.len > strlen(what) && !memcmp(text.at + 1, what, strlen(what)))
		text = (struct bytes){text.at + 1 + strlen(what), text.len - 1 - strlen(what)};
	if (text.len < 4 || memcmp(text.at, " in ", 4) || !parse_number(number, &count) || !count ||
	    count > UINT32_MAX ||
	    duration_parse((struct bytes){text.at + 4, text.len - 4}, &within_ns) || !within_ns) {
		reading_unexpected(r, value, expected);
		return;
	}
	*strikes = (struct http_strikes){(uint32_t)count, within_ns};
}

static void read_after(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_strikes(r, value, "refused", &r->http->http->escalate.refused);
}

static void read_malformed(struct reading *r, void *into, struct place key,
			   const struct node *value)
{
	read_strikes(r, value, "", &r->http->http->escalate.malformed);
}

static void read_slow(struct reading *r, void *into, struct place key, const struct node *value)
{
	read_strikes(r, value, "", &r->http->http->escalate.slow);
}

static void read_for(struct reading *r, void *into, struct place key, const struct node *value)
{
	(void)reading_duration(r, value, &r->http->http->escalate.for_ns); /* likewise */
}

static void read_up_to(struct reading *r, void *into, struct place key, const struct node *value)
{
	(void)reading_duration(r, value, &r->http->http->escalate.max_ns); /* likewise */
}

static void read_escalate(struct reading *r, void *into, struct place key, const struct node *value)
{
	static const struct field fields[] = {
		{"after", read_after, NULL}, {"malformed", read_malformed, NULL},
		{"slow", read_slow, NULL},   {"for", read_for, NULL},
		{"up to", read_up_to, NULL},
	};
	struct http_escalate *escalate = &r->http->http->escalate;

	r->http->escalate_at = key;
	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("off")))
		return;
	if (!READING_MAP(r, value, fields, NULL))
		return;
	escalate->enabled = true;
	if (!escalate->for_ns || escalate->for_ns > escalate->max_ns)
		reading_error(r, value->place,
			      "`for` must be more than nothing, and no more than `up to`");
}

/* ---- The rest ---- */

static void read_name(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct arena_list names = {0};

	if (http_add_name(r, value, check_cookie_name, &names))
		r->http->http->name = *(const char **)names.at;
}

static void read_user(struct reading *r, void *into, struct place key, const struct node *value)
{
	struct arena_list names = {0};

	if (http_add_name(r, value, check_tier_name, &names))
		r->http->http->user = *(const char **)names.at;
}

static void read_threads(struct reading *r, void *into, struct place key, const struct node *value)
{
	uint64_t threads;

	if (value->kind == NODE_SCALAR && bytes_equal(value->text, BYTES("auto")))
		r->http->http->threads = 0;
	else if (reading_number(r, value, 1, HTTP_THREADS_MAX, &threads))
		r->http->http->threads = (uint32_t)threads;
}

static void read_caution_for(struct reading *r, void *into, struct place key,
			     const struct node *value)
{
	(void)reading_duration(r, value, &r->http->http->caution_for_ns); /* likewise */
}

static const struct http_value forwarded_value = {
	HTTP_VALUE_WORD, offsetof(struct http_policy, forwarded), 0, 0, http_forwarded_words};
static const struct http_value caution_value = {
	HTTP_VALUE_WORD, offsetof(struct http_policy, caution), 0, 0, http_caution_words};

static void read_caution(struct reading *r, void *into, struct place key, const struct node *value)
{
	r->http->caution_at = key;
	read_word(r, into, key, value);
}

static const struct field fields[] = {
	{"listen", http_read_listen, NULL},
	{"upstream", http_read_upstream, NULL},
	{"upstreams", http_read_upstreams, NULL},
	{"hosts", http_read_hosts, NULL},
	{"trusted_proxies", http_read_trusted, NULL},
	{"proxy_protocol", http_read_senders, NULL},
	{"forwarded", read_word, &forwarded_value},
	{"path", read_path, NULL},
	{"method_override", read_override, NULL},
	{"timeouts", read_timeouts, NULL},
	{"min_rate", read_min_rate, NULL},
	{"max", read_max, NULL},
	{"cache", read_cache, NULL},
	{"keys", read_keys, NULL},
	{"strategy", read_how, &http_how_fields[0]},
	{"key", read_how, &http_how_fields[1]},
	{"limits", http_read_default_limits, NULL},
	{"global_limits", http_read_global_limits, NULL},
	{"limit_fields", read_limit_fields, NULL},
	{"escalate", read_escalate, NULL},
	{"caution", read_caution, &caution_value},
	{"caution_for", read_caution_for, NULL},
	{"access_log", read_access_log, NULL},
	{"name", read_name, NULL},
	{"user", read_user, NULL},
	{"threads", read_threads, NULL},
	{"routes", http_read_routes, NULL},
};

/* Returns 0 or -ENOMEM; what was made is freed with the policy. */
static int begin(struct reading *r)
{
	struct arena *arena = arena_new();
	struct http_policy *http = arena ? arena_take(arena, sizeof(*http)) : NULL;

	if (!http) {
		arena_free(arena);
		return -ENOMEM;
	}
	*http = http_defaults;
	http->arena = arena;
	r->policy->http = http;
	r->http = arena_take(arena, sizeof(*r->http));
	if (!r->http)
		return -ENOMEM;
	r->http->http = http;
	r->http->arena = arena;
	return 0;
}

void parse_http(struct reading *r, void *into, struct place key, const struct node *value)
{
	r->policy->has_http_plane = true;
	r->error = begin(r);
	if (r->error) {
		reader_skip(&r->reader, value);
		return;
	}
	r->http->at = key;
	if (!READING_MAP(r, value, fields, r->policy->http))
		r->http = NULL; /* nothing follows from what was never read */
}
