/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parent has given the child: listening sockets by address, addresses by name. Kept from message
 * to message, as a reload only sends what is new. One thread.
 */
#ifndef CHILD_GIVEN_H
#define CHILD_GIVEN_H

#include "http/http.h"
#include "http/pipe.h"

struct given_listener {
	char address[HTTP_ADDRESS_TEXT_MAX];
	int fds[PIPE_FDS_MAX]; /* at least one a thread */
	size_t count;
	bool is_served; /* the plane has them, and closes them */
};

struct given_name {
	char name[HTTP_NAME_ROOM];
	struct prefix address[PIPE_ADDRESSES_MAX];
	size_t count;
};

struct given {
	uint32_t threads; /* 0: not told yet */
	struct given_listener *listeners;
	size_t listener_count;
	struct given_name *names;
	size_t name_count;
};

void given_free(struct given *given); /* closes what nobody serves */

/*
 * Take what a THREADS, LISTENER or RESOLVED message brings. 0; -EPROTO if it makes no sense; -ENOMEM, -ENOSPC.
 * *ret_name is what was resolved.
 */
int given_take_threads(struct given *given, const struct pipe_message *message);
int given_take_listener(struct given *given, struct pipe_message *message);
int given_take_name(struct given *given, const struct pipe_message *message,
		    const struct given_name **ret_name);

/*
 * Sockets for every listener of the policy, from malloc, in *ret_sockets. -ENOENT if one was not given, and
 * its address in error; -ENOMEM.
 */
struct given_sockets {
	struct http_socket *at;
	size_t count;
	uint32_t threads;
};
int given_sockets(const struct given *given, const struct http_policy *http, struct buffer *error,
		  struct given_sockets *ret_sockets);

/* http has been switched to: what it serves is the plane's, what it does not is forgotten. */
void given_switch(struct given *given, const struct http_policy *http);

/* A reload was abandoned: close what came for it. */
void given_abandon(struct given *given);

/* All names, from malloc; NULL without memory (or names). */
struct http_resolved *given_names(const struct given *given);

#endif
