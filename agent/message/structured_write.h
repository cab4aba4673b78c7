/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing structured field values (RFC 9651 section 4.1) into memory of the caller's, for
 * Cache-Status, RateLimit and their kin. Pure.
 *
 * The first thing that cannot be written (no room, a byte the type does not have, a number
 * out of range) sticks in `failed`, and what is put after it changes nothing: check once.
 */
#ifndef MESSAGE_STRUCTURED_WRITE_H
#define MESSAGE_STRUCTURED_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct sf_writer {
	char *at;
	size_t len;
	size_t room;
	bool failed;
};

static inline struct sf_writer sf_writer_of(char *at, size_t room)
{
	return (struct sf_writer){.at = at, .room = room};
}

/* ", " if anything has been written: the next member of a list or dictionary begins. */
void sf_put_next(struct sf_writer *out);
/* "key=" of a dictionary's member; for a member that is true alone put the key only. */
void sf_put_key(struct sf_writer *out, struct bytes key);
void sf_put_equals(struct sf_writer *out);
/* ";key", and sf_put_equals() and a value unless it is true. */
void sf_put_param(struct sf_writer *out, struct bytes key);
/* "(" and ")"; items between them are parted by sf_put_space(). */
void sf_put_open(struct sf_writer *out);
void sf_put_space(struct sf_writer *out);
void sf_put_close(struct sf_writer *out);

/* Bare items. Integers have at most 15 digits, as have a decimal's thousandths. */
void sf_put_integer(struct sf_writer *out, int64_t number);
void sf_put_decimal(struct sf_writer *out, int64_t thousandths);
void sf_put_string(struct sf_writer *out, struct bytes text); /* printable ASCII */
void sf_put_token(struct sf_writer *out, struct bytes text);
void sf_put_boolean(struct sf_writer *out, bool value);
void sf_put_date(struct sf_writer *out, int64_t unix_s);
void sf_put_bytes(struct sf_writer *out, struct bytes bytes);
void sf_put_display(struct sf_writer *out, struct bytes text); /* any UTF-8; not checked */

#endif
