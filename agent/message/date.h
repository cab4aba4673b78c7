/* SPDX-License-Identifier: BSD-2-Clause */
/* HTTP-date (RFC 9110 section 5.6.7) and seconds since 1970 UTC. Pure. */
#ifndef MESSAGE_DATE_H
#define MESSAGE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/*
 * Parse any of the three forms, to the letter: case, blanks, GMT. The day's name must be one but
 * is not checked against the date; a leap second counts as the second after.
 * now_unix_s decides the century of an RFC 850 year: never more than 50 years ahead.
 * Returns false, *ret_unix_s untouched, if text is no date.
 */
bool date_parse(struct bytes text, int64_t now_unix_s, int64_t *ret_unix_s);

#define DATE_TEXT_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* The preferred form; the years 0 to 9999, anything beyond is moved to their ends. */
void date_format(int64_t unix_s, char out[static DATE_TEXT_LEN]);

#endif
