/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "http_listeners.h"
#include "http_process.h"
#include "http_resolver.h"

#define PATIENCE_NS \
	(20 * NS_PER_SEC) /* for the child's word: it may have a million prefixes to read */
#define ANSWER_PATIENCE_NS  (2 * NS_PER_SEC) /* for an answer, which costs it microseconds */
#define RESOLVE_PATIENCE_NS (5 * NS_PER_SEC)
#define RESTART_MIN_NS	    (100 * NS_PER_MS)
#define RESTART_MAX_NS	    (5 * NS_PER_SEC)
#define SETTLED_NS \
	(10 * NS_PER_SEC) /* a child that lived so long begins anew with the shortest wait */
#define LOG_MODE 0640

/* What a child needs beside sockets and names. */
struct config {
	int policy_fd; /* sealed memfd with the policy's text; -1: no http */
	int log_fd;    /* -1: no access log */
	char *log_path;
	uint64_t drain_ns;
};

static const struct config no_config = {.policy_fd = -1, .log_fd = -1};

struct http_parent {
	struct loop *loop;
	const struct http_parent_events *events;
	const char *log_level;
	int program_fd;
	struct listeners listeners;
	struct resolver *resolver;
	struct config now;
	struct config next; /* between prepare and commit */

	struct http_process child; /* pid 0: none */
	bool serves;		   /* it has said READY */
	bool draining;
	struct loop_watch *pid_watch;
	struct loop_watch *pipe_watch;
	struct loop_timer *restart_timer;
	uint64_t restart_in_ns;
	uint64_t started_ns;
	uint64_t restarts;
	uint32_t serial;
	struct pipe_buffer buffer;
};

/* ---- The child's messages -------------------------------------------------------------- */

static bool is_sane(const struct pipe_ban *ban)
{
	return (ban->family == ADDRESS_IPV4 || ban->family == ADDRESS_IPV6) &&
	       ban->reason < PIPE_BAN_REASON_COUNT && ban->for_ns <= DURATION_MAX_NS && ban->for_ns;
}

static void take_ban(const struct http_parent *parent, const struct pipe_message *message)
{
	struct pipe_ban ban;

	memcpy(&ban, message->payload.at, sizeof(ban));
	if (is_sane(&ban) && parent->events->ban)
		parent->events->ban(parent->events->context, &ban);
}

/*
 * The next message but bans, which are dealt with. Returns 0; -EAGAIN; -EPIPE; -EPROTO. The payload lives until
 * the next call.
 */
static int next_message(struct http_parent *parent, struct pipe_message *ret_message)
{
	for (;;) {
		int err = pipe_receive(parent->child.pipe_fd, PIPE_SENDER_CHILD, &parent->buffer,
				       ret_message);

		if (err || ret_message->kind != PIPE_BAN)
			return err;
		take_ban(parent, ret_message);
	}
}

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

/* Wait for one word. A refusal's text goes to error, and -EINVAL comes back. Late answers are passed over. */
static int wait_word(struct http_parent *parent, enum pipe_kind word, struct buffer *error)
{
	const uint64_t until_ns = clock_now_ns() + PATIENCE_NS;
	struct pipe_message message;
	int err;

	do
		err = wait_message(parent, until_ns, &message);
	while (!err && message.kind == PIPE_ANSWER);
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

static void end_child(struct http_parent *parent, char *out, size_t size)
{
	loop_unwatch(parent->pid_watch);
	loop_unwatch(parent->pipe_watch);
	parent->pid_watch = NULL;
	parent->pipe_watch = NULL;
	http_process_end(&parent->child, out, size);
	parent->serves = false;
}

static int say(const struct http_parent *parent, enum pipe_kind kind)
{
	struct pipe_message message = {.kind = kind};

	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

static int send_fd(const struct http_parent *parent, enum pipe_kind kind, int fd)
{
	struct pipe_message message = {.kind = kind, .fds = {fd}, .fd_count = fd >= 0};

	return pipe_send_patiently(parent->child.pipe_fd, &message);
}

static void restart_later(struct http_parent *parent);

static void child_ended(void *context, uint32_t events)
{
	struct http_parent *parent = context;
	bool was_draining = parent->draining;
	pid_t pid = parent->child.pid;
	char how[64];

	end_child(parent, how, sizeof(how));
	if (was_draining) {
		log_info("http: child %d drained: %s", pid, how);
		parent->draining = false;
		parent->events->drained(parent->events->context);
		return;
	}
	log_error("http: child %d ended: %s", pid, how);
	restart_later(parent);
}

/* Between requests the child only speaks of bans. What else it says then is a late answer, or it is not itself. */
static void child_speaks(void *context, uint32_t events)
{
	struct http_parent *parent = context;
	struct pipe_message message;
	int err;

	do
		err = next_message(parent, &message);
	while (!err && message.kind == PIPE_ANSWER);
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

/* What a child needs to know of config, and its word that it can serve it. */
static int offer(struct http_parent *parent, const struct config *config, struct buffer *error)
{
	const bool is_running = parent->serves;
	int err = 0;

	/* A running child writes to the log it has until commit. */
	if (!is_running)
		err = send_fd(parent, PIPE_LOG, config->log_fd);
	if (!err)
		err = listeners_send(&parent->listeners, is_running, parent->child.pipe_fd);
	if (!err)
		err = resolver_send(parent->resolver, parent->child.pipe_fd);
	if (!err)
		err = send_fd(parent, PIPE_PREPARE, config->policy_fd);
	if (err) {
		buffer_printf(error, "http: telling the child: %s", strerror(-err));
		return err;
	}
	return wait_word(parent, PIPE_PREPARED, error);
}

/* A new child, up to PREPARED; ended again if it does not come so far. */
static int start_child(struct http_parent *parent, const struct config *config,
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
		err = offer(parent, config, error);
	if (err)
		end_child(parent, how, sizeof(how));
	return err;
}

/* From PREPARED to serving. */
static int let_serve(struct http_parent *parent, struct buffer *error)
{
	char how[64];
	int err = say(parent, PIPE_SWITCH);

	if (!err)
		err = wait_word(parent, PIPE_READY, error);
	if (!err)
		err = watch_child(parent);
	if (err) {
		end_child(parent, how, sizeof(how));
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
	err = start_child(parent, &parent->now, &error);
	if (!err)
		err = let_serve(parent, &error);
	if (!err)
		return;
	log_error("%s", error.len ? error.at : strerror(-err));
	restart_later(parent);
}

static void restart_later(struct http_parent *parent)
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

/* ---- Configs ---------------------------------------------------------------------------- */

static void free_config(struct config *config)
{
	if (config->policy_fd >= 0)
		close(config->policy_fd);
	if (config->log_fd >= 0)
		close(config->log_fd);
	free(config->log_path);
	*config = no_config;
}

static int write_all(int fd, struct bytes text)
{
	while (text.len) {
		ssize_t len = write(fd, text.at, text.len);

		if (len < 0 && errno != EINTR)
			return -errno;
		if (len > 0)
			text = (struct bytes){text.at + len, text.len - (size_t)len};
	}
	return 0;
}

static int seal_text(struct bytes text, int *ret_fd)
{
	auto_close int fd = memfd_create("sluice-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, text);
	if (err)
		return err;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		return -errno;
	*ret_fd = take_fd(fd);
	return 0;
}

static int open_log(const char *path, int *ret_fd)
{
	int fd = strcmp(path, "stderr") ? open(path,
					       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
						       O_NOCTTY | O_NOFOLLOW | O_NONBLOCK,
					       LOG_MODE)
					: fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int make_config(const struct http_policy *http, struct bytes text, struct config *ret_config,
		       struct buffer *error)
{
	struct config config = no_config;
	int err = seal_text(text, &config.policy_fd);

	config.drain_ns = http->timeouts.drain_ns;
	if (!err && http->access_log.file) {
		err = open_log(http->access_log.file, &config.log_fd);
		if (err)
			buffer_printf(error, "http: access log %s: %s", http->access_log.file,
				      strerror(-err));
		config.log_path = strdup(http->access_log.file);
		if (!config.log_path)
			err = -ENOMEM;
	}
	if (err)
		free_config(&config);
	else
		*ret_config = config;
	return err;
}

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
		return offer(parent, &parent->next, error);
	return start_child(parent, &parent->next, error);
}

static void roll_back(struct http_parent *parent)
{
	listeners_abandon(&parent->listeners);
	resolver_abandon(parent->resolver);
	free_config(&parent->next);
}

int http_parent_prepare(struct http_parent *parent, const struct policy *policy, struct bytes text,
			struct buffer *error)
{
	const struct http_policy *http = policy->http;
	int err;

	if (parent->draining)
		return -ESHUTDOWN;
	/* A child takes as many sockets as it was started with: another number waits for a restart. */
	if (!parent->listeners.threads && http)
		parent->listeners.threads = choose_threads(http);
	err = listeners_prepare(&parent->listeners, http, error);
	if (err)
		return err;
	err = resolver_prepare(parent->resolver, http, RESOLVE_PATIENCE_NS);
	if (!err && http)
		err = make_config(http, text, &parent->next, error);
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
		err = say(parent, PIPE_SWITCH);
		if (!err)
			err = send_fd(parent, PIPE_LOG, parent->now.log_fd);
		if (err) /* it is gone, or about to be: it starts again with the new policy */
			log_error("http: switching the child: %s", strerror(-err));
		return;
	}
	stop_restarting(parent);
	err = let_serve(parent, &error);
	if (!err)
		return;
	log_error("%s", error.len ? error.at : strerror(-err));
	restart_later(parent);
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
	struct config before = parent->now;

	parent->now = parent->next;
	parent->next = no_config;
	listeners_commit(&parent->listeners);
	resolver_commit(parent->resolver);
	if (parent->now.policy_fd >= 0) {
		hand_over(parent);
	} else {
		parent->now.drain_ns = before.drain_ns;
		retire(parent);
	}
	free_config(&before);
}

void http_parent_abandon(struct http_parent *parent)
{
	char how[64];

	roll_back(parent);
	if (parent->serves)
		(void)say(parent, PIPE_ABANDON); /* a child that is gone has abandoned it */
	else if (parent->child.pid)
		end_child(parent, how, sizeof(how));
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
	parent->now = no_config;
	parent->next = no_config;
	parent->program_fd = http_process_program();
	err = parent->program_fd < 0 ? parent->program_fd : 0;
	if (!err)
		err = resolver_new(loop, name_changed, parent, &parent->resolver);
	if (err) {
		if (parent->program_fd >= 0)
			close(parent->program_fd);
		free(parent);
		return err;
	}
	http_process_raise_files();
	*ret_parent = parent;
	return 0;
}

void http_parent_free(struct http_parent *parent)
{
	char how[64];

	if (!parent)
		return;
	stop_restarting(parent);
	if (parent->child.pid)
		end_child(parent, how, sizeof(how));
	listeners_free(&parent->listeners);
	resolver_free(parent->resolver);
	free_config(&parent->now);
	free_config(&parent->next);
	close(parent->program_fd);
	free(parent);
}

/* Whether the answer goes on. Those to other questions came too late, and are passed over. */
static bool take_answer(const struct pipe_message *message, uint32_t serial, struct buffer *out)
{
	struct pipe_answer head;

	if (message->kind != PIPE_ANSWER)
		return true;
	memcpy(&head, message->payload.at, sizeof(head));
	if (head.serial != serial)
		return true;
	buffer_add(out, (struct bytes){message->payload.at + sizeof(head),
				       message->payload.len - sizeof(head)});
	return head.more;
}

int http_parent_ask(struct http_parent *parent, enum pipe_topic topic, struct buffer *out)
{
	const uint64_t until_ns = clock_now_ns() + ANSWER_PATIENCE_NS;
	struct pipe_ask ask = {.serial = ++parent->serial, .topic = topic};
	struct pipe_message message = {.kind = PIPE_ASK,
				       .payload = {(const char *)&ask, sizeof(ask)}};
	bool goes_on = true;
	int err;

	if (!parent->serves)
		return -ENOENT;
	err = pipe_send(parent->child.pipe_fd, &message);
	while (!err && goes_on) {
		err = wait_message(parent, until_ns, &message);
		goes_on = !err && take_answer(&message, ask.serial, out);
	}
	return err ? err : out->error;
}

int http_parent_reopen_log(struct http_parent *parent)
{
	int fd = -1, err;

	if (!parent->now.log_path)
		return -ENOENT;
	err = open_log(parent->now.log_path, &fd);
	if (err)
		return err;
	close(parent->now.log_fd);
	parent->now.log_fd = fd;
	return parent->serves ? send_fd(parent, PIPE_LOG, fd) : 0;
}

bool http_parent_drain(struct http_parent *parent)
{
	struct pipe_drain payload = {.within_ns = parent->now.drain_ns};
	struct pipe_message message = {.kind = PIPE_DRAIN,
				       .payload = {(const char *)&payload, sizeof(payload)}};

	stop_restarting(parent);
	/* Whoever connects from now on is to be refused, or taken by the next agent. */
	(void)listeners_prepare(&parent->listeners, NULL, NULL); /* wanting none cannot fail */
	listeners_commit(&parent->listeners);
	if (!parent->serves || pipe_send_patiently(parent->child.pipe_fd, &message))
		return false;
	parent->draining = true;
	return true;
}

struct http_parent_state http_parent_state(const struct http_parent *parent)
{
	return (struct http_parent_state){.pid = parent->child.pid,
					  .restarts = parent->restarts,
					  .draining = parent->draining};
}
