/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child_given.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define GIVEN_LISTENERS_MAX (2 * HTTP_LISTENERS_MAX) /* those of a policy, and of the one before */
#define GIVEN_NAMES_MAX	    4096

static void close_all(struct given_listener *listener)
{
	for (size_t i = 0; i < listener->count; i++)
		close(listener->fds[i]);
	listener->count = 0;
}

void given_free(struct given *given)
{
	given_abandon(given);
	free(given->listeners);
	free(given->names);
	*given = (struct given){.listeners = NULL};
}

static struct given_listener *find_listener(const struct given *given, const char *address)
{
	for (size_t i = 0; i < given->listener_count; i++)
		if (!strcmp(given->listeners[i].address, address))
			return &given->listeners[i];
	return NULL;
}

int given_take_threads(struct given *given, const struct pipe_message *message)
{
	struct pipe_threads threads;

	memcpy(&threads, message->payload.at, sizeof(threads));
	if (given->threads || !threads.count || threads.count > HTTP_THREADS_MAX)
		return -EPROTO;
	given->threads = threads.count;
	return 0;
}

/* Fewer sockets than threads would leave some without work. */
static bool fits(const struct given *given, size_t count)
{
	return given->threads && count >= given->threads;
}

int given_take_listener(struct given *given, struct pipe_message *message)
{
	struct given_listener *listeners, *added;
	char address[HTTP_ADDRESS_TEXT_MAX] = "";

	memcpy(address, message->payload.at, message->payload.len); /* shorter by its kind's rule */
	if (strlen(address) != message->payload.len || find_listener(given, address) ||
	    !fits(given, message->fd_count))
		return -EPROTO;
	if (given->listener_count == GIVEN_LISTENERS_MAX)
		return -ENOSPC;
	listeners = reallocarray(given->listeners, given->listener_count + 1, sizeof(*listeners));
	if (!listeners)
		return -ENOMEM;
	given->listeners = listeners;
	added = &listeners[given->listener_count++];
	*added = (struct given_listener){.count = message->fd_count};
	memcpy(added->address, address, sizeof(address));
	memcpy(added->fds, message->fds, message->fd_count * sizeof(int));
	message->fd_count = 0;
	return 0;
}

static struct given_name *find_name(const struct given *given, const char *name)
{
	for (size_t i = 0; i < given->name_count; i++)
		if (!strcmp(given->names[i].name, name))
			return &given->names[i];
	return NULL;
}

static struct given_name *add_name(struct given *given)
{
	struct given_name *names;

	if (given->name_count == GIVEN_NAMES_MAX)
		return NULL;
	names = reallocarray(given->names, given->name_count + 1, sizeof(*names));
	if (!names)
		return NULL;
	given->names = names;
	names[given->name_count] = (struct given_name){.count = 0};
	return &names[given->name_count++];
}

static bool take_addresses(const struct pipe_resolved *resolved, struct given_name *name)
{
	for (size_t i = 0; i < resolved->count; i++) {
		struct prefix *to = &name->address[i];

		if (resolved->at[i].family != ADDRESS_IPV4 &&
		    resolved->at[i].family != ADDRESS_IPV6)
			return false;
		*to = (struct prefix){.family = resolved->at[i].family};
		to->bits = to->family == ADDRESS_IPV4 ? 32 : 128;
		memcpy(to->byte, resolved->at[i].address, to->bits / 8);
	}
	name->count = resolved->count;
	return true;
}

int given_take_name(struct given *given, const struct pipe_message *message,
		    const struct given_name **ret_name)
{
	struct pipe_resolved resolved;
	struct given_name taken = {.count = 0}, *slot;

	memcpy(&resolved, message->payload.at, sizeof(resolved));
	if (resolved.count > PIPE_ADDRESSES_MAX || !resolved.name[0] ||
	    !memchr(resolved.name, 0, sizeof(resolved.name)) || !take_addresses(&resolved, &taken))
		return -EPROTO;
	memcpy(taken.name, resolved.name, sizeof(taken.name));
	slot = find_name(given, taken.name);
	if (!slot)
		slot = add_name(given);
	if (!slot)
		return -ENOMEM;
	*slot = taken;
	*ret_name = slot;
	return 0;
}

static size_t count_sockets(const struct given *given)
{
	size_t count = 0;

	for (size_t i = 0; i < given->listener_count; i++)
		count += given->listeners[i].count;
	return count;
}

/* More sockets than threads, from an agent that had more: some threads have several. */
static size_t add_sockets(const struct given *given, const struct given_listener *listener,
			  uint32_t number, struct http_socket *to)
{
	for (size_t i = 0; i < listener->count; i++)
		to[i] = (struct http_socket){.fd = listener->fds[i],
					     .listener = number,
					     .thread = (uint32_t)(i % given->threads),
					     .is_new = !listener->is_served};
	return listener->count;
}

int given_sockets(const struct given *given, const struct http_policy *http, struct buffer *error,
		  struct given_sockets *ret_sockets)
{
	auto_free struct http_socket *at = calloc(count_sockets(given) + 1, sizeof(*at));
	size_t count = 0;

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < http->listener_count; i++) {
		char address[HTTP_ADDRESS_TEXT_MAX];
		const struct given_listener *listener = find_listener(
			given, http_address_format(&http->listeners[i].address, address));

		if (!listener) {
			buffer_printf(error, "no sockets were given for %s", address);
			return -ENOENT;
		}
		count += add_sockets(given, listener, (uint32_t)i, at + count);
	}
	*ret_sockets = (struct given_sockets){take_ptr(at), count, given->threads};
	return 0;
}

static bool is_in(const struct http_policy *http, const char *address)
{
	char text[HTTP_ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < http->listener_count; i++)
		if (!strcmp(http_address_format(&http->listeners[i].address, text), address))
			return true;
	return false;
}

void given_switch(struct given *given, const struct http_policy *http)
{
	size_t kept = 0;

	for (size_t i = 0; i < given->listener_count; i++) {
		struct given_listener *listener = &given->listeners[i];

		if (is_in(http, listener->address)) {
			listener->is_served = true;
			given->listeners[kept++] = *listener;
		} else if (!listener->is_served) {
			close_all(listener);
		}
	}
	given->listener_count = kept;
}

void given_abandon(struct given *given)
{
	size_t kept = 0;

	for (size_t i = 0; i < given->listener_count; i++) {
		if (given->listeners[i].is_served)
			given->listeners[kept++] = given->listeners[i];
		else
			close_all(&given->listeners[i]);
	}
	given->listener_count = kept;
}

struct http_resolved *given_names(const struct given *given)
{
	struct http_resolved *resolved = calloc(given->name_count + 1, sizeof(*resolved));

	for (size_t i = 0; resolved && i < given->name_count; i++)
		resolved[i] = (struct http_resolved){.name = given->names[i].name,
						     .address = given->names[i].address,
						     .count = given->names[i].count};
	return resolved;
}
