/* SPDX-License-Identifier: BSD-2-Clause */
/* Elements of X-Forwarded-For and Forwarded (RFC 7239 section 4), for identity.c. Pure. */
#ifndef MESSAGE_FORWARDED_H
#define MESSAGE_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "message/head.h"

/*
 * The elements of all fields called id, from the last to the first. What our own proxies wrote
 * stands at the right and is cut off correctly whatever a stranger put to its left, an
 * unfinished quotation too.
 */
struct from_right {
	const struct fields *fields;
	enum field_name id;
	unsigned index; /* fields not looked at yet: those before it */
	struct bytes rest;
	unsigned elements; /* cut off so far, empty ones too */
	size_t bytes;	   /* looked at so far */
};

/* Before the last element. fields must outlive the walk. */
struct from_right from_right_of(const struct fields *fields, enum field_name id);

/*
 * The next element, without blanks around it; empty ones are skipped. It looks at no more than
 * IDENTITY_BYTES_MAX + 1 bytes in all: walk->bytes is then above the limit, and the element is
 * to be refused. False: no more.
 */
bool from_right_next(struct from_right *walk, struct bytes *ret_element);

struct forwarded_element {
	struct bytes for_node; /* without quotes; empty if it is not there */
	struct bytes proto;
	struct bytes host;
};

/* Take apart one element of Forwarded. False: malformed, or a parameter comes twice. */
bool forwarded_parse(struct bytes element, struct forwarded_element *ret_parts);

#endif
