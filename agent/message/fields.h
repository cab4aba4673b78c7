/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is common to many fields: lists (RFC 9110 section 5.6.1), Connection and what
 * it takes out of a message, Expect, Upgrade, Vary. Pure.
 *
 * A field that is there several times is one list (RFC 9110 section 5.3); the
 * iterator walks all of them, in order.
 */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "message/head.h"

/*
 * Cut the next member off *rest: between commas outside quoted strings, without blanks around it.
 * Empty members are skipped. An unfinished quoted string reaches to the end. False: no more.
 */
bool list_next(struct bytes *rest, struct bytes *ret_member);

/* The members of all fields called id. */
struct field_list {
	const struct fields *fields;
	const struct field *field; /* being walked, or NULL at the end */
	struct bytes rest;
};

/* A walk over the members, as list_next() cuts them, field after field. fields must outlive it. False: no more. */
struct field_list field_list_of(const struct fields *fields, enum field_name id);
bool field_list_next(struct field_list *list, struct bytes *ret_member);

/* Whether a member of the list equals token, case ignored. */
bool field_list_has(const struct fields *fields, enum field_name id, struct bytes token);

/*
 * Transfer-Encoding: whether it is tokens without parameters or empty members, with chunked last
 * and nowhere else, and without the withdrawn "identity".
 */
bool coding_list_is_sound(const struct fields *fields);

#define CONNECTION_OPTIONS_MAX 16 /* more is refused: each is compared with every field */

/* A set of fields, by index. */
struct field_set {
	uint64_t bits[(HEAD_FIELDS_MAX + 63) / 64];
};

static inline bool field_set_has(const struct field_set *set, unsigned index)
{
	return set->bits[index / 64] >> index % 64 & 1;
}

struct connection {
	bool close;
	bool keep_alive;
	bool upgrade;
	struct field_set
		hop; /* fields neither forwarded nor stored: hop-by-hop ones, and those named */
};

/*
 * Read Connection. DONE; BAD_CONNECTION for a member that is no token, more than
 * CONNECTION_OPTIONS_MAX members, or, in a request, one that names a field of FIELD_IS_GUARDED
 * (an origin would then decide without it). Names known only to the policy, such as identity
 * headers, are asked for with field_list_has().
 */
enum message_result connection_read(const struct fields *fields, bool is_request,
				    struct connection *ret_connection);

/* Whether the connection can be used again after this message (RFC 9112 section 9.3). */
bool connection_persists(const struct connection *connection, uint8_t minor);

/*
 * DONE and whether an HTTP/1.1 client waits for 100 (Continue) (RFC 9110 section 10.1.1);
 * BAD_EXPECT for any other expectation. HTTP/1.0 clients are not waiting whatever they say.
 */
enum message_result expect_read(const struct request_head *head, bool *ret_continue);

/* Whether Vary has the member "*", alone or in a list: nothing ever matches then. */
bool vary_has_any(const struct fields *fields);

/* Whether a request id of a trusted peer may be taken over: 1 to 64 of [A-Za-z0-9._-]. */
#define REQUEST_ID_MAX 64
bool request_id_is_sound(struct bytes id);

/*
 * The first member of Age up to ',' or ';' (RFC 9111 section 5.1), saturated at 2^31;
 * 0 if there is none or it is no number.
 */
int64_t age_read(const struct fields *fields);

/* Digits only, saturated at 2^31 (RFC 9111 section 1.2.2). False if there are none or others. */
#define DELTA_SECONDS_MAX 2147483648ll
bool delta_seconds_parse(struct bytes text, int64_t *ret_seconds);

#endif
