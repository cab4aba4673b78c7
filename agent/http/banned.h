/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of sources that have just been banned in the packet plane, by whomever: closed with a reset on every
 * thread, those that wait to be accepted too. What came before the ban is gone after it; what comes later does not
 * pass the network card.
 */
#ifndef HTTP_BANNED_H
#define HTTP_BANNED_H

#include <stddef.h>

#include "base/address.h"

struct http;

/* From any one thread that is not the plane's own; the connections end a moment later. Returns 0 or -ENOMEM. */
int http_close_banned(struct http *http, const struct prefix *banned, size_t count);

#endif
