/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many connections each source has open, over all threads. One entry per source
 * that has any: as many as there are connections, at most.
 *
 * Thread-safe. Strangers fill it, so it is hashed with a secret.
 */
#ifndef HTTP_SOURCES_H
#define HTTP_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/siphash.h"

struct sources;

/* Returns 0 and *ret_sources; -ENOMEM. */
int sources_new(const struct siphash_secret *secret, struct sources **ret_sources);
void sources_free(struct sources *sources); /* NULL is fine */

/* One connection more, unless it has max already (0: any number) or there is no memory. */
bool sources_enter(struct sources *sources, const struct prefix *source, uint32_t max);
void sources_leave(struct sources *sources, const struct prefix *source);

#endif
