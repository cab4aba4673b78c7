/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plain values under `http`: one table a section, from which they are read, checked against their
 * bounds, printed and compared.
 */
#ifndef POLICY_HTTP_VALUES_H
#define POLICY_HTTP_VALUES_H

#include "policy/http_policy.h"
#include "policy/reading.h"

enum http_value_kind {
	HTTP_VALUE_SPAN,      /* uint64_t, nanoseconds */
	HTTP_VALUE_BYTES,     /* uint64_t */
	HTTP_VALUE_BYTES_32,  /* uint32_t */
	HTTP_VALUE_COUNT,     /* uint32_t */
	HTTP_VALUE_SWITCH,    /* bool */
	HTTP_VALUE_PERCENT,   /* uint8_t; 0 is written `off` */
	HTTP_VALUE_WORD,      /* an enum */
	HTTP_VALUE_TWO_WORDS, /* bool: the first of two words is false */
};

/* What a field's spec points to. */
struct http_value {
	enum http_value_kind kind;
	size_t offset; /* in the section's struct */
	uint64_t min;
	uint64_t max;
	const char *const *words; /* NULL-terminated */
};

struct http_values {
	const struct field *fields;
	size_t count;
};

/* Read a field whose spec is a struct http_value; into is the section's struct. */
field_fn http_value_read;

/* Text of a value as the policy has it, quoted where YAML wants it. */
void http_value_print(const struct http_value *value, const void *section, struct buffer *out);

/* Whether a value is the same in both. */
bool http_value_equal(const struct http_value *value, const void *a, const void *b);

/* The tables. Fields with another read() than http_value_read() are the caller's to print. */
extern const struct http_values http_values_timeouts, http_values_min_rate, http_values_max,
	http_values_cache, http_values_health, http_values_limit_fields;

/* What holds where the file says nothing. */
extern const struct http_policy http_defaults;
extern const struct http_upstream http_upstream_defaults;
extern const struct http_route http_route_defaults;
extern const struct http_limit_how http_limit_defaults;

extern const char *const http_strategy_words[],
	*const http_forwarded_words[], *const http_caution_words[],
					       *const http_retry_words[],
						       *const http_path_words[],
							       *const http_log_words[];

#endif
