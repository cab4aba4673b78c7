/* SPDX-License-Identifier: BSD-2-Clause */
/* What the child says to its parent. */
#ifndef CHILD_SAY_H
#define CHILD_SAY_H

#include "http/pipe.h"

/* Whether CHILD_FD is what a parent leaves there. */
bool child_has_parent(void);

/* One message without descriptors. Returns 0, or -errno of pipe_send_patiently(). */
int child_say(enum pipe_kind kind, struct bytes payload);

/* The answer to a question, in as many messages as it takes. The same. */
int child_answer(uint32_t serial, struct bytes text);

#endif
