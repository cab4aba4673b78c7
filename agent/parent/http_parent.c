/* SPDX-License-Identifier: BSD-2-Clause */
#include "parent/http_parent.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "parent/http_parent_private.h"
#include "base/notify.h"

#define RESOLVE_PATIENCE_NS (5 * NS_PER_SEC)

/* ---- Prepare, commit, abandon ---------------------------------------------------------------- */

static uint32_t choose_threads(const struct http_policy *http)
{
	cpu_set_t cpus;
	int count = 1;

	if (http->threads)
		return http->threads;
	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		count = CPU_COUNT(&cpus);
	return count < PIPE_FDS_MAX ? (uint32_t)count : PIPE_FDS_MAX;
}

static void stop_restarting(struct http_parent *parent)
{
	loop_cancel(parent->restart_timer);
	parent->restart_timer = NULL;
}

static int prepare_child(struct http_parent *parent, struct buffer *error)
{
	if (parent->serves)
		return parent_offer(parent, &parent->next, error);
	return parent_start_child(parent, &parent->next, error);
}

static void roll_back(struct http_parent *parent)
{
	listeners_abandon(&parent->listeners);
	resolver_abandon(parent->resolver);
	http_config_free(&parent->next);
}

int http_parent_prepare(struct http_parent *parent, const struct policy *policy, struct bytes text,
			struct buffer *error)
{
	const struct http_policy *http = policy->http;
	int err;

	if (parent->draining) {
		buffer_add_text(error,
				"http: the child is still draining; try again when it has ended");
		return -EBUSY;
	}
	/* A child takes as many sockets as it was started with: another number waits for a restart. */
	if (!parent->listeners.threads && http)
		parent->listeners.threads = choose_threads(http);
	err = listeners_prepare(&parent->listeners, http, error);
	if (err)
		return err;
	err = resolver_prepare(parent->resolver, http, RESOLVE_PATIENCE_NS);
	if (!err && http)
		err = http_table_prepare(&parent->table, http, error);
	if (!err && http)
		err = http_config_make(http, text, &parent->next, error);
	if (!err && http)
		err = prepare_child(parent, error);
	if (err)
		roll_back(parent);
	return err;
}

static void hand_over(struct http_parent *parent)
{
	auto_buffer struct buffer error = buffer_new(HTTP_PARENT_ERROR_MAX);
	int err;

	if (parent->serves) {
		err = parent_say(parent, PIPE_SWITCH);
		if (!err)
			err = parent_send_fd(parent, PIPE_LOG, parent->now.log_fd);
		if (err) /* it is gone, or about to be: it starts again with the new policy */
			log_error("http: switching the child: %s", strerror(-err));
		return;
	}
	stop_restarting(parent);
	err = parent_let_serve(parent, &error);
	if (!err)
		return;
	log_error("%s", error.len ? error.at : strerror(-err));
	parent_restart_later(parent);
}

/* http is no longer in the policy: the child ends when its connections have. */
static void retire(struct http_parent *parent)
{
	stop_restarting(parent);
	if (parent->serves)
		(void)http_parent_drain(parent);
}

void http_parent_commit(struct http_parent *parent)
{
	struct http_config before = parent->now;

	parent->now = parent->next;
	parent->next = http_config_none;
	listeners_commit(&parent->listeners);
	resolver_commit(parent->resolver);
	if (parent->now.policy_fd >= 0) {
		hand_over(parent);
	} else {
		parent->now.drain_ns = before.drain_ns;
		retire(parent);
	}
	http_config_free(&before);
}

bool http_parent_changes_keys(const struct http_parent *parent)
{
	return http_config_keys_differ(&parent->now, &parent->next);
}

void http_parent_abandon(struct http_parent *parent)
{
	char how[64];

	roll_back(parent);
	if (parent->serves)
		(void)parent_say(parent, PIPE_ABANDON); /* a child that is gone has abandoned it */
	else if (parent->child.pid)
		parent_end_child(parent, how, sizeof(how));
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void name_changed(void *context, const struct pipe_resolved *resolved)
{
	struct http_parent *parent = context;
	struct pipe_message message = {.kind = PIPE_RESOLVED,
				       .payload = {(const char *)resolved, sizeof(*resolved)}};

	if (parent->serves)
		(void)pipe_send_patiently(parent->child.pipe_fd, &message); /* or it is gone */
}

int http_parent_new(struct loop *loop, const struct http_parent_events *events,
		    const char *log_level, struct http_parent **ret_parent)
{
	struct http_parent *parent = calloc(1, sizeof(*parent));
	int err;

	if (!parent)
		return -ENOMEM;
	parent->loop = loop;
	parent->events = events;
	parent->log_level = log_level;
	parent->now = http_config_none;
	parent->next = http_config_none;
	parent->table = http_table_none;
	parent->program_fd = http_process_program();
	err = parent->program_fd < 0 ? parent->program_fd : 0;
	if (!err)
		err = http_asks_new(loop, &parent->asks);
	if (!err)
		err = resolver_new(loop, name_changed, parent, &parent->resolver);
	if (err) {
		http_asks_free(parent->asks);
		if (parent->program_fd >= 0)
			close(parent->program_fd);
		free(parent);
		return err;
	}
	http_process_raise_files();
	*ret_parent = parent;
	return 0;
}

int http_parent_adopt(struct http_parent *parent, const char *address, struct passing_fds *fds)
{
	return listeners_adopt(&parent->listeners, address, fds);
}

int http_parent_adopt_one(struct http_parent *parent, int fd)
{
	return listeners_adopt_one(&parent->listeners, fd);
}

const struct listeners *http_parent_listeners(const struct http_parent *parent)
{
	return &parent->listeners;
}

void http_parent_share(struct http_parent *parent, bool is_shared)
{
	parent->listeners.is_shared = is_shared;
}

void http_parent_free(struct http_parent *parent)
{
	char how[64];

	if (!parent)
		return;
	stop_restarting(parent);
	if (parent->child.pid)
		parent_end_child(parent, how, sizeof(how));
	http_asks_free(parent->asks);
	parent->listeners.keeps_files = notify_is_heard();
	listeners_free(&parent->listeners);
	resolver_free(parent->resolver);
	http_config_free(&parent->now);
	http_config_free(&parent->next);
	if (!parent->listeners.is_shared)
		http_table_save(&parent->table);
	http_table_free(&parent->table);
	close(parent->program_fd);
	free(parent);
}

int http_parent_ask(struct http_parent *parent, const struct http_question *question,
		    struct http_ask **ret_ask)
{
	if (!parent->serves)
		return -ENOENT;
	return http_asks_send(parent->asks, parent->child.pipe_fd, question, ret_ask);
}

int http_parent_reopen_log(struct http_parent *parent)
{
	int fd = -1, err;

	if (!parent->now.log_path)
		return -ENOENT;
	err = http_config_open_log(parent->now.log_path, &fd);
	if (err)
		return err;
	close(parent->now.log_fd);
	parent->now.log_fd = fd;
	return parent->serves ? parent_send_fd(parent, PIPE_LOG, fd) : 0;
}

bool http_parent_drain(struct http_parent *parent)
{
	struct pipe_drain payload = {.within_ns = parent->now.drain_ns};
	struct pipe_message message = {.kind = PIPE_DRAIN,
				       .payload = {(const char *)&payload, sizeof(payload)}};

	stop_restarting(parent);
	/* Whoever connects from now on is to be refused, or taken by the next agent. */
	parent->listeners.keeps_files = notify_is_heard();
	(void)listeners_prepare(&parent->listeners, NULL, NULL); /* wanting none cannot fail */
	listeners_commit(&parent->listeners);
	if (!parent->serves || pipe_send_patiently(parent->child.pipe_fd, &message))
		return false;
	parent->draining = true;
	return true;
}

void http_parent_keep_counts(struct http_parent *parent, const char *path)
{
	parent->table.path = path;
}

void http_parent_save_counts(struct http_parent *parent)
{
	http_table_save(&parent->table);
}

int http_parent_counts_fd(const struct http_parent *parent)
{
	return parent->table.fd;
}

void http_parent_take_counts(struct http_parent *parent, int fd)
{
	parent->table.given_fd = fd;
}

bool http_parent_has_server_in(const struct http_parent *parent, const struct prefix *prefix)
{
	return resolver_has_in(parent->resolver, prefix);
}

int http_parent_tell_banned(const struct http_parent *parent, const struct pipe_banned *banned,
			    size_t count, bool is_patient)
{
	const struct pipe_message message = {
		.kind = PIPE_BANNED, .payload = {(const char *)banned, count * sizeof(*banned)}};

	if (!parent->serves)
		return -ENOENT;
	return is_patient ? pipe_send_patiently(parent->child.pipe_fd, &message)
			  : pipe_send(parent->child.pipe_fd, &message);
}

struct http_parent_state http_parent_state(const struct http_parent *parent)
{
	return (struct http_parent_state){.pid = parent->child.pid,
					  .restarts = parent->restarts,
					  .serves = parent->serves,
					  .draining = parent->draining};
}
