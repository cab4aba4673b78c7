/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_plane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "http_listeners.h"
#include "http_parent.h"
#include "policy/http_policy.h"

/* The child may have been taken over: so many bans a second it gets at most, whatever it says. */
#define BANS_PER_SECOND 100
#define BAN_STRIKES_MAX 1000000

struct http_plane {
	struct agent *agent;
	struct agent_http vtable;
	struct http_parent_events events;
	struct http_parent *parent;
	void (*drained)(void *context);
	void *context;
	uint64_t second;    /* in which bans are counted */
	unsigned bans;	    /* of this second */
	uint64_t bans_lost; /* beyond them, since the last word about it */
};

/* ---- What the agent asks ------------------------------------------------------------------ */

static int prepare(void *context, const struct policy *policy, struct bytes text,
		   struct buffer *error)
{
	struct http_plane *plane = context;

	return http_parent_prepare(plane->parent, policy, text, error);
}

static void commit(void *context)
{
	struct http_plane *plane = context;

	http_parent_commit(plane->parent);
}

static void abandon(void *context)
{
	struct http_plane *plane = context;

	http_parent_abandon(plane->parent);
}

static int stats(void *context, struct buffer *out)
{
	struct http_plane *plane = context;

	return http_parent_ask(plane->parent, PIPE_TOPIC_STATS, out);
}

static int reopen_log(void *context)
{
	struct http_plane *plane = context;

	return http_parent_reopen_log(plane->parent);
}

/* ---- Bans ------------------------------------------------------------------------------------ */

static bool is_among(const struct http_prefixes *prefixes, const struct prefix *address)
{
	for (size_t i = 0; i < prefixes->count; i++)
		if (prefix_covers(&prefixes->at[i], address))
			return true;
	return false;
}

static bool is_server(const struct http_policy *http, const struct prefix *address)
{
	for (size_t i = 0; i < http->upstream_count; i++)
		for (size_t j = 0; j < http->upstreams[i].server_count; j++)
			if (!prefix_compare(&http->upstreams[i].servers[j].ip, address))
				return true;
	return false;
}

static bool is_listener(const struct http_policy *http, const struct prefix *address)
{
	for (size_t i = 0; i < http->listener_count; i++)
		if (!prefix_compare(&http->listeners[i].address.ip, address))
			return true;
	return false;
}

/* Through whom others come, and what is ours, is never banned, whatever the child says. */
static bool may_ban(const struct http_policy *http, const struct prefix *address)
{
	return !is_among(&http->trusted_proxies, address) &&
	       !is_among(&http->senders.prefixes, address) && !is_server(http, address) &&
	       !is_listener(http, address);
}

static bool has_budget(struct http_plane *plane, uint64_t now_ns)
{
	if (plane->second != now_ns / NS_PER_SEC) {
		plane->second = now_ns / NS_PER_SEC;
		plane->bans = 0;
		if (plane->bans_lost)
			log_warning("http: %ju bans were asked for beyond %d a second, and lost",
				    (uintmax_t)plane->bans_lost, BANS_PER_SECOND);
		plane->bans_lost = 0;
	}
	if (plane->bans >= BANS_PER_SECOND) {
		plane->bans_lost++;
		return false;
	}
	plane->bans++;
	return true;
}

static void ban(void *context, const struct pipe_ban *asked)
{
	static const char *const reasons[PIPE_BAN_REASON_COUNT] = {
		[PIPE_BAN_REFUSED] = "ignores refusals",
		[PIPE_BAN_MALFORMED] = "breaks HTTP framing",
		[PIPE_BAN_SLOW] = "is slow on purpose",
	};
	struct http_plane *plane = context;
	struct agent *agent = plane->agent;
	const struct http_policy *http = agent->policy ? agent->policy->http : NULL;
	const uint64_t now_ns = clock_now_ns();
	char error[DATAPATH_ERROR_MAX] = "", text[PREFIX_TEXT_MAX];
	struct ban ban = {.prefix = {.family = asked->family,
				     .bits = asked->family == ADDRESS_IPV4 ? 32 : 128},
			  .since_ns = now_ns,
			  .cause = SL_BAN_HTTP};
	int err;

	if (!agent->datapath || !http || !http->escalate.enabled || !has_budget(plane, now_ns))
		return;
	memcpy(ban.prefix.byte, asked->address, ban.prefix.bits / 8);
	if (!may_ban(http, &ban.prefix))
		return;
	ban.strikes = asked->strikes < BAN_STRIKES_MAX ? asked->strikes : BAN_STRIKES_MAX;
	ban.until_ns = now_ns + (asked->for_ns < http->escalate.max_ns ? asked->for_ns
								       : http->escalate.max_ns);
	(void)snprintf(ban.reason, sizeof(ban.reason), "%s", reasons[asked->reason]);
	err = datapath_ban(agent->datapath, agent->policy, &ban, error);
	if (!err)
		agent_bans_changed(agent);
	else if (err != -EEXIST) /* an allow: the operator's word stands */
		log_warning("http: banning %s: %s", prefix_format(&ban.prefix, text),
			    error[0] ? error : strerror(-err));
}

/* ---- Life --------------------------------------------------------------------------------------- */

static void parent_drained(void *context)
{
	struct http_plane *plane = context;

	plane->drained(plane->context);
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
					    .commit = commit,
					    .abandon = abandon,
					    .stats = stats,
					    .reopen_log = reopen_log,
					    .context = plane};
	err = http_parent_new(agent->loop, &plane->events, log_level, &plane->parent);
	if (err) {
		free(plane);
		return err;
	}
	agent->http = &plane->vtable;
	*ret_plane = plane;
	return 0;
}

void http_plane_free(struct http_plane *plane)
{
	if (!plane)
		return;
	plane->agent->http = NULL;
	http_parent_free(plane->parent);
	free(plane);
}

/* ---- Two agents, one after the other -------------------------------------------------------- */

#define LISTENER_NAME "http " /* and the address, as the policy has it */
_Static_assert(sizeof(LISTENER_NAME) + HTTP_ADDRESS_TEXT_MAX <= HANDOVER_NAME_MAX, "names fit");

int http_plane_give(const struct http_plane *plane, struct handover *handover)
{
	const struct listeners *listeners = http_parent_listeners(plane->parent);
	char name[HANDOVER_NAME_MAX];
	int err = 0;

	for (size_t i = 0; i < listeners->count && !err; i++) {
		const struct listener *listener = &listeners->at[i];

		(void)snprintf(name, sizeof(name), LISTENER_NAME "%s", listener->address);
		err = handover_add(handover, name, listener->fds, listener->fd_count);
	}
	return err;
}

int http_plane_take(struct http_plane *plane, struct handover *handover)
{
	const size_t skip = strlen(LISTENER_NAME);
	int err = 0;

	http_parent_share(plane->parent, true);
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
