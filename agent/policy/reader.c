/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy/reader.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "policy/problems.h"

static struct place place_of(yaml_mark_t mark)
{
	return (struct place){(uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static struct node fail(struct reader *reader, struct place place, const char *why)
{
	problems_add(reader->problems, place, false, "%s", why);
	reader->failed = true;
	return (struct node){.kind = NODE_END, .place = place};
}

/* libyaml gives bytes that are not UTF-8 an offset, not a line. */
static struct place place_of_offset(struct bytes text, size_t offset)
{
	struct place place = {1, 1};

	for (size_t i = 0; i < offset && i < text.len; i++) {
		place.column++;
		if (text.at[i] == '\n')
			place = (struct place){place.line + 1, 1};
	}
	return place;
}

/* The commonest slip of all. libyaml counts characters, which are bytes as far as all is ASCII. */
static bool is_tab(const struct reader *reader, size_t index)
{
	return index < reader->text.len && reader->text.at[index] == '\t';
}

static void fail_as_libyaml_says(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	char why[200];

	if (parser->error == YAML_MEMORY_ERROR) {
		reader->error = -ENOMEM;
		reader->failed = true;
		return;
	}
	if (parser->error == YAML_READER_ERROR) {
		snprintf(why, sizeof(why), "not YAML: %s", parser->problem);
		fail(reader, place_of_offset(reader->text, parser->problem_offset), why);
		return;
	}
	snprintf(why, sizeof(why), "not YAML: %s%s%s%s", parser->context ? parser->context : "",
		 parser->context ? ", " : "", parser->problem ? parser->problem : "unreadable",
		 is_tab(reader, parser->problem_mark.index) ? ": a tab; indent with spaces" : "");
	fail(reader, place_of(parser->problem_mark), why);
}

/* Returns false if there is none, and the reader has failed. */
static bool next_event(struct reader *reader)
{
	if (reader->holds_event)
		yaml_event_delete(&reader->event);
	reader->holds_event = false;
	if (reader->failed)
		return false;
	if (!yaml_parser_parse(&reader->parser, &reader->event)) {
		fail_as_libyaml_says(reader);
		return false;
	}
	reader->holds_event = true;
	return true;
}

int reader_open(struct reader *reader, struct bytes text, struct policy_problems *problems,
		struct node *ret_root)
{
	*reader = (struct reader){.text = text, .problems = problems};
	if (!yaml_parser_initialize(&reader->parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text.at, text.len);

	/* The stream's start, then the document's; an empty stream has no document. */
	if (next_event(reader) && next_event(reader) &&
	    reader->event.type != YAML_DOCUMENT_START_EVENT)
		fail(reader, (struct place){1, 1}, "found nothing, expected a policy");
	*ret_root = reader_next(reader);
	return 0;
}

void reader_close(struct reader *reader)
{
	if (reader->holds_event)
		yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
}

static struct node scalar_of(const yaml_event_t *event)
{
	const size_t len = event->data.scalar.length;
	struct node node = {
		.kind = NODE_SCALAR,
		.place = place_of(event->start_mark),
		.text = {(const char *)event->data.scalar.value, len},
		.is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};
	size_t width = event->end_mark.column - event->start_mark.column;

	node.is_verbatim = event->start_mark.line == event->end_mark.line &&
			   width == len + (node.is_plain ? 0 : 2);
	return node;
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.anchor;
	return event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor
						       : event->data.sequence_start.anchor;
}

static const yaml_char_t *tag_of(const yaml_event_t *event)
{
	if (event->type == YAML_SCALAR_EVENT)
		return event->data.scalar.tag;
	return event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.tag
						       : event->data.sequence_start.tag;
}

static struct node node_of(struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	struct place place = place_of(event->start_mark);
	bool is_map = event->type == YAML_MAPPING_START_EVENT;

	if (anchor_of(event))
		return fail(reader, place, "anchors (&) are not used in policies; write it out");
	if (tag_of(event))
		return fail(reader, place, "tags (!) are not used in policies");
	if (event->type == YAML_SCALAR_EVENT)
		return scalar_of(event);
	if (++reader->depth > READER_DEPTH_MAX)
		return fail(reader, place, "nested too deeply for a policy");
	return (struct node){.kind = is_map ? NODE_MAP : NODE_LIST, .place = place};
}

struct node reader_next(struct reader *reader)
{
	struct place place;

	if (!next_event(reader))
		return (struct node){.kind = NODE_END};
	place = place_of(reader->event.start_mark);
	switch (reader->event.type) {
	case YAML_SCALAR_EVENT:
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return node_of(reader);
	case YAML_ALIAS_EVENT:
		return fail(reader, place, "aliases (*) are not used in policies; write it out");
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return (struct node){.kind = NODE_END, .place = place};
}

void reader_skip(struct reader *reader, const struct node *node)
{
	unsigned outside = reader->depth - 1; /* the node's own start has been counted */

	if (node->kind != NODE_LIST && node->kind != NODE_MAP)
		return;
	while (reader->depth > outside && !reader->failed)
		reader_next(reader);
}

void reader_expect_end(struct reader *reader)
{
	if (!next_event(reader)) /* the document's end */
		return;
	if (next_event(reader) && reader->event.type != YAML_STREAM_END_EVENT)
		fail(reader, place_of(reader->event.start_mark),
		     "found a second document, expected one policy");
}

struct place node_place_at(const struct node *node, size_t offset)
{
	struct place place = node->place;

	if (node->is_verbatim)
		place.column += (uint32_t)offset + (node->is_plain ? 0 : 1);
	return place;
}

const char *node_describe(const struct node *node, char out[static NODE_TEXT_MAX])
{
	switch (node->kind) {
	case NODE_LIST:
		return "a list";
	case NODE_MAP:
		return "a mapping";
	case NODE_END:
		return "nothing";
	case NODE_SCALAR:
		break;
	}
	if (!node->text.len)
		return "nothing";
	return log_quote_bytes(node->text, out, NODE_TEXT_MAX);
}
