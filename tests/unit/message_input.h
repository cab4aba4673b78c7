/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads for the tests of what reads their fields: made of field lines, parsed, at the edge of memory. */
#ifndef TESTS_MESSAGE_INPUT_H
#define TESTS_MESSAGE_INPUT_H

#include <stdio.h>

#include "edge.h"
#include "message/head.h"

#define INPUT_MAX 65536

/* "GET / HTTP/1.minor" with Host, and these lines, each ended by CR LF. Asserts that it parses. */
static inline const struct request_head *request_with_minor(const char *lines, int minor)
{
	static struct request_head head;
	static char text[INPUT_MAX];
	struct head_limits limits = {.max_bytes = INPUT_MAX, .max_target = 8192, .max_fields = 255};
	size_t scanned = 0;
	int len =
		snprintf(text, sizeof(text), "GET / HTTP/1.%d\r\nHost: a\r\n%s\r\n", minor, lines);

	assert_int_equal(head_parse_request(at_edge((struct bytes){text, (size_t)len}), &limits,
					    &scanned, &head),
			 MESSAGE_DONE);
	return &head;
}

static inline const struct request_head *request_with(const char *lines)
{
	return request_with_minor(lines, 1);
}

static inline const struct fields *fields_with(const char *lines)
{
	return &request_with(lines)->fields;
}

/* start is a status line without CR LF. */
static inline const struct response_head *response_with(const char *start, const char *lines)
{
	static struct response_head head;
	static char text[INPUT_MAX];
	struct head_limits limits = {.max_bytes = INPUT_MAX, .max_fields = 255};
	size_t scanned = 0;
	int len = snprintf(text, sizeof(text), "%s\r\n%s\r\n", start, lines);

	assert_int_equal(head_parse_response(at_edge((struct bytes){text, (size_t)len}), &limits,
					     &scanned, &head),
			 MESSAGE_DONE);
	return &head;
}

static inline void assert_bytes(struct bytes got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.at, want, got.len);
}

#endif
