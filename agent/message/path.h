/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one normal form of a path (RFC 3986 section 6.2.2), for matching, cache key, limits
 * and the request to the origin alike. Pure.
 */
#ifndef MESSAGE_PATH_H
#define MESSAGE_PATH_H

#include <stdbool.h>

#include "base/bytes.h"
#include "message/result.h"

/* Memory a normal form may be written to: 3 bytes for each of the path are always enough. */
struct path_room {
	char *at;
	size_t len;
};

struct path {
	struct bytes
		text; /* begins with '/'; a slice of the raw path where that is normal, else of the room */
	/*
	 * Origins could read it in more than one way: it had %2F, %5C, %00, a backslash, an empty
	 * segment before the last, or a dot segment that was not spelled with plain dots alone (%2e,
	 * "..;x"). Refused unless the route is lenient; text is then what a lenient route forwards.
	 */
	bool is_ambiguous;
};

/*
 * Normalise raw, which begins with '/' and holds bytes of CHAR_TARGET but no '?': unreserved
 * bytes decoded, hex digits in capitals, dot segments removed, bytes that are in no path
 * (quotes, brackets, '|', '^' and such) encoded.
 * DONE; BAD_PATH if a '%' is not followed by two hex digits, or raw does not begin with '/';
 * TARGET_TOO_LONG if room is too small. *ret_path is set for DONE only.
 */
enum message_result path_normalise(struct bytes raw, struct path_room room, struct path *ret_path);

#endif
