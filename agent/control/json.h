/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's structs as the JSON objects of docs/control.md. Every function returns a new reference, or NULL
 * when memory ran out.
 */
#ifndef CONTROL_JSON_H
#define CONTROL_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "control/journal.h"
#include "control/moment.h"
#include "kernel/datapath.h"

struct agent;

/* Text of any origin: bytes that are no UTF-8 become '?'. NULL text is null. */
json_t *json_text(const char *text);

/* As text: "192.0.2.0/24", a whole address without its length. */
json_t *json_prefix(const struct prefix *prefix);

/* The objects of docs/control.md. Instants are told by at: when it is asked, by both clocks. */
json_t *json_count(const struct sl_count *count);
json_t *json_source(const struct agent *agent, const struct moment *at,
		    const struct sl_source *source, const struct sl_tracked *tracked);
json_t *json_ban(const struct moment *at, const struct ban *ban);
json_t *json_allow(const struct moment *at, const struct allow *allow);
json_t *json_event(const struct agent *agent, const struct moment *at,
		   const struct journal_entry *entry);
/* {"line", "column", "severity", "text"} */
json_t *json_problem(const struct policy_problem *problem);
/* The lines of text, without their ends. */
json_t *json_lines(const struct buffer *text);

/* An array, or JSON lines, written item by item: jansson needs a kilobyte for an object that is text of 100. */
struct json_list {
	struct buffer *out;
	bool is_lines;
	size_t count;
};
struct json_list json_list_begin(struct buffer *out, bool is_lines);
/* Takes item. NULL makes out fail with -ENOMEM. Returns whether out still has room. */
bool json_list_add(struct json_list *list, json_t *item);
void json_list_end(struct json_list *list);

#endif
