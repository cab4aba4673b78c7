/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/upkeep.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "control/saving.h"
#include "kernel/saved_bans.h"

#define SWEEP_EVERY_NS NS_PER_SEC
#define SAVE_AFTER_NS  (5 * NS_PER_SEC) /* an import of many calls becomes one write */

/* The datapath bans for one cause only, and says no more than that it did. */
static void take_own_ban(struct agent *agent, struct sl_event *event)
{
	struct prefix prefix;

	event->cause = SL_BAN_DROPS;
	if (source_prefix(&event->source, datapath_source_bits(agent->datapath), &prefix))
		agent_banned(agent, &prefix, 1);
}

static void take_event(void *context, const struct sl_event *told)
{
	struct agent *agent = context;
	struct sl_event event = *told;

	if (event.kind == SL_EVENT_BANNED)
		take_own_ban(agent, &event);
	else if (event.kind == SL_EVENT_BAN_ENDED)
		agent_bans_changed(agent);
	journal_add(agent->journal, &event);
}

static void tell(struct agent *agent, uint64_t next_before)
{
	if (agent->told && journal_next(agent->journal) != next_before)
		agent->told(agent->told_context);
}

void agent_tell(struct agent *agent, const struct sl_event *event)
{
	uint64_t next_before = journal_next(agent->journal);

	journal_add(agent->journal, event);
	tell(agent, next_before);
}

static void events_ready(void *context, uint32_t events)
{
	struct agent *agent = context;
	uint64_t next_before = journal_next(agent->journal);

	(void)datapath_read_events(agent->datapath, take_event, agent); /* counted by the journal */
	tell(agent, next_before);
}

static void sweep(void *context, uint64_t now_ns)
{
	struct agent *agent = context;
	uint64_t next_before = journal_next(agent->journal);

	datapath_sweep(agent->datapath, now_ns, take_event, agent);
	tell(agent, next_before);
}

/* Where bans are kept; "" if the state directory's name is too long for a path. */
static const char *saved_path(const struct agent *agent, char out[static PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/bans.json", agent->options->state_dir) >= PATH_MAX)
		out[0] = '\0';
	return out;
}

static void bans_saved(void *context, int status)
{
	const struct agent *agent = context;

	if (status)
		log_warning("saving bans in %s: %s; they would not outlive a reboot",
			    agent->options->state_dir, strerror(-status));
}

/* At the end, when nobody is left to wait for it. */
static void save_bans(struct agent *agent)
{
	char path[PATH_MAX];

	agent->save_due = false;
	bans_saved(agent, saved_bans_write(agent->datapath, saved_path(agent, path), clock_now_ns(),
					   clock_unix_offset_ns()));
}

static void save_expired(void *context, uint64_t now_ns)
{
	struct agent *agent = context;
	struct saved_bans *bans = NULL;
	char path[PATH_MAX];
	int status;

	if (saving_is_busy(agent->saving)) {
		loop_rearm(agent->save_timer, now_ns + SAVE_AFTER_NS);
		return;
	}
	agent->save_due = false;
	status = saved_bans_take(agent->datapath, now_ns, clock_unix_offset_ns(), &bans);
	if (!status)
		status = saving_begin(agent->saving, bans, saved_path(agent, path));
	if (status)
		bans_saved(agent, status);
}

void agent_bans_changed(struct agent *agent)
{
	if (agent->save_due || !agent->save_timer)
		return;
	agent->save_due = true;
	loop_rearm(agent->save_timer, clock_now_ns() + SAVE_AFTER_NS);
}

void agent_banned(struct agent *agent, const struct prefix *banned, size_t count)
{
	if (agent->http && agent->http->banned)
		agent->http->banned(agent->http->context, banned, count);
	agent_bans_changed(agent);
}

static int start_timers(struct agent *agent)
{
	uint64_t now_ns = clock_now_ns();
	int status = loop_watch(agent->loop, datapath_events_fd(agent->datapath), EPOLLIN,
				events_ready, agent, &agent->events_watch);

	if (!status)
		status = loop_at(agent->loop, now_ns + SWEEP_EVERY_NS, SWEEP_EVERY_NS, sweep, agent,
				 &agent->sweep_timer);
	if (!status)
		status = saving_new(agent->loop, bans_saved, agent, &agent->saving);
	if (!status)
		status = loop_at(agent->loop, SL_NEVER, 0, save_expired, agent, &agent->save_timer);
	return status;
}

/* A file that makes no sense is put aside: the next save would write over what a person may still read. */
static void put_aside(const char *path, const char *why)
{
	char aside[PATH_MAX + sizeof(".damaged")];

	(void)snprintf(aside, sizeof(aside), "%s.damaged", path); /* it fits */
	if (rename(path, aside))
		log_warning("saved bans: %s; starting without them", why);
	else
		log_warning("saved bans: %s; starting without them, the file is kept as %s", why,
			    aside);
}

static void restore_bans(struct agent *agent, enum datapath_origin origin)
{
	char error[DATAPATH_ERROR_MAX] = "";
	struct saved_bans_result result;
	char path[PATH_MAX];
	int status = saved_bans_read(agent->datapath, origin, saved_path(agent, path),
				     clock_now_ns(), clock_unix_offset_ns(), &result, error);

	if (status == -ENOENT)
		return;
	if (status)
		put_aside(path, error[0] ? error : strerror(-status));
	else if (result.bans || result.allows || result.failed)
		log_info("restored %zu bans and %zu allows from %s; %zu had ended, %zu failed",
			 result.bans, result.allows, path, result.lapsed, result.failed);
}

void upkeep_restore(struct agent *agent, enum datapath_origin origin)
{
	if (mkdir(agent->options->state_dir, 0755) && errno != EEXIST)
		log_warning("state directory %s: %s; bans would not outlive a reboot",
			    agent->options->state_dir, strerror(errno));
	restore_bans(agent, origin);
	agent->restored = true;
}

int upkeep_start(struct agent *agent)
{
	int status = start_timers(agent);

	if (status)
		upkeep_stop(agent);
	return status;
}

void upkeep_stop(struct agent *agent)
{
	if (agent->events_watch)
		events_ready(agent, EPOLLIN);
	loop_unwatch(agent->events_watch);
	loop_cancel(agent->sweep_timer);
	loop_cancel(agent->save_timer);
	agent->events_watch = NULL;
	agent->sweep_timer = NULL;
	agent->save_timer = NULL;
	saving_free(agent->saving);
	agent->saving = NULL;
	/* Otherwise the file still has what the maps have not. */
	if (agent->restored)
		save_bans(agent);
	agent->restored = false;
}
