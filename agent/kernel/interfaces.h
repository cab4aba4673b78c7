/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interfaces are protected, and how: follows the kernel's links (libmnl), attaches to those that the
 * policy names (libxdp, attach.c), keeps them attached, and detaches what the policy no longer names.
 *
 * Programs and links outlive the agent; interfaces_free() leaves them. Logs what it does, a line each.
 */
#ifndef KERNEL_INTERFACES_H
#define KERNEL_INTERFACES_H

#include <net/if.h>
#include <stddef.h>

#include "base/loop.h"
#include "kernel/datapath.h"

#define INTERFACE_ERROR_MAX 256

/* How an interface is protected, as X(name, label, help). */
#define ATTACH_MODES(X)                                                                       \
	X(NONE, "none", "not attached")                                                       \
	X(DISPATCHER, "dispatcher", "native, behind libxdp's dispatcher, shared with others") \
	X(NATIVE, "native", "native, as the interface's only program")                        \
	X(GENERIC, "generic", "generic: after the kernel has built its packet; slower")       \
	X(COVERED, "covered", "skipped: it is stacked on an interface that is protected")

enum attach_mode {
#define ATTACH_MODE_ENUM(name, label, help) ATTACH_##name,
	ATTACH_MODES(ATTACH_MODE_ENUM)
#undef ATTACH_MODE_ENUM
		ATTACH_MODE_COUNT,
};

struct interface_status {
	char name[IF_NAMESIZE];
	unsigned ifindex;
	enum attach_mode mode;
	bool adopted;		       /* attached by an earlier agent */
	bool flags;		       /* the tc program that sets skb->mark is in place */
	char why[INTERFACE_ERROR_MAX]; /* why not attached, or why not in the best mode; "" */
	struct sl_count reasons[SL_REASON_COUNT];
};

struct interfaces;

/*
 * Start following links with loop. Nothing is attached before interfaces_apply(). A process that only detaches,
 * and calls nothing but interfaces_detach_all(), may do so without a datapath (NULL): what is ours is found by the
 * programs themselves.
 * Returns 0 and *ret_interfaces; -errno with a sentence in error.
 */
int interfaces_new(struct loop *loop, struct datapath *datapath, struct interfaces **ret_interfaces,
		   char error[static INTERFACE_ERROR_MAX]);
void interfaces_free(struct interfaces *interfaces);

/*
 * Make what is attached be what policy names: now, and for every link that comes, goes or is renamed
 * later. The policy must outlive the call only. *ret_attached (may be NULL) counts protected interfaces.
 * An interface that cannot be protected is logged, tried again when it changes and every 30 s, and does not fail
 * the others. After interfaces_detach_all() this does nothing.
 */
void interfaces_apply(struct interfaces *interfaces, const struct policy *policy,
		      size_t *ret_attached);

/* Detach every program that is ours, here and from earlier agents, and attach nothing any more. */
void interfaces_detach_all(struct interfaces *interfaces);

/* State and counters of every link the policy names, and of names that no link has yet (ifindex 0). Return false from fn to stop. */
typedef bool interface_fn(void *context, const struct interface_status *status);
void interfaces_each(const struct interfaces *interfaces, interface_fn *fn, void *context);

#endif
