/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits as an exchange meets them.
 *
 *   IDENTIFY -> LIMIT --let in--> LOOKUP ... status known: what is held counts, or is given back
 *                 |   `--too many in flight, or over a limit, and the route queues--> waits, LIMIT again
 *                 `--over a limit--> answered here -> FINISH
 *
 * Who is counted, and how, is decided in quota_judge.h. An exchange keeps the plan it began with, so a reload
 * changes nothing of what is said here to one request.
 */
#ifndef HTTP_LIMITING_H
#define HTTP_LIMITING_H

#include "quota/quota_judge.h"
#include "http/text.h"
#include "quota/turnstile.h"
#include "http/worker.h"

struct exchange;

#define LIMITING_FEW 4 /* limits on one request that need no memory of their own */

/* Of an exchange, zeroed when it begins. */
struct limiting {
	struct quota_result result; /* what its answer says of limits, where is_judged */
	struct quota_judged few[LIMITING_FEW];
	void *block; /* room for more of them, and for what is held; NULL: none */
	uint32_t block_size;
	uint64_t judged_at_ns; /* CLOCK_MONOTONIC */
	bool is_judged;

	/* Of routes with a bound on what is in flight, or a queue. */
	bool waits;
	bool may_try; /* what it waited for may have come */
	_Atomic bool is_posted;
	struct letter letter; /* the same from another thread */
	struct turnstile_guest guest;
	uint64_t wake_ns;  /* when it tries again by itself */
	uint64_t until_ns; /* and when it gives up */
};

/*
 * The fields about limits of an answer whose status is x->status: those of this client now, each line ended; empty
 * where nothing is to be said. What is held is settled by that status. Valid until the next call on this thread.
 */
struct bytes limiting_fields(struct exchange *x);

/*
 * For the access log: NULL where no limit was asked, "ok", "refused", or "dry_run" where a limit would have refused
 * that only tries. *ret_name is the name of a limit that refuses; it lives as long as the plan.
 */
const char *limiting_verdict(const struct exchange *x, struct bytes *ret_name);

/* Bits of enum limit_family: fields of the upstream that ours take the place of. */
unsigned limiting_families(const struct exchange *x);

/* What is held counts by this status (see quota_settle()), or is given back. Once: nothing is held after it. */
void limiting_settle(struct exchange *x, unsigned status);

/* The exchange is over, or broke off: nothing is held any more. */
void limiting_end(struct exchange *x);

#endif
