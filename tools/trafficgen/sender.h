/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways out of an interface. Full speed: test runs of the BPF program, millions of frames a second,
 * but each run costs some 15 ms before and after (the kernel waits for RCU). Paced: a packet socket,
 * slower, but each frame leaves when it is due.
 */
#ifndef TRAFFICGEN_SENDER_H
#define TRAFFICGEN_SENDER_H

#include <stdint.h>

#include "options.h"
#include "rewrite.h"

struct sender;

/*
 * Make one for options in the present network namespace, which it stays in.
 * Returns 0 and *ret_sender, freed with sender_free(); -errno after one line on standard error.
 */
int sender_new(const struct options *options, struct sender **ret_sender);
void sender_free(struct sender *sender); /* NULL is fine */

/*
 * Send count frames, or fewer where a signal or a full queue cut it short.
 * Returns 0; -errno after one line on standard error.
 */
int sender_send(struct sender *sender, uint32_t count);

/* Frames sent so far. */
uint64_t sender_frames(const struct sender *sender);

#endif
