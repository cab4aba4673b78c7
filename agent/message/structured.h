/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structured field values (RFC 9651): items, lists, dictionaries, inner lists and
 * parameters, read without memory and to the letter.
 *
 * Pure. Members are slices of the field's value, checked when they are cut off, so what is
 * inside a member needs no second check. As the RFC has it a field with a fault anywhere is
 * no field at all: check the whole (sf_list_check(), sf_dictionary_check()) before use.
 * Fields on several lines are one; a member cannot reach over a line's end.
 */
#ifndef MESSAGE_STRUCTURED_H
#define MESSAGE_STRUCTURED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/head.h"

enum sf_type {
	SF_INTEGER, /* number */
	SF_DECIMAL, /* number, in thousandths */
	SF_STRING,  /* text, still with backslashes: sf_string() */
	SF_TOKEN,   /* text */
	SF_BYTES,   /* text, still base64: sf_decode_bytes() */
	SF_BOOLEAN, /* number, 0 or 1 */
	SF_DATE,    /* number, seconds since 1970 */
	SF_DISPLAY, /* text, still with %xx: sf_decode_display() */
};

struct sf_bare {
	enum sf_type type;
	int64_t number;
	struct bytes text;
};

struct sf_member {
	struct bytes key; /* of a dictionary; empty in a list */
	bool is_inner_list;
	struct sf_bare item; /* unless it is an inner list */
	struct bytes inner;  /* what is between the brackets: sf_inner_next() */
	struct bytes params; /* sf_param_next() */
};

enum sf_result { SF_MEMBER, SF_END, SF_BAD };

/* Cut the next member off *rest, the value of one field line. After SF_BAD *rest is undefined. */
enum sf_result sf_list_next(struct bytes *rest, struct sf_member *ret_member);
/* The same with keys. A key that comes again replaces the one before: the last one counts. */
enum sf_result sf_dictionary_next(struct bytes *rest, struct sf_member *ret_member);

/* A value that is one item with its parameters. */
bool sf_item_parse(struct bytes value, struct sf_member *ret_item);

/* The items of an inner list; the parameters of anything. False: no more. */
bool sf_inner_next(struct bytes *inner, struct sf_member *ret_item);
bool sf_param_next(struct bytes *params, struct bytes *ret_key, struct sf_bare *ret_value);

/* The value of the last parameter called key. False, untouched: there is none. */
bool sf_param_find(struct bytes params, struct bytes key, struct sf_bare *ret_value);

/* Whether all lines of the field are a valid list or dictionary with at least one member. */
bool sf_list_check(const struct fields *fields, enum field_name id);
bool sf_dictionary_check(const struct fields *fields, enum field_name id);

/* The member that counts for key, of a dictionary that has been checked. False: there is none. */
bool sf_dictionary_find(const struct fields *fields, enum field_name id, struct bytes key,
			struct sf_member *ret_member);

/*
 * What an item of SF_STRING, SF_BYTES or SF_DISPLAY stands for, into out, which has room for
 * item->text.len bytes: decoding makes nothing longer. Returns how many there are.
 */
size_t sf_string(const struct sf_bare *item, char *out);
size_t sf_decode_bytes(const struct sf_bare *item, char *out);
size_t sf_decode_display(const struct sf_bare *item, char *out);

#endif
