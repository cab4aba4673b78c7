/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "100 per minute", "5/second burst 20", "200 MB per 10 seconds": text -> struct rate -> struct sl_limit.
 * Pure.
 */
#ifndef POLICY_RATE_H
#define POLICY_RATE_H

#include "policy/policy.h"

struct rate_error {
	size_t offset;	/* into the text, where it stopped making sense */
	char text[160]; /* what was found and what was expected */
};

/*
 * Parse one rate of the given kind and fill in the default burst.
 *
 * N/unit, N per unit, N per M units (also N/M units), then optionally "burst B"; case does not matter,
 * spaces are optional, plural allowed; second, minute, hour, day, month (30 days), year (360 days).
 * Bytes take B, KB, MB, GB, KiB, MiB, GiB behind N and B. The bounds of abi.h are checked here: beyond them
 * is an error that points to the HTTP limits, which count days.
 * Returns 0, or -EINVAL with *ret_error set.
 */
int rate_parse(struct bytes text, enum sl_kind kind, struct rate *ret_rate,
	       struct rate_error *ret_error);

/*
 * Parse an amount of memory, "16 MiB", in the units of a byte rate.
 * Returns 0, or -EINVAL with *ret_error set.
 */
int rate_parse_bytes(struct bytes text, uint64_t *ret_bytes, struct rate_error *ret_error);

/* Text that rate_parse() reads back to the same rate. The burst is written unless it is the default. */
#define RATE_TEXT_MAX 96
const char *rate_format(const struct rate *rate, enum sl_kind kind, char out[static RATE_TEXT_MAX]);
/* Likewise for rate_parse_bytes(). */
const char *rate_format_bytes(uint64_t bytes, char out[static RATE_TEXT_MAX]);
/* "packets", "bytes" or "connections": the key in a tier. */
const char *rate_kind_name(enum sl_kind kind);

/*
 * The limit the datapath enforces: cost rounded to the nearest unit, burst_ns exactly burst times the
 * cost (bytes: rounded up once), flag_above_ns from the percentage (0: SL_NEVER), region by what a packet
 * (for bytes: one of 1514 bytes) costs.
 */
struct sl_limit rate_limit(const struct rate *rate, enum sl_kind kind, uint8_t flag_above_percent);

#endif
