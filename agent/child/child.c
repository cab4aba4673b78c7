/* SPDX-License-Identifier: BSD-2-Clause */
#include "child/child.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/loop.h"
#include "child/child_ask.h"
#include "child/child_bans.h"
#include "child/child_given.h"
#include "child/child_policy.h"
#include "child/child_say.h"
#include "http/http.h"
#include "http/memory.h"
#include "http/pipe.h"

#define PATIENCE_MS 30000 /* for the parent's first messages; it has begun to send when we start */
#define ERROR_MAX   1024
/*
 * A thread's heap is made usable page by page as it grows, with a system call for every third response stored; one
 * heap, 64 MiB, is made so at once if this is nearly its size. Pages are still taken only when they are written.
 */
#define HEAP_PAD (60 << 20)
#define HEAP_LARGE \
	(2 * BLOCK_MAX) /* it no longer learns itself what comes and goes too often for a mapping */

struct child {
	struct given given;
	struct policy *prepared; /* between PREPARE and SWITCH or ABANDON */
	struct key_file *keys;	 /* its API keys; NULL: none */
	struct given_sockets sockets;
	int log_fd; /* what came and is not the plane's yet; -1: none */
	bool joins_table;
	int table_fd; /* of counts; -1: it has not come, or the plane has mapped it */
	bool switched;
	bool is_confined;

	struct http *http; /* NULL until the first SWITCH */
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_watch *ended_watch;
	pthread_t joiner;
	int ended_fd; /* the plane's threads have ended */
	bool drains;
	uint64_t drain_ns; /* of the policy in force: how long to drain when the parent is gone */
	struct pipe_buffer buffer;
};

/* ---- A policy ------------------------------------------------------------------------- */

static int prepare(struct child *child, const struct pipe_message *message, struct buffer *error)
{
	struct policy *policy = NULL;
	int err = child_policy_read(message->fds[0], &policy, error);

	if (!err)
		err = child_policy_admit(policy->http, &child->is_confined, error);
	if (!err && message->fd_count > 1)
		err = child_keys_read(message->fds[1], &child->keys, error);
	if (!err)
		err = given_sockets(&child->given, policy->http, error, &child->sockets);
	if (err)
		policy_free(policy);
	else
		child->prepared = policy;
	return err;
}

static void abandon(struct child *child)
{
	policy_free(child->prepared);
	child->prepared = NULL;
	key_file_free(child->keys);
	child->keys = NULL;
	free(child->sockets.at);
	child->sockets.at = NULL;
	given_abandon(&child->given);
}

static int take_prepare(struct child *child, const struct pipe_message *message)
{
	auto_buffer struct buffer error = buffer_new(ERROR_MAX);
	int err;

	if (child->prepared || (!child->http && child->table_fd < 0))
		return -EPROTO;
	err = prepare(child, message, &error);
	if (!err)
		return child_say(PIPE_PREPARED, BYTES(""));
	abandon(child);
	if (!error.len)
		buffer_add_text(&error, strerror(-err));
	return child_say(PIPE_REFUSED, (struct bytes){error.at, error.len});
}

/* Hand what was prepared to start, http_start() or http_reload(), which own policy and sockets from then on. */
static int hand_over(struct child *child)
{
	auto_free struct http_resolved *names = given_names(&child->given);
	struct policy *policy = child->prepared;
	auto_free struct http_socket *sockets = child->sockets.at;
	struct http_child what = {.policy = policy,
				  .keys = take_ptr(child->keys),
				  .sockets = sockets,
				  .socket_count = child->sockets.count,
				  .resolved = names,
				  .resolved_count = names ? child->given.name_count : 0,
				  .threads = child->sockets.threads,
				  .log_fd = -1,
				  .table_fd = child->table_fd,
				  .joins_table = child->joins_table,
				  .offended = child_ask_ban};
	int err;

	child->prepared = NULL;
	child->sockets.at = NULL;
	child->drain_ns = policy->http->timeouts.drain_ns;
	/* The plane closes them from now on, whatever comes of it. */
	given_switch(&child->given, policy->http);
	if (child->http)
		return http_reload(child->http, &what);
	what.log_fd = take_fd(child->log_fd);
	err = http_start(&what, &child->http);
	close(take_fd(child->table_fd)); /* the plane has it mapped */
	return err;
}

static int take_switch(struct child *child)
{
	if (!child->prepared)
		return -EPROTO;
	child->switched = true;
	return child->http ? hand_over(child) : 0; /* the first is start()'s */
}

/* ---- The parent's other messages -------------------------------------------------------- */

static void take_log(struct child *child, struct pipe_message *message)
{
	int fd = message->fd_count ? take_fd(message->fds[0]) : -1;

	if (child->http) {
		http_reopen_log(child->http, fd);
		return;
	}
	if (child->log_fd >= 0)
		close(child->log_fd);
	child->log_fd = fd;
}

static int take_table(struct child *child, struct pipe_message *message)
{
	struct pipe_table what;

	memcpy(&what, message->payload.at, sizeof(what));
	if (child->http || child->table_fd >= 0 || what.joins > 1)
		return -EPROTO;
	child->joins_table = what.joins;
	child->table_fd = take_fd(message->fds[0]);
	return 0;
}

static int take_resolved(struct child *child, const struct pipe_message *message)
{
	const struct given_name *name;
	int err = given_take_name(&child->given, message, &name);

	if (!err && child->http)
		http_resolve(child->http, &(struct http_resolved){.name = name->name,
								  .address = name->address,
								  .count = name->count});
	return err;
}

static void *join_plane(void *context)
{
	struct child *child = context;
	const uint64_t one = 1;

	http_join(child->http);
	(void)!write(child->ended_fd, &one,
		     sizeof(one)); /* cannot fail: the counter is far from full */
	return NULL;
}

static void drain(struct child *child, uint64_t within_ns)
{
	if (child->drains)
		return;
	child->drains = true;
	if (within_ns > DURATION_MAX_NS)
		within_ns = DURATION_MAX_NS;
	http_drain(child->http, clock_now_ns() + within_ns);
	if (pthread_create(&child->joiner, NULL, join_plane, child)) {
		log_error("http: no thread to wait with; ending at once");
		http_stop(child->http);
		http_join(child->http);
		loop_stop(child->loop);
	}
}

static int take_drain(struct child *child, const struct pipe_message *message)
{
	struct pipe_drain payload;

	memcpy(&payload, message->payload.at, sizeof(payload));
	if (!child->http)
		return -EPROTO;
	drain(child, payload.within_ns);
	return 0;
}

static int take(struct child *child, struct pipe_message *message)
{
	switch (message->kind) {
	case PIPE_THREADS:
		return given_take_threads(&child->given, message);
	case PIPE_LISTENER:
		return given_take_listener(&child->given, message);
	case PIPE_RESOLVED:
		return take_resolved(child, message);
	case PIPE_TABLE:
		return take_table(child, message);
	case PIPE_LOG:
		take_log(child, message);
		return 0;
	case PIPE_PREPARE:
		return take_prepare(child, message);
	case PIPE_SWITCH:
		return take_switch(child);
	case PIPE_ABANDON:
		abandon(child);
		return 0;
	case PIPE_BANNED:
		return child_take_banned(child->http, message);
	case PIPE_ASK:
		return child_ask(child->http, message);
	case PIPE_DRAIN:
		return take_drain(child, message);
	case PIPE_HELLO:
	case PIPE_READY:
	case PIPE_PREPARED:
	case PIPE_REFUSED:
	case PIPE_ANSWER:
	case PIPE_BAN:
	case PIPE_KIND_COUNT:
		break;
	}
	return -EPROTO;
}

/* One message, if there is one. Returns 0; -EAGAIN; -EPIPE; or what makes it impossible to go on. */
static int take_next(struct child *child)
{
	struct pipe_message message;
	int err = pipe_receive(CHILD_FD, PIPE_SENDER_PARENT, &child->buffer, &message);

	if (err)
		return err;
	err = take(child, &message);
	pipe_close_fds(&message);
	if (err)
		log_error("http: the agent's %s message: %s", pipe_kind_name(message.kind),
			  strerror(-err));
	return err;
}

/* ---- Start, service, end ------------------------------------------------------------------- */

/* Until the first SWITCH. The parent may have nothing more to say after a refusal: it closes. */
static int wait_for_switch(struct child *child)
{
	const uint64_t until_ns = clock_now_ns() + PATIENCE_MS * NS_PER_MS;

	while (!child->switched) {
		struct pollfd ready = {.fd = CHILD_FD, .events = POLLIN};
		uint64_t now_ns = clock_now_ns();
		int err;

		if (now_ns >= until_ns ||
		    poll(&ready, 1, (int)((until_ns - now_ns) / NS_PER_MS + 1)) < 0)
			return -ETIMEDOUT;
		err = take_next(child);
		if (err && err != -EAGAIN)
			return err;
	}
	return 0;
}

static void parent_ready(void *context, uint32_t events)
{
	struct child *child = context;
	int err;

	do
		err = take_next(child);
	while (!err);
	if (err == -EAGAIN)
		return;
	if (err != -EPIPE && err != -ECONNRESET)
		log_error("http: %s; draining", strerror(-err));
	loop_unwatch(child->watch);
	child->watch = NULL;
	drain(child, child->drain_ns);
}

static void plane_ended(void *context, uint32_t events)
{
	struct child *child = context;

	pthread_join(child->joiner, NULL);
	loop_stop(child->loop);
}

static int make_loop(struct child *child)
{
	int err = loop_new(&child->loop);

	if (err)
		return err;
	child->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (child->ended_fd < 0)
		return -errno;
	err = loop_watch(child->loop, child->ended_fd, EPOLLIN, plane_ended, child,
			 &child->ended_watch);
	if (!err)
		err = loop_watch(child->loop, CHILD_FD, EPOLLIN, parent_ready, child,
				 &child->watch);
	return err;
}

static int start(struct child *child)
{
	int err = child_say(PIPE_HELLO, BYTES(""));

	if (!err)
		err = wait_for_switch(child);
	if (err == -EPIPE) /* the parent thought better of it, and has said why */
		return err;
	if (err) {
		log_error("http: waiting for the agent's policy: %s", strerror(-err));
		return err;
	}
	err = hand_over(child);
	if (!err)
		err = make_loop(child);
	if (!err)
		err = child_say(PIPE_READY, BYTES(""));
	if (err)
		log_error("http: cannot start: %s", strerror(-err));
	return err;
}

int child_main(void)
{
	struct child *child;

	(void)mallopt(M_TOP_PAD, HEAP_PAD); /* only slower without */
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_LARGE);
	child = calloc(1, sizeof(*child));
	/* The terminal's ^C is for the parent, which drains us. */
	(void)signal(SIGINT, SIG_IGN); /* fail for bad signals only */
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	if (!child || !child_has_parent()) {
		log_error("http: this is started by sluiced itself, not by hand");
		return 1;
	}
	child->log_fd = -1;
	child->table_fd = -1;
	child->ended_fd = -1;
	if (start(child))
		return 1;
	if (loop_run(child->loop))
		return 1;
	given_free(&child->given);
	loop_free(child->loop);
	free(child);
	return 0;
}
