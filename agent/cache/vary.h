/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which of the responses under one key was made for a request like this one
 * (RFC 9111 section 4.1, RFC 9110 section 12.5.5).
 *
 * What a response depended on is kept as one run of bytes, its selector: for each name in
 * Vary "name ':' value LF", the name in small letters, the value in normal form; a field that
 * was not there is "name LF". Two requests match if their selectors are the same bytes.
 *
 * Pure; the caller lends the memory.
 */
#ifndef CACHE_VARY_H
#define CACHE_VARY_H

#include "base/bytes.h"
#include "message/head.h"

#define VARY_NAMES_MAX	  16   /* names in one Vary; a response with more is not stored */
#define VARY_SELECTOR_MAX 4096 /* bytes; a response that needs more is not stored */
#define VARY_VARIANTS_MAX 16   /* stored responses under one key */

enum vary_result {
	VARY_NONE,     /* no Vary: matches every request; *ret_selector is empty */
	VARY_SELECTED, /* *ret_selector is set */
	VARY_ANY,      /* "*" is a member, or who the client is: matches none */
	VARY_BAD,      /* a member is no token, or too many of them, or values too long */
};

/*
 * The selector of a response to request. Takes every Vary line of response; a name given twice
 * counts once. *ret_selector points into out.
 */
enum vary_result vary_select(const struct fields *response, const struct fields *request,
			     char out[static VARY_SELECTOR_MAX], struct bytes *ret_selector);

/* Whether request would have the same selector. */
bool vary_matches(struct bytes selector, const struct fields *request);

/*
 * The normal form of all lines called name, as RFC 9111 section 4.1 allows: lines joined; in
 * Accept and Accept-Charset blanks around commas and empty members gone; in Accept-Language and
 * Accept-Encoding, whose values have no case and whose preference is told by weights, also small
 * letters, no blanks at all, weights in their shortest form, and members sorted. Nothing is known
 * of other fields, so they stay as they are. Returns false if it takes more than room bytes.
 * is_given becomes false if there is no such field. Appends at len.
 */
struct vary_value {
	char *at;
	size_t len;
	size_t room;
	bool is_given;
};
bool vary_normalise(const struct fields *request, struct bytes name, struct vary_value *value);

#endif
