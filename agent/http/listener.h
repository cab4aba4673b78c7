/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread's listening socket: accepts, and hands what it gets to conn.h. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "http/worker.h"

struct listener {
	struct pollee poll;
	struct list link; /* in worker->listeners */
	int fd;
	uint32_t number;	/* of listeners of the thread's newest policy */
	bool is_short_of_files; /* it could not accept: to be tried again */
	bool is_named;		/* while a reload goes through them */
};

/* Listen on fd, which is the listener's from now on, whatever the result. Returns 0 or -errno. */
int listener_open(struct worker *worker, int fd, uint32_t number);

/* Take what waits to be accepted at this moment. */
void listener_accept_waiting(struct worker *worker, struct listener *listener);

/* Take what still waits to be accepted, then close. */
void listener_close(struct worker *worker, struct listener *listener);

#endif
