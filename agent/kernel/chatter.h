/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libbpf and libxdp print: goes to the debug log, and the last complaint is kept, since their return
 * values alone ("Operation not supported") do not tell an operator what to do.
 */
#ifndef KERNEL_CHATTER_H
#define KERNEL_CHATTER_H

#define CHATTER_MAX 160

/* Route both libraries' printing. Once per process; again is harmless. */
void chatter_route(void);

/* Forget the last complaint: call before what may fail. */
void chatter_clear(void);

/* The last complaint of this thread since chatter_clear(), one line without its end; "" if there was none. */
const char *chatter_last(void);

#endif
