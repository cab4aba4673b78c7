/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/blocklist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/input.h"

void blocklist_free(struct blocklist *list)
{
	free(list->bans);
	free(list->lines);
	free(list->problems);
	*list = (struct blocklist){0};
}

void blocklist_refuse(struct blocklist *list, uint32_t line, const char *why)
{
	struct blocklist_problem *problem;

	list->refused++;
	if (list->problem_count == BLOCKLIST_PROBLEMS_MAX)
		return;
	if (!list->problems)
		list->problems = calloc(BLOCKLIST_PROBLEMS_MAX, sizeof(*list->problems));
	if (!list->problems)
		return; /* still counted */
	problem = &list->problems[list->problem_count++];
	problem->line = line;
	(void)snprintf(problem->text, sizeof(problem->text), "%s", why);
}

static int grow(struct blocklist *list)
{
	size_t room = list->room ? 2 * list->room : 256;
	struct ban *bans = reallocarray(list->bans, room, sizeof(*bans));
	uint32_t *lines;

	if (!bans)
		return -ENOMEM;
	list->bans = bans;
	lines = reallocarray(list->lines, room, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	list->lines = lines;
	list->room = room;
	return 0;
}

static int add(struct blocklist *list, uint32_t line, const struct entry_text *entry,
	       const struct blocklist_defaults *defaults)
{
	uint64_t span_ns = entry->has_span ? entry->span_ns : defaults->span_ns;
	struct ban *ban;

	if (list->count == list->room && grow(list))
		return -ENOMEM;

	list->lines[list->count] = line;
	ban = &list->bans[list->count++];
	*ban = (struct ban){
		.prefix = entry->prefix,
		.since_ns = defaults->now_ns,
		.until_ns = defaults->now_ns + span_ns,
		.strikes = 1,
		.cause = SL_BAN_MANUAL,
	};
	memcpy(ban->reason, entry->reason, sizeof(ban->reason));
	return 0;
}

static bool is_full(const struct blocklist *list)
{
	return list->count + list->refused >= BLOCKLIST_MAX;
}

/* ---- Lines ------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes text)
{
	while (text.len && is_blank(text.at[0]))
		text.at++, text.len--;
	while (text.len && is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

/* Cut the first word off the front of line. */
static struct bytes take_word(struct bytes *line)
{
	struct bytes word = {line->at, 0};

	while (word.len < line->len && !is_blank(line->at[word.len]))
		word.len++;
	line->at += word.len;
	line->len -= word.len;
	*line = trim(*line);
	return word;
}

static int parse_line(struct bytes line, uint32_t number, const struct blocklist_defaults *defaults,
		      struct blocklist *list)
{
	const char *comment = line.len ? memchr(line.at, '#', line.len) : NULL;
	struct entry_text entry = {0};
	const char *why = NULL;

	if (comment)
		line.len = (size_t)(comment - line.at);
	line = trim(line);
	if (!line.len)
		return 0;

	if (input_prefix(take_word(&line), &entry.prefix, &why) && line.len) {
		entry.has_span = true;
		if (duration_parse(line, &entry.span_ns) || !entry.span_ns)
			why = "what follows the address is no span of time, such as 10m or 1 hour";
	}
	if (!why)
		return add(list, number, &entry, defaults);
	blocklist_refuse(list, number, why);
	return 0;
}

static int parse_lines(struct bytes text, const struct blocklist_defaults *defaults,
		       struct blocklist *list)
{
	for (uint32_t number = 1; text.len; number++) {
		const char *end = memchr(text.at, '\n', text.len);
		struct bytes line = {text.at, end ? (size_t)(end - text.at) : text.len};
		int status = is_full(list) ? -E2BIG : parse_line(line, number, defaults, list);

		if (status)
			return status;
		text.at += line.len + (end != NULL);
		text.len -= line.len + (end != NULL);
	}
	return 0;
}

/* ---- JSON --------------------------------------------------------------------------- */

struct reader {
	struct bytes rest;
	uint32_t line;
};

static void skip(struct reader *reader, size_t len)
{
	for (size_t i = 0; i < len; i++)
		reader->line += reader->rest.at[i] == '\n';
	reader->rest.at += len;
	reader->rest.len -= len;
}

/* The next byte that is no white space, left in place; '\0' at the end. */
static char peek(struct reader *reader)
{
	while (reader->rest.len && (is_blank(reader->rest.at[0]) || reader->rest.at[0] == '\n'))
		skip(reader, 1);
	return reader->rest.len ? reader->rest.at[0] : '\0';
}

/* Length of the object at the front, by its braces; 0 if it does not end within the limit. */
static size_t object_length(struct bytes text)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len && i < BLOCKLIST_ELEMENT_MAX; i++) {
		char c = text.at[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && c == '{')
			depth++;
		else if (!in_string && c == '}' && !--depth)
			return i + 1;
	}
	return 0;
}

static int parse_element(struct bytes text, uint32_t line,
			 const struct blocklist_defaults *defaults, struct blocklist *list)
{
	json_error_t error;
	json_t *json = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
	struct entry_text entry;
	const char *why = error.text;
	int status = 0;

	if (json && input_entry(json, &entry, &why))
		status = add(list, line, &entry, defaults);
	else
		blocklist_refuse(list, line, why);
	json_decref(json);
	return status;
}

static int broken(struct blocklist *list, const struct reader *reader, const char *why)
{
	blocklist_refuse(list, reader->line, why);
	return -EINVAL;
}

static int parse_json(struct bytes text, const struct blocklist_defaults *defaults,
		      struct blocklist *list)
{
	struct reader reader = {text, 1};
	char next;

	(void)peek(&reader);
	skip(&reader, 1); /* the '[' that brought us here */
	next = peek(&reader);
	while (next != ']') {
		size_t len = next == '{' ? object_length(reader.rest) : 0;
		int status;

		if (!len)
			return broken(list, &reader,
				      "expected an object {\"prefix\", \"for\", \"reason\"}");
		if (is_full(list))
			return -E2BIG;
		status = parse_element((struct bytes){reader.rest.at, len}, reader.line, defaults,
				       list);
		if (status)
			return status;
		skip(&reader, len);

		next = peek(&reader);
		if (next != ',' && next != ']')
			return broken(list, &reader, "expected ',' or ']' after an object");
		if (next == ',') {
			skip(&reader, 1);
			next = peek(&reader) == '{' ? '{' : '\0';
		}
	}
	skip(&reader, 1);
	return peek(&reader) || reader.rest.len
		       ? broken(list, &reader, "expected nothing after the ']'")
		       : 0;
}

int blocklist_parse(struct bytes text, const struct blocklist_defaults *defaults,
		    struct blocklist *list)
{
	struct reader reader = {text, 1};

	return peek(&reader) == '[' ? parse_json(text, defaults, list)
				    : parse_lines(text, defaults, list);
}
