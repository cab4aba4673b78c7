/* SPDX-License-Identifier: BSD-2-Clause */
/* Spans and points of time as text. Pure. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdint.h>

#include "base/bytes.h"

#define NS_PER_MS	   1000000ull
#define NS_PER_SEC	   1000000000ull
#define DURATION_MAX_NS	   (3650ull * 86400 * NS_PER_SEC) /* ten years */
#define DURATION_TEXT_MAX  32
#define TIMESTAMP_TEXT_MAX 40

/*
 * Parse "10m", "1h30m", "90", "90s", "1 minute", "250ms", "2 hours", "1 week": one or more
 * NUMBER UNIT pairs, a bare number is seconds; case does not matter, plural allowed.
 * Returns 0; -EINVAL if it is no duration; -ERANGE if it is longer than DURATION_MAX_NS.
 */
int duration_parse(struct bytes text, uint64_t *ret_ns);

/* Shortest exact text in whole units, e.g. "1h30m", "250ms", "0s". Returns out. */
const char *duration_format(uint64_t ns, char out[static DURATION_TEXT_MAX]);

/* RFC 3339, UTC, whole seconds rounded up: "2026-11-21T11:34:00Z". Returns out. */
const char *timestamp_format(uint64_t unix_ns, char out[static TIMESTAMP_TEXT_MAX]);

/* Inverse of timestamp_format(). Returns 0 or -EINVAL. */
int timestamp_parse(struct bytes text, uint64_t *ret_unix_ns);

#endif
