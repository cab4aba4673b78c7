/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink messages -> struct link. Pure: no sockets. Every attribute is checked before it is read.
 */
#ifndef KERNEL_LINK_MESSAGE_H
#define KERNEL_LINK_MESSAGE_H

#include <stdbool.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "kernel/links.h"

/*
 * Returns whether message (RTM_NEWLINK or RTM_DELLINK) tells of a link, and *ret_link with serial and revision 0.
 * False also for what a bridge tells of its ports: those come in a family of their own and say less.
 */
bool link_read(const struct nlmsghdr *message, struct link *ret_link);

/* The kernel's sentence in an NLMSG_ERROR message (NETLINK_EXT_ACK), which it points into; NULL if it has none. */
const char *link_error_text(const struct nlmsghdr *message);

#endif
