/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the agent and its HTTP child: reloads, questions, and bans that the child asks for. */
#ifndef HTTP_PLANE_H
#define HTTP_PLANE_H

#include <stdbool.h>

#include "control/agent.h"
#include "handover.h"

struct http_plane;

/*
 * An HTTP plane that agent reloads from now on; it starts with the first policy that has http. drained is called
 * when what http_plane_drain() began has ended, or when a policy without http took the place of one with it.
 * Returns 0 or -errno.
 */
int http_plane_new(struct agent *agent, const char *log_level, void (*drained)(void *context),
		   void *context, struct http_plane **ret_plane);
void http_plane_free(struct http_plane *plane); /* NULL is fine */

/* Finish what runs, accept nothing more. False: nothing runs, and drained is not called. */
bool http_plane_drain(struct http_plane *plane);

/* Save the counts of limits for an agent that takes this one's place, while this one still serves. */
void http_plane_save_counts(struct http_plane *plane);

void http_plane_reopen_log(struct http_plane *plane);

/*
 * For a successor, and by it: add the listeners to what is handed over; take those that were, which are then shared
 * with the other agent until http_plane_share() says otherwise: whose they are not leaves the files of Unix sockets
 * alone. Return 0 or -errno.
 */
int http_plane_give(const struct http_plane *plane, struct handover *handover);
int http_plane_take(struct http_plane *plane, struct handover *handover);
void http_plane_share(struct http_plane *plane, bool is_shared);

#endif
