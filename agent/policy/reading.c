/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/duration.h"
#include "policy/problems.h"
#include "policy/suggest.h"

void reading_problem(struct reading *r, struct place place, bool is_warning, const char *format,
		     ...)
{
	char text[sizeof(((struct policy_problem *)0)->text)];
	va_list args;

	if (r->reader.failed)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	problems_add(r->problems, place, is_warning, "%s", text);
}

void reading_unexpected(struct reading *r, const struct node *node, const char *expected)
{
	char found[NODE_TEXT_MAX];

	reading_error(r, node->place, "found %s, expected %s", node_describe(node, found),
		      expected);
	reader_skip(&r->reader, node);
}

bool reading_wants_text(struct reading *r, const struct node *node, const char *expected)
{
	if (node->kind == NODE_SCALAR && node->text.len)
		return true;
	reading_unexpected(r, node, expected);
	return false;
}

/* ---- Mappings ---- */

struct table {
	const struct field *fields;
	size_t count;
};

#define KNOWN_MAX 160 /* of names there are, in one message */

static const char *field_name(const void *context, size_t i)
{
	const struct table *table = context;

	return table->fields[i].name;
}

/* The names there are, and "..." where there is no room for all of them: none is cut. */
static void list_fields(const struct table *table, char out[static KNOWN_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < table->count; i++) {
		const char *name = table->fields[i].name;

		if (len + strlen(name) + sizeof(", , ...") > KNOWN_MAX)
			name = "...";
		len += (size_t)snprintf(out + len, KNOWN_MAX - len, "%s%s", i ? ", " : "", name);
		if (name[0] == '.')
			return;
	}
}

static void unknown_key(struct reading *r, const struct node *key, const struct table *table)
{
	const char *meant;
	char found[NODE_TEXT_MAX], known[KNOWN_MAX];

	if (problems_full(r->problems, key->place)) {
		reading_error(r, key->place, "unknown key");
		return;
	}
	meant = suggest_nearest(key->text, field_name, table, table->count);
	if (meant) {
		reading_error(r, key->place, "unknown key %s; did you mean \"%s\"?",
			      node_describe(key, found), meant);
		return;
	}
	list_fields(table, known);
	reading_error(r, key->place, "unknown key %s; expected one of %s",
		      node_describe(key, found), known);
}

static const struct field *find_field(const struct table *table, struct bytes name)
{
	for (size_t i = 0; i < table->count; i++)
		if (bytes_equal(name, bytes_of(table->fields[i].name)))
			return &table->fields[i];
	return NULL;
}

/* The field a key names; NULL, with an error, if it names none or stands twice. */
static const struct field *field_of(struct reading *r, const struct node *key,
				    const struct table *table, struct place *seen)
{
	const struct field *field;
	struct place *first;

	if (!reading_wants_text(r, key, "a key"))
		return NULL;
	field = find_field(table, key->text);
	if (!field) {
		unknown_key(r, key, table);
		return NULL;
	}
	first = &seen[field - table->fields];
	if (first->line) {
		reading_error(r, key->place, "\"%s\" stands twice; it is on line %u already",
			      field->name, first->line);
		return NULL;
	}
	*first = key->place;
	return field;
}

bool reading_map(struct reading *r, const struct node *node, const struct field *fields,
		 size_t count, void *into)
{
	const struct table table = {fields, count};
	struct place seen[READING_KEYS_MAX] = {{0}};
	struct node key;

	if (node->kind != NODE_MAP) {
		reading_unexpected(r, node, "a mapping");
		return false;
	}
	while ((key = reader_next(&r->reader)).kind != NODE_END) {
		const struct field *field = field_of(r, &key, &table, seen);
		struct node value = reader_next(&r->reader);

		r->field = field;
		if (field)
			field->read(r, into, key.place, &value);
		else
			reader_skip(&r->reader, &value);
	}
	return true;
}

void reading_list(struct reading *r, const struct node *node, const char *expected, item_fn *item,
		  void *into)
{
	struct node next;

	if (node->kind == NODE_SCALAR && node->text.len) {
		item(r, into, node);
		return;
	}
	if (node->kind != NODE_LIST) {
		reading_unexpected(r, node, expected);
		return;
	}
	while ((next = reader_next(&r->reader)).kind != NODE_END)
		item(r, into, &next);
}

/* ---- Scalars ---- */

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20; /* lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool parse_number(struct bytes text, uint64_t *ret_number)
{
	bool is_hex = text.len > 2 && text.at[0] == '0' && (text.at[1] | 0x20) == 'x';
	const uint64_t base = is_hex ? 16 : 10;
	uint64_t number = 0;

	if (!text.len)
		return false;
	for (size_t i = is_hex ? 2 : 0; i < text.len; i++) {
		uint64_t digit = (uint64_t)digit_of(text.at[i]);

		if (digit >= base || number > (UINT64_MAX - digit) / base)
			return false;
		number = number * base + digit;
	}
	*ret_number = number;
	return true;
}

bool reading_number(struct reading *r, const struct node *node, uint64_t min, uint64_t max,
		    uint64_t *ret_number)
{
	char expected[64];
	uint64_t number;

	snprintf(expected, sizeof(expected), "a number from %" PRIu64 " to %" PRIu64, min, max);
	if (!reading_wants_text(r, node, expected))
		return false;
	if (!parse_number(node->text, &number) || number < min || number > max) {
		reading_unexpected(r, node, expected);
		return false;
	}
	*ret_number = number;
	return true;
}

bool reading_duration(struct reading *r, const struct node *node, uint64_t *ret_ns)
{
	static const char expected[] = "a span of time such as \"10 minutes\"";
	int err;

	if (!reading_wants_text(r, node, expected))
		return false;
	err = duration_parse(node->text, ret_ns);
	if (err)
		reading_unexpected(r, node, err == -ERANGE ? "at most ten years" : expected);
	return !err;
}

bool reading_bool(struct reading *r, const struct node *node, bool *ret_bool)
{
	static const char *const words[] = {"false", "true", NULL};
	unsigned word;

	if (!reading_word(r, node, words, &word))
		return false;
	*ret_bool = word;
	return true;
}

static const char *word_name(const void *context, size_t i)
{
	return ((const char *const *)context)[i];
}

bool reading_word(struct reading *r, const struct node *node, const char *const *words,
		  unsigned *ret_word)
{
	char expected[128] = "", found[NODE_TEXT_MAX];
	const char *meant;
	size_t count = 0, len = 0;

	for (; words[count]; count++) {
		if (node->kind == NODE_SCALAR && bytes_equal(node->text, bytes_of(words[count]))) {
			*ret_word = (unsigned)count;
			return true;
		}
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
					count ? (words[count + 1] ? ", " : " or ") : "",
					words[count]);
	}
	meant = node->kind == NODE_SCALAR ? suggest_nearest(node->text, word_name, words, count)
					  : NULL;
	if (!meant) {
		reading_unexpected(r, node, expected);
		return false;
	}
	reading_error(r, node->place, "found %s, expected %s; did you mean \"%s\"?",
		      node_describe(node, found), expected, meant);
	return false;
}
