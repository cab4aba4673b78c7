/* SPDX-License-Identifier: BSD-2-Clause */
/* Header sections, for head.c: the loop over field lines and the cursor it moves. Pure. */
#ifndef MESSAGE_FIELD_LINE_H
#define MESSAGE_FIELD_LINE_H

#include "message/head.h"

/* What is not read yet. */
struct cursor {
	const char *at;
	const char *end;
};

/* DONE and moved past CR LF; MORE; or BAD_LINE_END. */
enum message_result cursor_take_line_end(struct cursor *cur);

/* The first byte at or after at that cannot be part of a field value (a control byte but HTAB), or end. */
const char *field_value_end(const char *at, const char *end);

/*
 * Read field lines up to and with the empty line into *fields, which is emptied first.
 * DONE, MORE, TOO_MANY_FIELDS, BAD_NAME, BAD_VALUE, FOLDED, BAD_LINE_END.
 */
enum message_result fields_read(struct cursor *cur, unsigned max_fields, struct fields *fields);

#endif
