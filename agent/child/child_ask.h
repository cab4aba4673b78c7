/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parent asks of the child, and the answers. */
#ifndef CHILD_ASK_H
#define CHILD_ASK_H

#include "http/http.h"
#include "http/pipe.h"

/* Answer an ASK message. Returns 0; -EPROTO for a topic that does not exist. */
int child_ask(struct http *http, const struct pipe_message *message);

#endif
