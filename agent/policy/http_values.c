/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/http_values.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/duration.h"
#include "policy/rate.h"

static const void *member(const struct http_value *value, const void *section)
{
	return (const char *)section + value->offset;
}

static void *member_of(const struct http_value *value, void *section)
{
	return (char *)section + value->offset;
}

/* ---- Reading ---- */

static void read_span(struct reading *r, const struct http_value *value, uint64_t *span_ns,
		      const struct node *node)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
	uint64_t ns;

	if (!reading_duration(r, node, &ns))
		return;
	if (ns < value->min || ns > value->max)
		reading_error(r, node->place, "found %s, expected %s to %s",
			      duration_format(ns, (char[DURATION_TEXT_MAX]){0}),
			      duration_format(value->min, least),
			      duration_format(value->max, most));
	else
		*span_ns = ns;
}

static bool read_bytes(struct reading *r, const struct http_value *value, const struct node *node,
		       uint64_t *ret_bytes)
{
	char least[RATE_TEXT_MAX], most[RATE_TEXT_MAX], found[NODE_TEXT_MAX];
	struct rate_error error;
	uint64_t bytes;

	if (!reading_wants_text(r, node, "an amount of memory such as \"16 MiB\""))
		return false;
	if (rate_parse_bytes(node->text, &bytes, &error)) {
		reading_error(r, node_place_at(node, error.offset), "%s", error.text);
		return false;
	}
	if (bytes < value->min || bytes > value->max) {
		reading_error(r, node->place, "found %s, expected %s to %s",
			      node_describe(node, found), rate_format_bytes(value->min, least),
			      rate_format_bytes(value->max, most));
		return false;
	}
	*ret_bytes = bytes;
	return true;
}

static bool read_switch(struct reading *r, const struct node *node, bool *ret_switch)
{
	static const char *const words[] = {"off", "on", "false", "true", "no", "yes", NULL};
	unsigned word;

	for (word = 0; node->kind == NODE_SCALAR && words[word]; word++) {
		if (bytes_equal(node->text, bytes_of(words[word]))) {
			*ret_switch = word & 1;
			return true;
		}
	}
	reading_unexpected(r, node, "on or off");
	return false;
}

static void read_percent(struct reading *r, const struct http_value *value, uint8_t *percent,
			 const struct node *node)
{
	char expected[64];
	struct bytes number = node->text;
	uint64_t found;

	if (node->kind == NODE_SCALAR && bytes_equal(node->text, BYTES("off"))) {
		*percent = 0;
		return;
	}
	snprintf(expected, sizeof(expected),
		 "`off`, or a share from %" PRIu64 "%% to %" PRIu64 "%%", value->min, value->max);
	if (!reading_wants_text(r, node, expected))
		return;
	if (number.at[--number.len] != '%' || !parse_number(number, &found) || found < value->min ||
	    found > value->max)
		reading_unexpected(r, node, expected);
	else
		*percent = (uint8_t)found;
}

static void read_count(struct reading *r, const struct http_value *value, uint32_t *count,
		       const struct node *node)
{
	uint64_t found;

	if (reading_number(r, node, value->min, value->max, &found))
		*count = (uint32_t)found;
}

static void read_bytes_32(struct reading *r, const struct http_value *value, uint32_t *bytes,
			  const struct node *node)
{
	uint64_t found;

	if (read_bytes(r, value, node, &found))
		*bytes = (uint32_t)found;
}

static void read_word(struct reading *r, const struct http_value *value, void *at,
		      const struct node *node)
{
	unsigned word;

	if (!reading_word(r, node, value->words, &word))
		return;
	if (value->kind == HTTP_VALUE_TWO_WORDS)
		*(bool *)at = word;
	else
		*(unsigned *)at = word;
}

_Static_assert(sizeof(enum http_caution) == sizeof(unsigned), "enums are read as unsigned");

void http_value_read(struct reading *r, void *into, struct place key, const struct node *node)
{
	const struct http_value *value = r->field->spec;
	void *at = member_of(value, into);

	switch (value->kind) {
	case HTTP_VALUE_SPAN:
		read_span(r, value, at, node);
		return;
	case HTTP_VALUE_BYTES:
		(void)read_bytes(r, value, node, at); /* has said what is wrong */
		return;
	case HTTP_VALUE_BYTES_32:
		read_bytes_32(r, value, at, node);
		return;
	case HTTP_VALUE_COUNT:
		read_count(r, value, at, node);
		return;
	case HTTP_VALUE_SWITCH:
		(void)read_switch(r, node, at); /* likewise */
		return;
	case HTTP_VALUE_PERCENT:
		read_percent(r, value, at, node);
		return;
	case HTTP_VALUE_WORD:
	case HTTP_VALUE_TWO_WORDS:
		read_word(r, value, at, node);
		return;
	}
}

/* ---- Writing ---- */

static uint64_t number_of(const struct http_value *value, const void *section)
{
	const void *at = member(value, section);

	switch (value->kind) {
	case HTTP_VALUE_SPAN:
	case HTTP_VALUE_BYTES:
		return *(const uint64_t *)at;
	case HTTP_VALUE_BYTES_32:
	case HTTP_VALUE_COUNT:
		return *(const uint32_t *)at;
	case HTTP_VALUE_WORD:
		return *(const unsigned *)at;
	case HTTP_VALUE_PERCENT:
		return *(const uint8_t *)at;
	case HTTP_VALUE_SWITCH:
	case HTTP_VALUE_TWO_WORDS:
		return *(const bool *)at;
	}
	return 0;
}

bool http_value_equal(const struct http_value *value, const void *a, const void *b)
{
	return number_of(value, a) == number_of(value, b);
}

void http_value_print(const struct http_value *value, const void *section, struct buffer *out)
{
	const uint64_t number = number_of(value, section);
	char span[DURATION_TEXT_MAX], bytes[RATE_TEXT_MAX];

	switch (value->kind) {
	case HTTP_VALUE_SPAN:
		buffer_add_text(out, duration_format(number, span));
		return;
	case HTTP_VALUE_BYTES:
	case HTTP_VALUE_BYTES_32:
		buffer_add_text(out, rate_format_bytes(number, bytes));
		return;
	case HTTP_VALUE_COUNT:
		buffer_printf(out, "%" PRIu64, number);
		return;
	case HTTP_VALUE_SWITCH:
		buffer_add_text(out, number ? "on" : "off");
		return;
	case HTTP_VALUE_PERCENT:
		if (number)
			buffer_printf(out, "%" PRIu64 "%%", number);
		else
			buffer_add_text(out, "off");
		return;
	case HTTP_VALUE_WORD:
	case HTTP_VALUE_TWO_WORDS:
		buffer_add_text(out, value->words[number]);
		return;
	}
}
