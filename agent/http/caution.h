/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections whose SYN the packet plane flagged: its mark is on the accepted socket (`flag: {accept: true}`). For
 * `caution_for` from then on the policy's `caution` says how their requests are served:
 *
 *   normal      as any other, but never queued for an upstream
 *   cache-only  from the cache, stale if need be (as if the upstream could not be reached); else 429
 *   refuse      429
 *
 * Under either of the first two a flagged request is never let wait for an upstream that has no free slot: where
 * somebody must go without, flagged sources are the first. Strangers only (conn->is_stranger): a trusted proxy's
 * connection carries many clients, and none of them is its SYN.
 */
#ifndef HTTP_CAUTION_H
#define HTTP_CAUTION_H

#include "http/exchange.h"

/* For a connection just accepted as fd: one system call where the policy asks for marks, else none. */
void caution_begin(struct conn *conn, int fd);

/* Before anything is asked of limits and cache. True: it is refused, and *ret_progress says how it goes on. */
bool caution_refuses(struct exchange *x, enum progress *ret_progress);

/* Before anything is asked of the upstream. True: it must not be, and *ret_progress says how it goes on. */
bool caution_forbids_fetch(struct exchange *x, enum progress *ret_progress);

/* There is no free slot. True: others go first, *ret_progress says how this one goes on, and it waits no more. */
bool caution_sheds(struct exchange *x, enum progress *ret_progress);

#endif
