/* SPDX-License-Identifier: BSD-2-Clause */
/* The child as a process: what it says, how it begins, that it is started again. */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "parent/http_parent_private.h"

#define PATIENCE_NS \
	(20 * NS_PER_SEC) /* for the child's word: it may have a million prefixes to read */
#define RESTART_MIN_NS (100 * NS_PER_MS)
#define RESTART_MAX_NS (5 * NS_PER_SEC)
#define SETTLED_NS \
	(10 * NS_PER_SEC) /* a child that lived so long begins anew with the shortest wait */

/* A child that never stops speaking must not keep the loop from others. */
#define MESSAGES_AT_ONCE 64

/* ---- The child's messages -------------------------------------------------------------- */

static bool is_sane(const struct pipe_ban *ban)
{
	return (ban->family == ADDRESS_IPV4 || ban->family == ADDRESS_IPV6) &&
	       ban->reason < PIPE_BAN_REASON_COUNT;
}

static void take_ban(const struct http_parent *parent, const struct pipe_message *message)
{
	struct pipe_ban ban;

	memcpy(&ban, message->payload.at, sizeof(ban));
	if (is_sane(&ban) && parent->events->ban)
		parent->events->ban(parent->events->context, &ban);
}

/*
 * The next message but bans and answers, which are dealt with. Returns 0; -EAGAIN; -EPIPE; -EPROTO. The payload lives until
 * the next call.
 */
static int next_message(struct http_parent *parent, struct pipe_message *ret_message)
{
	for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
		int err = pipe_receive(parent->child.pipe_fd, PIPE_SENDER_CHILD, &parent->buffer,
				       ret_message);

		if (err)
			return err;
		if (ret_message->kind == PIPE_BAN)
			take_ban(parent, ret_message);
		else if (ret_message->kind == PIPE_ANSWER)
			http_asks_take(parent->asks, ret_message);
		else
			return 0;
	}
	return -EAGAIN;
}

/* The next message but bans and answers, which are dealt with, by until_ns. 0; -ETIMEDOUT; -EPIPE; -EPROTO. */
static int wait_message(struct http_parent *parent, uint64_t until_ns,
			struct pipe_message *ret_message)
{
	int err;

	while ((err = next_message(parent, ret_message)) == -EAGAIN) {
		struct pollfd ready = {.fd = parent->child.pipe_fd, .events = POLLIN};
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= until_ns ||
		    poll(&ready, 1, (int)((until_ns - now_ns) / NS_PER_MS + 1)) < 0)
			return -ETIMEDOUT;
	}
	return err;
}

/* Wait for one word. A refusal's text goes to error, and -EINVAL comes back. */
static int wait_word(struct http_parent *parent, enum pipe_kind word, struct buffer *error)
{
	const uint64_t until_ns = clock_now_ns() + PATIENCE_NS;
	struct pipe_message message;
	int err = wait_message(parent, until_ns, &message);

	if (err) {
		buffer_printf(error, "http: the child did not say %s: %s", pipe_kind_name(word),
			      err == -EPIPE || err == -ECONNRESET ? "it ended; see the log"
								  : strerror(-err));
		return err;
	}
	if (message.kind == word)
		return 0;
	if (message.kind != PIPE_REFUSED)
		return -EPROTO;
	buffer_add_text(error, "http: ");
	buffer_add(error, message.payload);
	return -EINVAL;
}

/* ---- The child's life -------------------------------------------------------------------- */

void parent_end_child(struct http_parent *parent, char *out, size_t size)
{
	loop_unwatch(parent->pid_watch);
	loop_unwatch(parent->pipe_watch);
	parent->pid_watch = NULL;
	parent->pipe_watch = NULL;
	http_process_end(&parent->child, out, size);
	http_asks_end(parent->asks);
	parent->serves = false;
}

int parent_say(const struct http_parent *parent, enum pipe_kind kind)
{
	struct pipe_message message = {.kind = kind};

	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

int parent_send_fd(const struct http_parent *parent, enum pipe_kind kind, int fd)
{
	struct pipe_message message = {.kind = kind, .fds = {fd}, .fd_count = fd >= 0};

	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

static void child_ended(void *context, uint32_t events)
{
	struct http_parent *parent = context;
	bool was_draining = parent->draining;
	pid_t pid = parent->child.pid;
	char how[64];

	parent_end_child(parent, how, sizeof(how));
	if (was_draining) {
		log_info("http: child %d drained: %s", pid, how);
		parent->draining = false;
		parent->events->drained(parent->events->context);
		return;
	}
	log_error("http: child %d ended: %s", pid, how);
	parent_restart_later(parent);
}

/* Between reloads the child speaks of bans and answers questions. If it says anything else, it is not itself. */
static void child_speaks(void *context, uint32_t events)
{
	struct http_parent *parent = context;
	struct pipe_message message;
	int err = next_message(parent, &message);

	if (err == -EAGAIN)
		return;
	/* Of an end the process's own descriptor tells more. */
	loop_unwatch(parent->pipe_watch);
	parent->pipe_watch = NULL;
	if (err == -EPIPE || err == -ECONNRESET)
		return;
	log_error("http: child %d breaks the protocol; it is ended", parent->child.pid);
	child_ended(parent, 0);
}

static int watch_child(struct http_parent *parent)
{
	int err = loop_watch(parent->loop, parent->child.pid_fd, EPOLLIN, child_ended, parent,
			     &parent->pid_watch);

	if (!err)
		err = loop_watch(parent->loop, parent->child.pipe_fd, EPOLLIN, child_speaks, parent,
				 &parent->pipe_watch);
	return err;
}

static int send_policy(const struct http_parent *parent, const struct http_config *config)
{
	const struct pipe_message message = {.kind = PIPE_PREPARE,
					     .fds = {config->policy_fd, config->keys_fd},
					     .fd_count = 1 + (config->keys_fd >= 0)};

	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

/* Only the first child joins: the next one is there because that is dead. */
static int send_table(struct http_parent *parent)
{
	const struct pipe_table what = {.joins = parent->table.is_shared};
	const struct pipe_message message = {.kind = PIPE_TABLE,
					     .payload = {(const char *)&what, sizeof(what)},
					     .fds = {parent->table.fd},
					     .fd_count = 1};

	parent->table.is_shared = false;
	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

/* What a child needs to know of config, and its word that it can serve it. */
int parent_offer(struct http_parent *parent, const struct http_config *config, struct buffer *error)
{
	const bool is_running = parent->serves;
	int err = 0;

	/* A running child writes to the log it has until commit, and counts where it counts. */
	if (!is_running)
		err = send_table(parent);
	if (!err && !is_running)
		err = parent_send_fd(parent, PIPE_LOG, config->log_fd);
	if (!err)
		err = listeners_send(&parent->listeners, is_running, parent->child.pipe_fd);
	if (!err)
		err = resolver_send(parent->resolver, parent->child.pipe_fd);
	if (!err)
		err = send_policy(parent, config);
	if (err) {
		buffer_printf(error, "http: telling the child: %s", strerror(-err));
		return err;
	}
	return wait_word(parent, PIPE_PREPARED, error);
}

/* A new child, up to PREPARED; ended again if it does not come so far. */
int parent_start_child(struct http_parent *parent, const struct http_config *config,
		       struct buffer *error)
{
	char how[64];
	int err = http_process_start(parent->program_fd, parent->log_level, &parent->child);

	if (err) {
		buffer_printf(error, "http: starting the child: %s", strerror(-err));
		return err;
	}
	parent->started_ns = clock_now_ns();
	err = wait_word(parent, PIPE_HELLO, error);
	if (!err)
		err = parent_offer(parent, config, error);
	if (err)
		parent_end_child(parent, how, sizeof(how));
	return err;
}

/* From PREPARED to serving. */
int parent_let_serve(struct http_parent *parent, struct buffer *error)
{
	char how[64];
	int err = parent_say(parent, PIPE_SWITCH);

	if (!err)
		err = wait_word(parent, PIPE_READY, error);
	if (!err)
		err = watch_child(parent);
	if (err) {
		parent_end_child(parent, how, sizeof(how));
		return err;
	}
	parent->serves = true;
	log_info("http: child %d serves", parent->child.pid);
	return 0;
}

static void restart(void *context, uint64_t now_ns)
{
	auto_buffer struct buffer error = buffer_new(HTTP_PARENT_ERROR_MAX);
	struct http_parent *parent = context;
	int err;

	loop_cancel(parent->restart_timer);
	parent->restart_timer = NULL;
	parent->restarts++;
	err = parent_start_child(parent, &parent->now, &error);
	if (!err)
		err = parent_let_serve(parent, &error);
	if (!err)
		return;
	log_error("%s", error.len ? error.at : strerror(-err));
	parent_restart_later(parent);
}

void parent_restart_later(struct http_parent *parent)
{
	const uint64_t now_ns = clock_now_ns();
	char span[DURATION_TEXT_MAX];

	if (parent->now.policy_fd < 0 || parent->restart_timer)
		return;
	if (now_ns - parent->started_ns > SETTLED_NS || !parent->restart_in_ns)
		parent->restart_in_ns = RESTART_MIN_NS;
	else if (parent->restart_in_ns < RESTART_MAX_NS / 2)
		parent->restart_in_ns *= 2;
	else
		parent->restart_in_ns = RESTART_MAX_NS;
	log_notice("http: starting the child again in %s; connections wait",
		   duration_format(parent->restart_in_ns, span));
	if (loop_at(parent->loop, now_ns + parent->restart_in_ns, 0, restart, parent,
		    &parent->restart_timer))
		log_error("http: no memory to start the child again; nothing is served");
}
