/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who was refused, broke framing or was slow how often lately: one bounded table of sources for all threads.
 *
 * A pattern is N strikes within M, from one source and of one kind. It is never seen in fewer than N; for N above
 * OFFENDERS_EXACT it may take N/OFFENDERS_EXACT more. Then counting begins anew, and for OFFENDERS_QUIET_NS no other is
 * told of that source: it takes a moment until a ban closes connections that go on offending. A source that was vouched for
 * within M has no pattern: who shares an address with somebody who holds a valid key is not banned for his neighbours.
 *
 * Fixed in size (OFFENDERS_BYTES), hashed with a secret as strangers fill it, with short locks. A newcomer takes
 * the entry of his set that has been quiet for longest: forgetting errs on the side of the source.
 * Knows no policy, no connection, no clock.
 */
#ifndef HTTP_OFFENDERS_H
#define HTTP_OFFENDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/siphash.h"
#include "policy/http_policy.h"

#define OFFENDERS_EXACT	   64	 /* instants kept of a source and kind */
#define OFFENDERS_MAX	   8192	 /* sources and kinds remembered at once */
#define VOUCHED_MAX	   65536 /* sources that were vouched for, likewise */
#define OFFENDERS_QUIET_NS 1000000000ull
#define OFFENDERS_BYTES	   (6u << 20) /* all of it, at most */

enum strike {
	STRIKE_REFUSED,	  /* a request over a limit of its own address */
	STRIKE_MALFORMED, /* a message that breaks framing */
	STRIKE_SLOW,	  /* a head or a body that ran out of time */
	STRIKE_KIND_COUNT
};

struct offenders;

/* Returns 0 and *ret_offenders; -ENOMEM. */
int offenders_new(const struct siphash_secret *secret, struct offenders **ret_offenders);
void offenders_free(struct offenders *offenders); /* NULL is fine */

struct offence {
	struct prefix source; /* cut to the policy's source_prefix */
	enum strike kind;
	struct http_strikes pattern; /* count is not 0 */
};

enum offence_result {
	OFFENCE_COUNTED,
	OFFENCE_PATTERN, /* this one makes it a pattern */
	OFFENCE_VOUCHED, /* it would, but the source was vouched for within the time */
};
enum offence_result offenders_add(struct offenders *offenders, const struct offence *offence,
				  uint64_t now_ns);

/* A request of this source was let in under a valid key. */
void offenders_vouch(struct offenders *offenders, const struct prefix *source, uint64_t now_ns);

#endif
