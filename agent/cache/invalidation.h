/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request that changes something makes untrue (RFC 9111 section 4.4, RFC 9875
 * section 2.2.1). Pure: it says which URLs; cache_store.h forgets them.
 */
#ifndef CACHE_INVALIDATION_H
#define CACHE_INVALIDATION_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/bytes.h"
#include "cache/facts.h"

/* Whether an answer of this status to such a method invalidates its URI and what it names. */
bool invalidation_applies(enum asked_method method, unsigned status);

/*
 * Resolve a Location or Content-Location against the request's URL (RFC 3986 section 5.2;
 * an absolute http or https URL) into out, which is emptied first, as it begins a key: the
 * request's scheme and authority, the path in normal form (message/path.h), the query as it was.
 * A fragment is cut off.
 *
 * Returns 0; -EXDEV if it is of another origin (RFC 9111 section 4.4: such are left alone, or
 * any site could empty another's cache); -EINVAL if it is no URL of http or https; -ENOBUFS,
 * -ENOMEM as out->error has it.
 */
int invalidation_resolve(struct bytes url, struct bytes reference, struct buffer *out);

#endif
