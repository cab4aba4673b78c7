/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Active health checks: a GET to each server of the upstreams that ask for it, on a
 * connection of its own, by the first thread.
 */
#ifndef HTTP_CHECKS_H
#define HTTP_CHECKS_H

#include "http/plan.h"
#include "http/worker.h"

struct checks;

/* Returns 0 or -ENOMEM. Nothing is checked before checks_take_plan(). */
int checks_new(struct worker *worker, struct checks **ret_checks);
void checks_free(struct checks *checks); /* NULL is fine */

/* From now on check what this plan says. Servers it does not check any more count as up. */
void checks_take_plan(struct checks *checks, struct plan *plan);

#endif
