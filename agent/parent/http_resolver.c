/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_resolver.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/privileges.h"

#define REFRESH_NS (10 * NS_PER_SEC)
/* The C library gives a dead name server 10 seconds; three of them: */
#define HELPER_PATIENCE_NS (30 * NS_PER_SEC)
#define HELPER_FD	   3

struct name {
	struct pipe_resolved known; /* count 0: nothing yet */
	bool is_wanted;		    /* by the policy last prepared */
	bool is_new;
};

struct resolver {
	struct loop *loop;
	resolver_changed_fn *changed;
	void *context;
	struct name *names;
	size_t count;
	size_t round; /* each begins with another name: one whose servers hang must not keep the rest waiting */
	struct loop_timer *timer;

	pid_t helper; /* 0: none */
	uint64_t helper_until_ns;
	int fd; /* what it answers on; -1 without */
	struct loop_watch *watch;
	struct pipe_buffer buffer;
};

/* ---- The helper ------------------------------------------------------------------------ */

static bool add_address(const struct addrinfo *found, struct pipe_resolved *resolved)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)found->ai_addr;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)found->ai_addr;
	uint8_t *to = resolved->at[resolved->count].address;

	if (resolved->count == PIPE_ADDRESSES_MAX)
		return false;
	if (found->ai_family == AF_INET)
		memcpy(to, &ipv4->sin_addr, 4);
	else if (found->ai_family == AF_INET6)
		memcpy(to, &ipv6->sin6_addr, 16);
	else
		return true;
	resolved->at[resolved->count++].family =
		found->ai_family == AF_INET ? ADDRESS_IPV4 : ADDRESS_IPV6;
	return true;
}

/* One name; what cannot be resolved is not answered. */
static void look_up(const char *name)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct pipe_resolved resolved = {.count = 0};
	struct pipe_message message = {.kind = PIPE_RESOLVED,
				       .payload = {(const char *)&resolved, sizeof(resolved)}};
	struct addrinfo *found = NULL;

	if (getaddrinfo(name, NULL, &hints, &found))
		return;
	(void)snprintf(resolved.name, sizeof(resolved.name), "%s", name);
	for (const struct addrinfo *at = found; at && add_address(at, &resolved); at = at->ai_next)
		;
	freeaddrinfo(found);
	(void)pipe_send_patiently(HELPER_FD, &message); /* the parent is gone, or asks again */
}

/* Forked: has the parent's memory, and nothing else of it. */
static void __attribute__((noreturn)) help(const struct resolver *resolver, int fd)
{
	if (privileges_become_nobody() || dup2(fd, HELPER_FD) < 0 ||
	    close_range(HELPER_FD + 1, ~0u, 0))
		_exit(1);
	/* After the change of user, which forgets it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* fails for bad signals only */
	for (size_t i = 0; i < resolver->count; i++)
		look_up(resolver->names[(resolver->round + i) % resolver->count].known.name);
	_exit(0);
}

/* ---- Its answers --------------------------------------------------------------------------- */

static struct name *find(const struct resolver *resolver, const char *text)
{
	for (size_t i = 0; i < resolver->count; i++)
		if (!strcmp(resolver->names[i].known.name, text))
			return &resolver->names[i];
	return NULL;
}

static void take_answer(struct resolver *resolver, const struct pipe_message *message)
{
	struct pipe_resolved resolved;
	struct name *name;

	if (message->kind != PIPE_RESOLVED)
		return;
	memcpy(&resolved, message->payload.at, sizeof(resolved));
	name = memchr(resolved.name, 0, sizeof(resolved.name)) ? find(resolver, resolved.name)
							       : NULL;
	if (!name || !resolved.count || resolved.count > PIPE_ADDRESSES_MAX ||
	    !memcmp(&name->known, &resolved, sizeof(resolved)))
		return;
	name->known = resolved;
	resolver->changed(resolver->context, &resolved);
}

static void end_helper(struct resolver *resolver)
{
	auto_lower_kill bool raised = privileges_raise_kill();

	if (!resolver->helper)
		return;
	loop_unwatch(resolver->watch);
	resolver->watch = NULL;
	close(resolver->fd);
	resolver->fd = -1;
	(void)kill(resolver->helper, SIGKILL); /* it has ended by itself, or hangs */
	(void)waitpid(resolver->helper, NULL, 0);
	resolver->helper = 0;
}

static void warn_of_unknown(const struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->count; i++)
		if (!resolver->names[i].known.count)
			log_warning("http: upstream %s cannot be resolved; its requests get 502 "
				    "until it can",
				    resolver->names[i].known.name);
}

static void helper_ready(void *context, uint32_t events)
{
	struct resolver *resolver = context;
	struct pipe_message message;
	int err;

	while (!(err = pipe_receive(resolver->fd, PIPE_SENDER_PARENT, &resolver->buffer, &message)))
		take_answer(resolver, &message);
	if (err == -EAGAIN)
		return;
	end_helper(resolver);
	warn_of_unknown(resolver);
}

static int start_helper(struct resolver *resolver)
{
	auto_close int theirs = -1;
	int pair[2], err;

	end_helper(resolver);
	if (!resolver->count)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	resolver->fd = pair[0];
	theirs = pair[1];
	resolver->round++;
	resolver->helper_until_ns = clock_now_ns() + HELPER_PATIENCE_NS;
	resolver->helper = fork();
	if (!resolver->helper)
		help(resolver, theirs);
	if (resolver->helper < 0) {
		err = -errno;
		resolver->helper = 0;
		close(take_fd(resolver->fd));
		return err;
	}
	err = loop_watch(resolver->loop, resolver->fd, EPOLLIN, helper_ready, resolver,
			 &resolver->watch);
	if (err)
		end_helper(resolver);
	return err;
}

static void refresh(void *context, uint64_t now_ns)
{
	struct resolver *resolver = context;
	int err;

	if (resolver->helper && now_ns < resolver->helper_until_ns)
		return;
	err = start_helper(resolver);
	if (err)
		log_warning("http: resolving upstreams: %s; the last answers stay in use",
			    strerror(-err));
}

/* ---- Names ------------------------------------------------------------------------------------ */

int resolver_new(struct loop *loop, resolver_changed_fn *changed, void *context,
		 struct resolver **ret_resolver)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int err;

	if (!resolver)
		return -ENOMEM;
	resolver->loop = loop;
	resolver->changed = changed;
	resolver->context = context;
	resolver->fd = -1;
	err = loop_at(loop, clock_now_ns() + REFRESH_NS, REFRESH_NS, refresh, resolver,
		      &resolver->timer);
	if (err) {
		free(resolver);
		return err;
	}
	*ret_resolver = resolver;
	return 0;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	end_helper(resolver);
	loop_cancel(resolver->timer);
	free(resolver->names);
	free(resolver);
}

static bool has_in(const struct pipe_resolved *known, const struct prefix *prefix)
{
	for (uint32_t i = 0; i < known->count; i++) {
		struct prefix address = {.family = known->at[i].family,
					 .bits = known->at[i].family == ADDRESS_IPV4 ? 32 : 128};

		memcpy(address.byte, known->at[i].address, address.bits / 8);
		if (prefix_covers(prefix, &address))
			return true;
	}
	return false;
}

bool resolver_has_in(const struct resolver *resolver, const struct prefix *prefix)
{
	for (size_t i = 0; i < resolver->count; i++)
		if (has_in(&resolver->names[i].known, prefix))
			return true;
	return false;
}

static int want(struct resolver *resolver, const char *text)
{
	struct name *known = find(resolver, text), *names;

	if (known) {
		known->is_wanted = true;
		return 0;
	}
	names = reallocarray(resolver->names, resolver->count + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	resolver->names = names;
	known = &names[resolver->count++];
	*known = (struct name){.is_new = true, .is_wanted = true};
	(void)snprintf(known->known.name, sizeof(known->known.name), "%s", text);
	return 0;
}

static int want_servers(struct resolver *resolver, const struct http_upstream *upstream)
{
	int err = 0;

	for (size_t i = 0; i < upstream->server_count && !err; i++)
		if (upstream->servers[i].kind == HTTP_ADDRESS_NAME)
			err = want(resolver, upstream->servers[i].name);
	return err;
}

static bool lacks_answers(const struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->count; i++)
		if (!resolver->names[i].known.count)
			return true;
	return false;
}

static void wait_for_answers(struct resolver *resolver, uint64_t within_ns)
{
	const uint64_t until_ns = clock_now_ns() + within_ns;

	while (resolver->helper && lacks_answers(resolver)) {
		struct pollfd ready = {.fd = resolver->fd, .events = POLLIN};
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= until_ns ||
		    poll(&ready, 1, (int)((until_ns - now_ns) / NS_PER_MS + 1)) < 0)
			return;
		helper_ready(resolver, POLLIN);
	}
}

int resolver_prepare(struct resolver *resolver, const struct http_policy *http, uint64_t within_ns)
{
	int err = 0;

	for (size_t i = 0; i < resolver->count; i++)
		resolver->names[i].is_wanted = false;
	for (size_t i = 0; http && i < http->upstream_count && !err; i++)
		err = want_servers(resolver, &http->upstreams[i]);
	if (err || !lacks_answers(resolver))
		return err;
	err = start_helper(resolver);
	if (!err)
		wait_for_answers(resolver, within_ns);
	return err;
}

static void keep(struct resolver *resolver, bool (*keeps)(const struct name *name))
{
	size_t kept = 0;

	for (size_t i = 0; i < resolver->count; i++)
		if (keeps(&resolver->names[i]))
			resolver->names[kept++] = resolver->names[i];
	resolver->count = kept;
	for (size_t i = 0; i < kept; i++)
		resolver->names[i].is_new = false;
}

static bool is_wanted(const struct name *name)
{
	return name->is_wanted;
}

static bool is_old(const struct name *name)
{
	return !name->is_new;
}

void resolver_commit(struct resolver *resolver)
{
	keep(resolver, is_wanted);
	/* Whoever changes a name's address and reloads expects to see it. */
	refresh(resolver, clock_now_ns());
}

void resolver_abandon(struct resolver *resolver)
{
	keep(resolver, is_old);
}

int resolver_send(const struct resolver *resolver, int pipe_fd)
{
	int err = 0;

	for (size_t i = 0; i < resolver->count && !err; i++) {
		struct pipe_message message = {
			.kind = PIPE_RESOLVED,
			.payload = {(const char *)&resolver->names[i].known,
				    sizeof(resolver->names[i].known)},
		};

		if (resolver->names[i].known.count)
			err = pipe_send_patiently(pipe_fd, &message);
	}
	return err;
}
