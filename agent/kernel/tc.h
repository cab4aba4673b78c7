/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tc program that copies a flag into skb->mark (bpf/flag.bpf.c) on one interface: a filter at a priority and
 * handle of its own below a clsact qdisc, which is used as it is if there is one already.
 *
 * Like the XDP program it outlives the agent. Single-threaded.
 */
#ifndef KERNEL_TC_H
#define KERNEL_TC_H

#include <stddef.h>

#define TC_ERROR_MAX 256

/* The loaded program, for any number of interfaces. */
struct tc_flag;

/* Returns 0 and *ret_flag; -errno with a sentence in error. Freed with tc_flag_free(), which detaches nothing. */
int tc_flag_new(struct tc_flag **ret_flag, char error[static TC_ERROR_MAX]);
void tc_flag_free(struct tc_flag *flag);

/*
 * See that the program is on ifindex; one of an earlier agent is kept, or replaced in one step if it is another
 * program. Returns 0; -EEXIST if something else has our place; -errno. error as above.
 */
int tc_flag_attach(const struct tc_flag *flag, unsigned ifindex, char error[static TC_ERROR_MAX]);

/*
 * Remove our filter, by whichever agent, and the qdisc if we made it and nothing else is in it. Returns 1 if
 * there was one, 0 if not, or -errno; error as above.
 */
int tc_flag_detach(unsigned ifindex, char error[static TC_ERROR_MAX]);

/*
 * Let an accepted socket carry the mark of its SYN (net.ipv4.tcp_fwmark_accept of this namespace). Never switched off
 * again: others may count on it, too. Logs what fails.
 */
void tc_accept_marks(void);

#endif
