/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns over URLs as purges name them: a prefix, taken literally, or a glob in which '*' stands
 * for any bytes, '/' included, and '?' for one. Pure. A glob costs at most its length times the
 * URL's, whatever it is.
 */
#ifndef CACHE_URL_PATTERN_H
#define CACHE_URL_PATTERN_H

#include <stdbool.h>

#include "base/bytes.h"

struct url_pattern {
	struct bytes text;
	bool is_glob;
};

/* Whether all of url is what the glob describes, or the prefix begins it. */
bool url_pattern_matches(const struct url_pattern *pattern, struct bytes url);

#endif
