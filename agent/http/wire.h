/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One nonblocking stream socket: what is known of its readiness, and bytes that the
 * kernel would not take yet. Used for both sides of the proxy.
 *
 * Watched edge-triggered: what wire_event() was told stays true until a call finds out
 * otherwise, so a socket is read and written without asking the kernel first.
 */
#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "http/memory.h"

struct wire {
	int fd;
	bool can_read;
	bool can_write;
	bool saw_end;	/* the peer has closed its side; what it sent before is still to be read */
	bool has_ended; /* and all of it has been read */
	bool is_broken; /* reset, or no memory for what has to wait: nothing more will go through */
	struct held out;
	uint64_t sent; /* bytes */
};

/* Take note of what epoll reported. */
void wire_event(struct wire *wire, uint32_t events);

/* Read at most room bytes. 0: nothing now; has_ended and is_broken say whether ever. */
size_t wire_read(struct wire *wire, char *at, size_t room);

/*
 * Send parts, or as much as the kernel takes, and hold the rest. Whoever sends bodies waits until nothing is
 * held, so that what waits is never more than one read. False: the wire is broken.
 */
bool wire_send(struct wire *wire, struct memory *memory, struct iovec *iov, int count);

/* Send what is held. False: the wire is broken. */
bool wire_flush(struct wire *wire, struct memory *memory);

#endif
