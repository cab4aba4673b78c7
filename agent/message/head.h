/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The head of a request or a response: start line and header section (RFC 9112
 * sections 2 to 5), refused wherever a peer might read it differently than we do.
 *
 * Pure: no allocation, no I/O, no clock, no log. Slices point into the bytes given
 * and live as long as they do. Nothing is unescaped or put in order here: the
 * target's meaning is in target.h, that of lengths and codings in body.h, that of
 * single fields in fields.h.
 *
 * Work is linear in the bytes, however they arrive: each byte is looked at no more
 * than three times, and each field is recognised once.
 */
#ifndef MESSAGE_HEAD_H
#define MESSAGE_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/host.h"
#include "message/names.h"
#include "message/result.h"

#define HEAD_FIELDS_MAX 255 /* an index fits a byte; the policy's limit is at most this */
#define HEAD_METHOD_MAX 32  /* bytes; a longer method is not carried */

struct field {
	struct bytes name;  /* a token, as it was spelled */
	struct bytes value; /* without blanks around it; no CR, LF, NUL or other control but HTAB */
	uint8_t id;	    /* enum field_name */
	uint8_t next;	 /* 1 + index of the next field with this id; 0 if none (or FIELD_OTHER) */
	bool underscore; /* the name has one: CGI and WSGI cannot tell it from a hyphen */
};

/* A header or trailer section, in order. Valid up to count and for the ids of enum field_name. */
struct fields {
	uint8_t count;
	uint8_t first[FIELD_NAME_COUNT]; /* 1 + index of the first field with this id, or 0 */
	uint8_t last[FIELD_NAME_COUNT];	 /* only valid where first is not 0 */
	struct field field[HEAD_FIELDS_MAX];
};

/* The first field called id, or NULL. id is not FIELD_OTHER. */
static inline const struct field *fields_first(const struct fields *fields, enum field_name id)
{
	return fields->first[id] ? &fields->field[fields->first[id] - 1] : NULL;
}

/* The next field of the same name, or NULL. */
static inline const struct field *fields_next(const struct fields *fields,
					      const struct field *field)
{
	return field->next ? &fields->field[field->next - 1] : NULL;
}

/* Find a field by name, case ignored, that may not be a known one; after NULL: the first. */
const struct field *fields_find(const struct fields *fields, struct bytes name,
				const struct field *after);

enum method {
	METHOD_OTHER, /* a token of at most HEAD_METHOD_MAX bytes; never CONNECT or TRACE */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_PATCH,
	METHOD_OPTIONS,
};

/* The method an origin takes text for that tells no capitals from small letters. */
enum method method_in_any_case(struct bytes text);

struct request_head {
	struct bytes method_text;
	struct bytes target; /* printable ASCII without '#'; see target.h */
	size_t len;	     /* bytes of the whole head, with the empty line */
	enum method method;
	uint8_t minor; /* of HTTP/1.minor: 0 or 1 */
	bool has_host;
	struct host host; /* what the field says; only with has_host */
	struct fields fields;
};

struct response_head {
	struct bytes reason; /* may be empty */
	size_t len;
	uint16_t status; /* 100 to 999; RFC 9110 section 15 has 600 and above treated as 5xx */
	uint8_t minor;
	struct fields fields;
};

struct head_limits {
	uint32_t
		max_bytes; /* of the head; more is HEAD_TOO_LARGE, or TARGET_TOO_LONG in line one */
	uint32_t max_target; /* bytes; more is TARGET_TOO_LONG */
	uint8_t max_fields;  /* more is TOO_MANY_FIELDS */
};

#define HEAD_LIMITS_DEFAULT \
	((struct head_limits){.max_bytes = 16384, .max_target = 8192, .max_fields = 100})

/*
 * Parse the request head at the front of input. One empty line before it is skipped
 * (RFC 9112 section 2.2).
 *
 * *scanned is 0 for a new message and then kept by the caller between calls with more and
 * more of it; the bytes may have moved in between. MESSAGE_DONE: *ret_head is set,
 * ret_head->len bytes of input belong to it, *scanned is 0. MESSAGE_MORE: read more, call
 * again. All else: refuse and close. *ret_head is scratch whenever the result is not
 * MESSAGE_DONE. The result does not depend on how the bytes were cut up, but that a
 * message with a fault may get MESSAGE_MORE for as long as it is incomplete.
 *
 * Host: exactly one, valid as host_parse() judges; an HTTP/1.0 request may have none.
 */
enum message_result head_parse_request(struct bytes input, const struct head_limits *limits,
				       size_t *scanned, struct request_head *ret_head);

/* The same for a response; max_target is not used. Everything it refuses is 502 to the client. */
enum message_result head_parse_response(struct bytes input, const struct head_limits *limits,
					size_t *scanned, struct response_head *ret_head);

#endif
