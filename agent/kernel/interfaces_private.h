/* SPDX-License-Identifier: BSD-2-Clause */
/* What interfaces.c and reconcile.c share; nobody else includes it. */
#ifndef KERNEL_INTERFACES_PRIVATE_H
#define KERNEL_INTERFACES_PRIVATE_H

#include "kernel/interface.h"
#include "kernel/interfaces.h"

struct interfaces {
	struct datapath *datapath; /* NULL: can only detach */
	struct links *links;
	struct loop_timer *timer;
	struct tc_flag *flag; /* loaded when first wanted */
	char **names;	      /* the policy's, NULL-terminated; NULL: none */
	bool wants_flags;
	bool is_stopped;       /* after interfaces_detach_all() */
	struct interface **at; /* by depth, so that what is below comes first */
	size_t count;
};

/*
 * Make what is attached be what is named: links that came, went or were renamed since the last time, programs
 * that were changed by somebody, and what failed and may work now. check: look also where nothing seems different.
 */
void interfaces_reconcile(struct interfaces *interfaces, bool check);

/* The named interface of that number, or NULL. */
struct interface *interfaces_find(const struct interfaces *interfaces, unsigned ifindex);

/* Whether ifindex has our program. context: struct interfaces. */
bool interfaces_is_protected(const void *context, unsigned ifindex);

/* Forget the one at index; what is attached to it is left alone. */
void interfaces_drop(struct interfaces *interfaces, size_t index);

/* Where counters are pinned; "" for nowhere. */
const char *interfaces_pin_dir(const struct interfaces *interfaces);

#endif
