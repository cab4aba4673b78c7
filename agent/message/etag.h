/* SPDX-License-Identifier: BSD-2-Clause */
/* Entity tags and the lists of them (RFC 9110 sections 8.8.3, 13.1.1, 13.1.2). Pure. */
#ifndef MESSAGE_ETAG_H
#define MESSAGE_ETAG_H

#include <stdbool.h>

#include "base/bytes.h"
#include "message/fields.h"

struct etag {
	struct bytes opaque; /* with its quotes */
	bool is_weak;
};

/* Parse one tag and nothing else. Returns false, *ret_tag untouched, if it is none. */
bool etag_parse(struct bytes text, struct etag *ret_tag);

/* RFC 9110 section 8.8.3.2. */
bool etag_equal_strong(const struct etag *a, const struct etag *b);
bool etag_equal_weak(const struct etag *a, const struct etag *b);

enum etag_match {
	ETAG_ABSENT, /* no such field */
	ETAG_MATCHES,
	ETAG_DIFFERS, /* also where the list is malformed: members before the fault still count */
};

/*
 * Look for tag, which is NULL for a representation without one, in If-None-Match (weak
 * comparison) or If-Match (strong). "*" matches any representation, so exists says whether
 * there is one.
 */
enum etag_match etag_if_none_match(const struct fields *fields, const struct etag *tag,
				   bool exists);
enum etag_match etag_if_match(const struct fields *fields, const struct etag *tag, bool exists);

#endif
