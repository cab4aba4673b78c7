/* SPDX-License-Identifier: BSD-2-Clause */
/* The cookies of a request, one by one. Pure; slices point into the request. */
#ifndef MESSAGE_COOKIES_H
#define MESSAGE_COOKIES_H

#include "message/head.h"

/* "a=1; b=2", of all Cookie lines. */
struct cookies {
	const struct fields *fields;
	const struct field *field;
	struct bytes rest;
};

/* Before the first cookie. fields must outlive the walk. */
struct cookies cookies_of(const struct fields *fields);

/* The next one, without blanks around name and value; a name may be empty. False: no more. */
bool cookies_next(struct cookies *cookies, struct bytes *ret_name, struct bytes *ret_value);

/*
 * How many there are of this name: 0, 1, or 2 for several, of which nobody knows which one the origin takes.
 * *ret_value is that of the first, untouched if there is none.
 */
unsigned cookies_find(const struct fields *fields, struct bytes name, struct bytes *ret_value);

#endif
