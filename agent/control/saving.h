/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes bans to their file on a thread of its own: hundreds of thousands take a second, which nobody else should wait
 * for. One file at a time; all calls come from the loop's thread.
 */
#ifndef CONTROL_SAVING_H
#define CONTROL_SAVING_H

#include <stdbool.h>

#include "base/loop.h"
#include "kernel/saved_bans.h"

struct saving;

/* Called from the loop when a file is written, or could not be: status is 0 or -errno. */
typedef void saving_done_fn(void *context, int status);

/* Returns 0 or -errno. */
int saving_new(struct loop *loop, saving_done_fn *done, void *context, struct saving **ret_saving);

/* Waits for what is being written; done() is not called any more. NULL is fine. */
void saving_free(struct saving *saving);

/* Whether a file is being written: its done() has not been called yet. */
bool saving_is_busy(const struct saving *saving);

/*
 * Write bans, which are the saving's from now on, to path. Not while it is busy. Returns 0, then done() follows; or
 * -errno, and nothing is written.
 */
int saving_begin(struct saving *saving, struct saved_bans *bans, const char *path);

#endif
