/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The agent's two doors: the control socket, for root and the socket's group, and the metrics listener, which
 * only reads. What is asked there is in commands.h, how one client is served in connection.h.
 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include <stdbool.h>

#include "base/loop.h"
#include "control/agent.h"

#define SERVER_CONTROL_MAX   128 /* clients of the control socket at once */
#define SERVER_METRICS_MAX   64
#define SERVER_FOLLOWERS_MAX 32 /* of them, streams: they last */
#define SERVER_DUMPS_MAX     4	/* streams of the metrics listener */
#define SERVER_GROUP	     "sluice"

#define SERVER_ERROR_MAX     256

struct server;

/* Returns 0 or -ENOMEM. control_server_free() ends every connection and removes the socket; NULL is fine. */
int control_server_new(struct loop *loop, struct agent *agent, struct server **ret_server);
void control_server_free(struct server *server);

/*
 * Listen at path, mode 0660 and group SERVER_GROUP where there is one. A socket nobody listens at is replaced, the last
 * directory of path is made. Returns 0; -EADDRINUSE where another agent answers; else -errno; error
 * is a sentence for people.
 */
int server_listen_control(struct server *server, const char *path,
			  char error[static SERVER_ERROR_MAX]);

/* Listen at "ADDRESS:PORT" or "[ADDRESS]:PORT". Returns 0, or -errno with a sentence in error. */
int server_listen_metrics(struct server *server, const char *address,
			  char error[static SERVER_ERROR_MAX]);

/*
 * For a successor, and by it (agent/handover.h). server_adopt_control() takes a socket that listens at path already,
 * server_adopt_metrics() one for metrics, as theirs if they return 0; -errno.
 * server_control_fd() and server_metrics_fd() are what they listen on; -1: not.
 */
int server_adopt_control(struct server *server, const char *path, int fd);
int server_adopt_metrics(struct server *server, int fd);
int server_control_fd(const struct server *server);
int server_metrics_fd(const struct server *server);

/* Admit nobody new for a while: clients wait in the queue. server_resume() returns 0 or -errno. */
void server_pause(struct server *server);
int server_resume(struct server *server);

/* Whether the control socket's file is removed with the server: it is, unless it has become another's. */
void server_keeps_file(struct server *server, bool keeps);

#endif
