/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the command line to a protected host, and back:
 *
 *   doors -> policy -> datapath -> interfaces -> HTTP child -> fewer privileges -> ready
 *     ... signal -> HTTP drained -> bans saved -> end
 *
 * The doors come first: they tell whether an agent is running already, before anything of its is touched. Nobody
 * is answered before the loop runs. With --takeover they are the running agent's, and it ends once we are ready
 * (handover.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"
#include "control/server.h"
#include "base/notify.h"
#include "service.h"
#include "tasks.h"

/* ---- Signals and the watchdog ------------------------------------------------------------- */

static void signal_ready(void *context, uint32_t events)
{
	struct service *service = context;
	struct signalfd_siginfo signal;

	if (read(service->signal_fd, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
		return;
	switch (signal.ssi_signo) {
	case SIGHUP:
		service_reload(service);
		break;
	case SIGUSR1:
		http_plane_reopen_log(service->http);
		break;
	default: /* a second one ends the waiting */
		if (service->ending || !http_plane_drain(service->http))
			loop_stop(service->loop);
		service->ending = true;
		break;
	}
}

static void http_drained(void *context)
{
	struct service *service = context;

	if (service->ending)
		loop_stop(service->loop);
}

static int watch_signals(struct service *service)
{
	sigset_t set;

	(void)sigemptyset(&set); /* these fail for bad signals only */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	service->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (service->signal_fd < 0)
		return -errno;
	return loop_watch(service->loop, service->signal_fd, EPOLLIN, signal_ready, service,
			  &service->signal_watch);
}

static void still_alive(void *context, uint64_t now_ns)
{
	notify_send("WATCHDOG=1");
}

static int start_watchdog(struct service *service)
{
	uint64_t every_ns = notify_watchdog_ns();

	if (!every_ns)
		return 0;
	return loop_at(service->loop, clock_now_ns() + every_ns, every_ns, still_alive, service,
		       &service->watchdog);
}

/* ---- Start and end -------------------------------------------------------------------------- */

static int open_doors(struct service *service)
{
	const struct options *options = service->options;
	char error[SERVER_ERROR_MAX] = "";
	int status = 0;

	if (server_control_fd(service->server) < 0)
		status = server_listen_control(service->server, options->control, error);
	if (!status && options->metrics && server_metrics_fd(service->server) < 0)
		status = server_listen_metrics(service->server, options->metrics, error);
	if (status)
		log_error("%s", error[0] ? error : strerror(-status));
	return status;
}

static int prepare(struct service *service)
{
	int status = loop_new(&service->loop);

	if (!status)
		status = agent_new(service->loop, &service->options->agent, &service->agent);
	if (!status)
		status = http_plane_new(service->agent, service->options->log_level, http_drained,
					service, &service->http);
	if (!status)
		status = control_server_new(service->loop, service->agent, &service->server);
	if (!status)
		status = watch_signals(service);
	if (!status)
		status = start_watchdog(service);
	if (status)
		log_error("cannot start: %s", strerror(-status));
	return status;
}

/* As root without CAP_DAC_OVERRIDE from here on: better said now than when a reload is wanted. */
static void check_policy_readable(const struct options *options)
{
	const char *path = options->agent.policy_path;
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		log_warning(
			"%s: %s without the privileges of the start; SIGHUP will not be able to "
			"read it: make it readable for root (chown root, chmod g+r or o+r)",
			path, strerror(errno));
}

static void say_ready(const struct service *service, size_t attached)
{
	const struct options *options = service->options;
	const struct policy *policy = service->agent->policy;
	char what[64] = "serving HTTP; the policy has no packet plane";

	if (policy->has_packet_plane && attached)
		(void)snprintf(what, sizeof(what), "protecting %zu interface%s", attached,
			       attached == 1 ? "" : "s");
	else if (policy->has_packet_plane)
		(void)snprintf(what, sizeof(what), "waiting for an interface of the policy");

	log_notice("ready: %s; control %s, metrics %s", what, options->control,
		   options->metrics ? options->metrics : "off");
	notify_send("READY=1\nSTATUS=%s", what);
}

static int start(struct service *service)
{
	size_t attached = 0;
	int status = prepare(service);

	if (!status && service->options->takeover)
		status = succession_take_over(service);
	if (!status)
		status = open_doors(service);
	if (!status)
		status = service_load_first(service, &attached);
	if (status)
		return status;

	status = privileges_drop();
	if (status) {
		log_error("giving up privileges: %s; not started", strerror(-status));
		return status;
	}
	status = succession_end(service);
	if (status)
		return status;
	succession_wait(service);
	check_policy_readable(service->options);
	say_ready(service, attached);
	return 0;
}

static void say_stopped(const struct service *service)
{
	const struct agent *agent = service->agent;
	bool is_limiting = agent->datapath != NULL;
	bool is_lasting = is_limiting && datapath_is_pinned(agent->datapath);

	notify_send("STOPPING=1");
	if (service->has_left)
		log_notice("stopped; the sluiced that took over goes on");
	else if (is_lasting)
		log_notice("stopped; the datapath goes on limiting by itself. `sluiced --detach` "
			   "removes it");
	else if (is_limiting)
		log_warning(
			"stopped; the datapath could not be pinned (no bpffs), so what does not "
			"stay attached ends now");
	else
		log_notice("stopped; nothing is limited");
}

static void end(struct service *service)
{
	giver_free(service->giver);
	control_server_free(service->server);
	http_plane_free(service->http);
	agent_free(service->agent);
	taker_free(&service->taker); /* before we served: the other one goes on */
	loop_free(service->loop);
	if (service->signal_fd >= 0)
		close(service->signal_fd);
}

int serve(const struct options *options)
{
	struct service service = {.options = options, .signal_fd = -1, .taker = {.fd = -1}};
	int status = start(&service);

	if (!status) {
		status = loop_run(service.loop);
		if (status)
			log_error("waiting for events: %s", strerror(-status));
		say_stopped(&service);
	}
	end(&service);
	return status ? EXIT_FAILED : EXIT_DONE;
}
