/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One link that the policy names: what is attached to it, what is wrong with it, and the log lines about that.
 * When to do which is decided in interfaces.c.
 */
#ifndef KERNEL_INTERFACE_H
#define KERNEL_INTERFACE_H

#include "kernel/attach.h"
#include "kernel/links.h"
#include "kernel/tc.h"

struct interface {
	unsigned ifindex;
	uint32_t serial;   /* of the link this was made for */
	uint32_t revision; /* of the link when it was last attached to, or failed to be */
	unsigned depth;	   /* how many links are below it */
	char name[IF_NAMESIZE];
	struct attachment at;
	bool covered; /* stacked on a protected one; at.why then says on which */
	bool flags;   /* the tc program is in place */
	char trouble[INTERFACE_ERROR_MAX]; /* what was last logged as wrong; "" if nothing is */
};

/*
 * Attach, or see that what is attached is right; with flag also the tc program, NULL: the policy flags nothing.
 * interface->at.mode says whether it is protected now.
 */
void interface_protect(struct interface *interface, const struct datapath *datapath,
		       const struct tc_flag *flag);

/* Detach what is ours. why is for the log. */
void interface_unprotect(struct interface *interface, const char *why);

/* It is stacked on by, which is protected: see that it is not. */
void interface_cover(struct interface *interface, const struct link *by);

/* Log trouble as a warning unless it was the last thing logged. */
void interface_complain(struct interface *interface, const char *trouble);

/* Detach every program of ours from a link, XDP and tc. Returns how many XDP programs there were. Logs what fails. */
int interface_detach(unsigned ifindex, const char *name);

#endif
