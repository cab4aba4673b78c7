/* SPDX-License-Identifier: BSD-2-Clause */
/* One agent's life as serve.c, serve_policy.c and succession.c share it. */
#ifndef SERVICE_H
#define SERVICE_H

#include "base/loop.h"
#include "control/agent.h"
#include "control/server.h"
#include "handover.h"
#include "http_plane.h"
#include "options.h"

struct service {
	const struct options *options;
	struct loop *loop;
	struct agent *agent;
	struct server *server;
	struct http_plane *http;
	struct giver *giver;
	struct giver_events giver_events;
	struct taker taker;		 /* while starting; fd -1: nobody is taken over from */
	struct loop_timer *resume_timer; /* while the datapath is not ours again */
	bool ending;
	bool has_left; /* a successor serves */
	int signal_fd;
	struct loop_watch *signal_watch;
	struct loop_timer *watchdog;
};

/* ---- serve_policy.c ---- */

/* The first policy: *ret_attached interfaces are protected. Returns 0, or -errno after saying why. */
int service_load_first(struct service *service, size_t *ret_attached);

/* The same file again; one that does not load changes nothing. Says what came of it. */
void service_reload(struct service *service);

/*
 * Whether the policy can be read, without loading it. Returns 0, or -errno after saying why, and that nothing was
 * taken over.
 */
int service_read_ahead(const struct service *service);

/* ---- succession.c ---- */

/* Take the sockets of the agent that runs, if one does, and have it let go. Returns 0, or -errno after saying why. */
int succession_take_over(struct service *service);

/* Everything is served: the other one ends. Returns 0, also without another, or -errno after saying why. */
int succession_end(struct service *service);

/* Be ready to be taken over from. */
void succession_wait(struct service *service);

#endif
