/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of our own making: a status and, as application/problem+json (RFC 9457), why. Pure. */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "http/text.h"

struct problem {
	unsigned status;
	const char *detail; /* one line for people; printable ASCII without '"' and '\\' */
	const char *date;   /* DATE_TEXT_LEN bytes */
	struct bytes request_id;
	bool keeps_alive;
	bool is_head; /* the content is left out */
	uint8_t client_minor;
	unsigned retry_after_s;	   /* 0: the field is left out */
	struct bytes limit_fields; /* of the client's limits; lines */
	struct bytes
		cache_status; /* why it did not come from the cache; empty: the field is left out */
};

#define PROBLEM_MAX 1024

void problem_write(const struct problem *problem, struct text *out);

/* What ends a connection nobody may wait for: a whole 503 without a date. */
struct bytes problem_overloaded(void);

#endif
