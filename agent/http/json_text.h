/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings of any origin as JSON has them. Pure. */
#ifndef HTTP_JSON_TEXT_H
#define HTTP_JSON_TEXT_H

#include <stdbool.h>

#include "base/buffer.h"

/*
 * Append text in quotes. Quotes, backslashes and everything that is not printable ASCII are escaped, byte by byte:
 * strangers' bytes may be no UTF-8, and JSON must be.
 */
void json_text_add(struct buffer *out, struct bytes text);

/* Append an answer that refuses a question. */
void json_text_refuse(struct buffer *out, unsigned status, const char *sentence);

#endif
