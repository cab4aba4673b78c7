/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our XDP program on one interface: attach, adopt, take the place of an older one, detach.
 *
 * What is attached is held by the interface (and, behind a dispatcher, by libxdp's pins), never by an fd of
 * ours: it goes on when the agent is gone. Nothing here touches a program that is not ours. Which interfaces, and
 * when, is decided in interfaces.c.
 *
 * Single-threaded.
 */
#ifndef KERNEL_ATTACH_H
#define KERNEL_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/datapath.h"
#include "kernel/interfaces.h"

struct attachment {
	enum attach_mode mode; /* NONE, DISPATCHER, NATIVE or GENERIC */
	uint32_t main_id; /* program the kernel runs for this interface: ours or the dispatcher */
	uint32_t program_id; /* ours */
	int counters_fd; /* of our program; kept when it is detached, so that a new one counts on; -1: none */
	bool adopted;		       /* found attached, and as it should be */
	char why[INTERFACE_ERROR_MAX]; /* why not in the best mode; "" */
};

/* An attachment that is none: counters_fd must never be 0 by accident. */
#define ATTACHMENT_NONE ((struct attachment){.mode = ATTACH_NONE, .counters_fd = -1})

/* Closes the fds of the attachment, which stays in the kernel. */
void attachment_close(struct attachment *attachment);

enum attach_result {
	ATTACH_KEPT,	/* it was there already, by us or by an earlier agent */
	ATTACH_DONE,	/* attached */
	ATTACH_SWAPPED, /* an older program of ours was replaced; no packet went unjudged */
	ATTACH_FAILED,	/* nothing of ours is attached, error says why; *attachment has mode NONE */
};

/*
 * See that our program, with the maps of datapath, is attached to ifindex, in the best mode that the kernel allows:
 * behind libxdp's dispatcher, native, generic. attachment is what an earlier call left, or ATTACHMENT_NONE.
 */
enum attach_result attach_program(const struct datapath *datapath, unsigned ifindex,
				  struct attachment *attachment,
				  char error[static INTERFACE_ERROR_MAX]);

/*
 * Detach every program of ours from ifindex. Returns how many, 0 if there was none; -errno with a sentence in
 * error.
 */
int attach_remove(unsigned ifindex, char error[static INTERFACE_ERROR_MAX]);

#endif
