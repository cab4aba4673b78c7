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

/*
 * The bytes of input that may belong to a section of at most max_bytes. Returns false if it is
 * not worth parsing: neither an empty line, nor a line end that will be refused, nor the limit
 * has come since the call before, which left scanned bytes behind it. Only three of those are
 * looked at again.
 */
bool section_open(struct bytes input, unsigned max_bytes, size_t scanned, struct bytes *ret_window);

#endif
