/* SPDX-License-Identifier: BSD-2-Clause */
/* Bans between the child and its parent: asked for by the one, told of by the other. */
#ifndef CHILD_BANS_H
#define CHILD_BANS_H

#include "http/http.h"
#include "http/pipe.h"

/*
 * An http_offended_fn: asks the parent for a ban. From any thread. Does not wait: false where the parent does not read at
 * present, and the ask is lost.
 */
bool child_ask_ban(void *context, const struct http_offence *offence);

/*
 * A BANNED message: close connections. http may be NULL: nothing is open yet. Returns 0; -EPROTO if it makes no sense;
 * -ENOMEM is logged, not returned: the connections end by themselves.
 */
int child_take_banned(struct http *http, const struct pipe_message *message);

#endif
