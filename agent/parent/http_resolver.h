/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of upstreams' host names: asked for again and again by a helper process, as the system's resolver
 * blocks and its libraries read what strangers answer. A name that cannot be resolved keeps its last good answer.
 */
#ifndef HTTP_RESOLVER_H
#define HTTP_RESOLVER_H

#include "base/loop.h"
#include "http/pipe.h"

struct resolver;

/* The addresses of a name have changed. */
typedef void resolver_changed_fn(void *context, const struct pipe_resolved *resolved);

/* Returns 0, -ENOMEM or -errno. */
int resolver_new(struct loop *loop, resolver_changed_fn *changed, void *context,
		 struct resolver **ret_resolver);
void resolver_free(struct resolver *resolver); /* NULL is fine */

/* Whether one of the names' addresses lies in prefix, as far as they are known. */
bool resolver_has_in(const struct resolver *resolver, const struct prefix *prefix);

/*
 * Look after the names of http's upstreams, beside those of before, and wait up to within_ns for first answers to
 * new ones. http may be NULL: no names. Returns 0 or -ENOMEM.
 */
int resolver_prepare(struct resolver *resolver, const struct http_policy *http, uint64_t within_ns);

/*
 * From now on only the names last prepared, which are asked for again; or, if those are not to be, only those
 * before.
 */
void resolver_commit(struct resolver *resolver);
void resolver_abandon(struct resolver *resolver);

/* Send a child all that is known. Returns 0 or -errno. */
int resolver_send(const struct resolver *resolver, int pipe_fd);

#endif
