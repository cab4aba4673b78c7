/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_plane.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/escalation.h"
#include "parent/http_closing.h"
#include "parent/http_listeners.h"
#include "parent/http_parent.h"
#include "base/notify.h"
#include "base/own_address.h"

struct http_plane {
	struct agent *agent;
	struct agent_http vtable;
	struct http_parent_events events;
	struct http_parent *parent;
	void (*drained)(void *context);
	void *context;
	struct escalation escalation;
	struct http_closing *closing;
	char counts_path[PATH_MAX];
};

/* ---- What the agent asks ------------------------------------------------------------------ */

static int prepare(void *context, const struct policy *policy, struct bytes text,
		   struct buffer *error)
{
	struct http_plane *plane = context;

	return http_parent_prepare(plane->parent, policy, text, error);
}

static bool changes_keys(void *context)
{
	const struct http_plane *plane = context;

	return http_parent_changes_keys(plane->parent);
}

/* The service manager has them while one agent ends and the next one starts. */
static void keep_listeners(const struct http_plane *plane)
{
	const struct listeners *listeners = http_parent_listeners(plane->parent);

	if (!notify_is_heard())
		return;
	notify_forget_kept();
	for (size_t i = 0; i < listeners->count; i++) {
		struct passing_fds fds = {.count = listeners->at[i].fd_count};

		memcpy(fds.at, listeners->at[i].fds, fds.count * sizeof(int));
		notify_keep(&fds);
	}
}

/* Those that it kept, or opened for us: what the policy does not want is closed when it is in force. */
static void take_kept(struct http_plane *plane)
{
	int first, err;
	unsigned count = notify_take_kept(&first);

	for (int fd = first; fd < first + (int)count; fd++) {
		err = http_parent_adopt_one(plane->parent, fd);
		if (!err)
			continue;
		log_warning("http: descriptor %d of the service manager: %s; not used", fd,
			    strerror(-err));
		close(fd);
	}
}

static void commit(void *context)
{
	struct http_plane *plane = context;

	http_parent_commit(plane->parent);
	keep_listeners(plane);
}

static void abandon(void *context)
{
	struct http_plane *plane = context;

	http_parent_abandon(plane->parent);
}

static int ask(void *context, const struct agent_question *asked, struct http_ask **ret_ask)
{
	static const enum pipe_topic topics[AGENT_TOPIC_COUNT] = {
		[AGENT_HTTP_STATS] = PIPE_TOPIC_STATS,
		[AGENT_CACHE_PURGE] = PIPE_TOPIC_CACHE_PURGE,
		[AGENT_CACHE_STATS] = PIPE_TOPIC_CACHE_STATS,
		[AGENT_CACHE_SHOW] = PIPE_TOPIC_CACHE_SHOW,
		[AGENT_CACHE_TOP] = PIPE_TOPIC_CACHE_TOP,
		[AGENT_LIMIT_CLIENTS] = PIPE_TOPIC_LIMIT_CLIENTS,
		[AGENT_LIMIT_EXPLAIN] = PIPE_TOPIC_LIMIT_EXPLAIN,
		[AGENT_LIMIT_RESET] = PIPE_TOPIC_LIMIT_RESET,
	};
	const struct http_plane *plane = context;
	const struct http_question question = {.topic = topics[asked->topic],
					       .text = asked->text,
					       .patience_ns = asked->patience_ns,
					       .answered = asked->answered,
					       .context = asked->context};

	return http_parent_ask(plane->parent, &question, ret_ask);
}

static struct agent_http_state state(void *context)
{
	const struct http_plane *plane = context;
	const struct http_parent_state is = http_parent_state(plane->parent);

	return (struct agent_http_state){.pid = is.pid,
					 .restarts = is.restarts,
					 .serves = is.serves,
					 .draining = is.draining,
					 .asked_bans = plane->escalation.results};
}

static int reopen_log(void *context)
{
	struct http_plane *plane = context;

	return http_parent_reopen_log(plane->parent);
}

/* ---- Bans ------------------------------------------------------------------------------------ */

static void ban(void *context, const struct pipe_ban *asked)
{
	static const enum sl_event_kind kinds[PIPE_BAN_REASON_COUNT] = {
		[PIPE_BAN_REFUSED] = SL_EVENT_REFUSED,
		[PIPE_BAN_MALFORMED] = SL_EVENT_MALFORMED,
		[PIPE_BAN_SLOW] = SL_EVENT_SLOW,
	};
	struct http_plane *plane = context;
	struct offender offender = {
		.address = {.family = asked->family,
			    .bits = asked->family == ADDRESS_IPV4 ? 32 : 128},
		.kind = kinds[asked->reason],
		.strikes = asked->strikes,
	};

	memcpy(offender.address.byte, asked->address, offender.address.bits / 8);
	(void)escalation_take(&plane->escalation, &offender, clock_now_ns()); /* it counts */
}

static bool has_server_in(void *context, const struct prefix *prefix)
{
	const struct http_plane *plane = context;

	return http_parent_has_server_in(plane->parent, prefix);
}

/* What the policy does not know of what is never to be banned. */
static bool spares(void *context, const struct prefix *source)
{
	return has_server_in(context, source) || own_address_in(source);
}

static void banned(void *context, const struct prefix *prefixes, size_t count)
{
	const struct http_plane *plane = context;
	const struct policy *policy = plane->agent->policy;
	struct source_bits bits;

	if (!policy || !policy->http)
		return;
	bits = policy->source_bits;
	for (size_t i = 0; i < count; i++) {
		uint8_t most = prefixes[i].family == ADDRESS_IPV4 ? bits.ipv4 : bits.ipv6;
		struct prefix hit = prefix_cut(&prefixes[i], most);

		http_closing_add(plane->closing, &hit);
	}
}

/* ---- Life --------------------------------------------------------------------------------------- */

static void parent_drained(void *context)
{
	struct http_plane *plane = context;

	plane->drained(plane->context);
}

/* Beside the saved bans. Without a packet plane nobody has made the directory yet. */
static void keep_counts(struct http_plane *plane)
{
	const char *dir = plane->agent->options->state_dir;
	int len = snprintf(plane->counts_path, sizeof(plane->counts_path), "%s/limits.saved", dir);

	(void)mkdir(dir, 0755); /* it is there, or saving says why not */
	if (len < (int)sizeof(plane->counts_path))
		http_parent_keep_counts(plane->parent, plane->counts_path);
}

int http_plane_new(struct agent *agent, const char *log_level, void (*drained)(void *context),
		   void *context, struct http_plane **ret_plane)
{
	struct http_plane *plane = calloc(1, sizeof(*plane));
	int err;

	if (!plane)
		return -ENOMEM;
	plane->agent = agent;
	plane->drained = drained;
	plane->context = context;
	plane->events = (struct http_parent_events){
		.ban = ban, .drained = parent_drained, .context = plane};
	plane->vtable = (struct agent_http){.prepare = prepare,
					    .changes_keys = changes_keys,
					    .commit = commit,
					    .abandon = abandon,
					    .ask = ask,
					    .cancel = http_ask_cancel,
					    .state = state,
					    .banned = banned,
					    .has_server_in = has_server_in,
					    .reopen_log = reopen_log,
					    .context = plane};
	plane->escalation = (struct escalation){.agent = agent, .spares = spares, .context = plane};
	err = http_parent_new(agent->loop, &plane->events, log_level, &plane->parent);
	if (!err)
		err = http_closing_new(agent->loop, plane->parent, &plane->closing);
	if (err) {
		http_parent_free(plane->parent);
		free(plane);
		return err;
	}
	keep_counts(plane);
	take_kept(plane);
	agent->http = &plane->vtable;
	*ret_plane = plane;
	return 0;
}

void http_plane_free(struct http_plane *plane)
{
	if (!plane)
		return;
	plane->agent->http = NULL;
	http_closing_free(plane->closing);
	http_parent_free(plane->parent);
	free(plane);
}

/* ---- Two agents, one after the other -------------------------------------------------------- */

#define COUNTS_NAME   "counts"
#define LISTENER_NAME "http " /* and the address, as the policy has it */
_Static_assert(sizeof(LISTENER_NAME) + HTTP_ADDRESS_TEXT_MAX <= HANDOVER_NAME_MAX, "names fit");

int http_plane_give(const struct http_plane *plane, struct handover *handover)
{
	const struct listeners *listeners = http_parent_listeners(plane->parent);
	const int counts = http_parent_counts_fd(plane->parent);
	char name[HANDOVER_NAME_MAX];
	int err = 0;

	for (size_t i = 0; i < listeners->count && !err; i++) {
		const struct listener *listener = &listeners->at[i];

		(void)snprintf(name, sizeof(name), LISTENER_NAME "%s", listener->address);
		err = handover_add(handover, name, listener->fds, listener->fd_count);
	}
	if (!err && counts >= 0)
		err = handover_add(handover, COUNTS_NAME, &counts, 1);
	return err;
}

static void take_counts(struct http_plane *plane, struct handover *handover)
{
	struct handover_set *set = handover_find(handover, COUNTS_NAME);

	if (!set || set->fds.count != 1)
		return;
	http_parent_take_counts(plane->parent, set->fds.at[0]);
	set->fds.count = 0;
}

int http_plane_take(struct http_plane *plane, struct handover *handover)
{
	const size_t skip = strlen(LISTENER_NAME);
	int err = 0;

	http_parent_share(plane->parent, true);
	take_counts(plane, handover);
	for (size_t i = 0; i < handover->count && !err; i++) {
		struct handover_set *set = &handover->sets[i];

		if (!strncmp(set->name, LISTENER_NAME, skip))
			err = http_parent_adopt(plane->parent, set->name + skip, &set->fds);
	}
	return err;
}

void http_plane_share(struct http_plane *plane, bool is_shared)
{
	http_parent_share(plane->parent, is_shared);
}

void http_plane_save_counts(struct http_plane *plane)
{
	http_parent_save_counts(plane->parent);
}

bool http_plane_drain(struct http_plane *plane)
{
	return http_parent_drain(plane->parent);
}

void http_plane_reopen_log(struct http_plane *plane)
{
	int err = http_parent_reopen_log(plane->parent);

	if (err && err != -ENOENT)
		log_error("http: opening the access log again: %s; lines go to the old file",
			  strerror(-err));
}
