/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one agent to the next (handover.h): what is handed over, and in what order.
 *
 *   doors, listeners -> the old one lets go -> policy, datapath, child -> the old one drains
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/log.h"
#include "service.h"

#define RESUME_AGAIN_NS (500 * NS_PER_MS)

/* ---- The old one -------------------------------------------------------------------------- */

/* The address is part of it: a successor that is to listen elsewhere does. */
static const char *metrics_name(const struct service *service, char out[static HANDOVER_NAME_MAX])
{
	(void)snprintf(out, HANDOVER_NAME_MAX, "metrics %s",
		       service->options->metrics ? service->options->metrics : "off");
	return out;
}

static int collect(void *context, struct handover *handover)
{
	struct service *service = context;
	const int control = server_control_fd(service->server);
	const int metrics = server_metrics_fd(service->server);
	const int own = giver_fd(service->giver);
	char name[HANDOVER_NAME_MAX];
	int status = handover_add(handover, "control", &control, 1);

	if (!status && metrics >= 0)
		status = handover_add(handover, metrics_name(service, name), &metrics, 1);
	if (!status)
		status = handover_add(handover, "handover", &own, 1);
	return status ? status : http_plane_give(service->http, handover);
}

static void yield(void *context)
{
	struct service *service = context;

	log_notice("another sluiced takes over");
	server_pause(service->server);
	http_plane_save_counts(service->http);
	agent_release(service->agent);
}

/*
 * The policy in force, not the file's: that may be what the other one failed with. A successor that was killed may hold
 * the datapath's lock for a moment longer than its end of the socket.
 */
static void resume_datapath(void *context, uint64_t now_ns)
{
	auto_load_result struct load_result result = load_result_new();
	struct service *service = context;
	const bool is_first = !service->resume_timer;
	int status = agent_resume(service->agent, &result);

	loop_cancel(service->resume_timer);
	service->resume_timer = NULL;
	if (!status) {
		log_notice("this sluiced has everything again");
		return;
	}
	if (is_first)
		log_warning("%s; trying again", result.error[0] ? result.error : strerror(-status));
	if (loop_at(service->loop, now_ns + RESUME_AGAIN_NS, 0, resume_datapath, service,
		    &service->resume_timer))
		log_error("no memory to take the datapath up again; start sluiced anew");
}

static void resume(void *context)
{
	struct service *service = context;

	if (server_resume(service->server))
		log_error("no memory to answer commands again; start sluiced anew");
	resume_datapath(service, clock_now_ns());
}

static void leave(void *context)
{
	struct service *service = context;

	log_notice("the other sluiced serves; finishing what this one has begun");
	service->has_left = true;
	server_keeps_file(service->server, true);
	http_plane_share(service->http, true);
	if (!http_plane_drain(service->http))
		loop_stop(service->loop);
	service->ending = true;
}

static const struct giver_events *events_of(struct service *service)
{
	service->giver_events = (struct giver_events){.collect = collect,
						      .yield = yield,
						      .resume = resume,
						      .leave = leave,
						      .context = service};
	return &service->giver_events;
}

/* ---- The new one -------------------------------------------------------------------------- */

static int take_one(int (*adopt)(struct service *service, int fd), struct service *service,
		    struct handover_set *set)
{
	int status;

	if (!set || set->fds.count != 1)
		return -EPROTO;
	status = adopt(service, set->fds.at[0]);
	if (!status)
		set->fds.count = 0;
	return status;
}

static int adopt_control(struct service *service, int fd)
{
	/* Files are the other one's until we serve. */
	server_keeps_file(service->server, true);
	return server_adopt_control(service->server, service->options->control, fd);
}

static int adopt_metrics(struct service *service, int fd)
{
	return server_adopt_metrics(service->server, fd);
}

static int adopt_giver(struct service *service, int fd)
{
	int status = giver_new(service->loop, service->options->control, fd, events_of(service),
			       &service->giver);

	if (!status)
		giver_keeps_file(service->giver, true);
	return status;
}

static int take_sockets(struct service *service)
{
	struct handover *given = &service->taker.given;
	struct handover_set *metrics;
	char name[HANDOVER_NAME_MAX];
	int status = take_one(adopt_control, service, handover_find(given, "control"));

	metrics = handover_find(given, metrics_name(service, name));
	if (!status && metrics)
		status = take_one(adopt_metrics, service, metrics);
	if (!status)
		status = take_one(adopt_giver, service, handover_find(given, "handover"));
	return status ? status : http_plane_take(service->http, given);
}

int succession_take_over(struct service *service)
{
	int status = service_read_ahead(service);

	if (status)
		return status;
	status = taker_ask(service->options->control, &service->taker);
	if (status == -ENOENT) {
		log_info("no sluiced runs at %s: nothing to take over", service->options->control);
		return 0;
	}
	if (!status)
		status = take_sockets(service);
	if (!status)
		status = taker_take(&service->taker);
	if (status)
		log_error("taking over from the sluiced at %s: %s; it goes on",
			  service->options->control, strerror(-status));
	return status;
}

int succession_end(struct service *service)
{
	int status;

	if (service->taker.fd < 0)
		return 0;
	status = taker_serves(&service->taker);
	taker_free(&service->taker);
	if (status) {
		log_error("the sluiced to take over from went on by itself; not started");
		return status;
	}
	server_keeps_file(service->server, false);
	giver_keeps_file(service->giver, false);
	http_plane_share(service->http, false);
	log_notice("took over from the sluiced that ran");
	return 0;
}

void succession_wait(struct service *service)
{
	int status;

	if (service->giver)
		return;
	status = giver_new(service->loop, service->options->control, -1, events_of(service),
			   &service->giver);
	if (status)
		log_warning("waiting for --takeover beside %s: %s; it will not be possible",
			    service->options->control, strerror(-status));
}
