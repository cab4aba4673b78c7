/* SPDX-License-Identifier: BSD-2-Clause */
#include "control/server.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/connection.h"
#include "control/listen.h"

#define GROUPS_MAX 65536	/* NGROUPS_MAX: a process has no more */
#define REST_NS	   100000000ull /* without a descriptor for one more client */

struct door {
	struct gate gate;
	struct server *server;
	struct loop_watch *watch;
	struct loop_timer *rest_timer; /* NULL: it is watched */
	int fd;
	bool asks_who; /* peers are processes of this host and have credentials */
};

struct server {
	struct pool pool;
	struct door control;
	struct door metrics;
	gid_t group; /* of the control socket */
	bool keeps_file;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static void journal_grew(void *context)
{
	struct server *server = context;

	connection_wake_all(&server->control.gate);
}

int control_server_new(struct loop *loop, struct agent *agent, struct server **ret_server)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->pool = (struct pool){.loop = loop, .agent = agent};
	server->control = (struct door){
		.gate = {&server->pool, false, SERVER_CONTROL_MAX, SERVER_FOLLOWERS_MAX, 0, 0,
			 NULL},
		.server = server,
		.fd = -1,
		.asks_who = true,
	};
	server->metrics = (struct door){
		.gate = {&server->pool, true, SERVER_METRICS_MAX, SERVER_DUMPS_MAX, 0, 0, NULL},
		.server = server,
		.fd = -1,
	};
	agent->told = journal_grew;
	agent->told_context = server;
	*ret_server = server;
	return 0;
}

static void door_close(struct door *door)
{
	connection_end_all(&door->gate);
	loop_cancel(door->rest_timer);
	loop_unwatch(door->watch);
	if (door->fd >= 0)
		close(door->fd);
}

void control_server_free(struct server *server)
{
	if (!server)
		return;
	server->pool.agent->told = NULL;
	if (server->path[0] && !server->keeps_file)
		(void)unlink(server->path); /* a socket that stays is replaced at the next start */
	door_close(&server->control);
	door_close(&server->metrics);
	free(server);
}

static bool is_in_group(int fd, gid_t group)
{
	socklen_t size = GROUPS_MAX * sizeof(gid_t);
	auto_free gid_t *groups = malloc(size);

	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size))
		return false;
	for (size_t i = 0; i < size / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The socket's mode says the same; this holds where somebody has changed it, or the directory lies elsewhere. */
static bool may_ask(const struct server *server, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || peer.gid == server->group ||
	       is_in_group(fd, server->group);
}

static void admit(struct door *door, int fd)
{
	bool is_refused = door->asks_who && !may_ask(door->server, fd);

	/* Whoever waits longest for his own request makes room: a crowd of idle clients locks nobody out. */
	if (door->gate.count >= door->gate.max && !connection_evict(&door->gate)) {
		close(fd);
		return;
	}
	(void)connection_new(&door->gate, fd, is_refused, clock_now_ns()); /* closed on failure */
}

static void door_open_again(void *context, uint64_t now_ns)
{
	struct door *door = context;

	loop_cancel(door->rest_timer);
	door->rest_timer = NULL;
	(void)loop_rewatch(door->watch, EPOLLIN); /* it was watched before: this cannot fail */
}

/* Whoever waits there is seen again after a moment: at once would be a loop without an end. */
static void door_rest(struct door *door)
{
	if (!loop_at(door->server->pool.loop, clock_now_ns() + REST_NS, 0, door_open_again, door,
		     &door->rest_timer))
		(void)loop_rewatch(door->watch, 0); /* it was watched before */
}

static void door_ready(void *context, uint32_t events)
{
	struct door *door = context;
	int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		admit(door, fd);
		return;
	}
	/* Out of fds: the one that waits goes. Where none waits, answers are under way and will free theirs. */
	if ((errno == EMFILE || errno == ENFILE) && !connection_evict(&door->gate))
		door_rest(door);
}

static int door_watch(struct door *door)
{
	return loop_watch(door->server->pool.loop, door->fd, EPOLLIN, door_ready, door,
			  &door->watch);
}

/* fd is the door's only if this returns 0. */
static int door_adopt(struct door *door, int fd)
{
	int status;

	door->fd = fd;
	status = door_watch(door);
	if (status)
		door->fd = -1;
	return status;
}

static int door_open(struct door *door, int fd)
{
	int status = door_adopt(door, fd);

	if (status)
		close(fd);
	return status;
}

static gid_t find_group(void)
{
	const struct group *group = getgrnam(SERVER_GROUP);

	return group && geteuid() == 0 ? group->gr_gid : getegid();
}

int server_listen_control(struct server *server, const char *path,
			  char error[static SERVER_ERROR_MAX])
{
	int fd = -1;
	int status;

	server->group = find_group();
	status = listen_unix(path, server->group, &fd, error);
	if (status)
		return status;
	(void)snprintf(server->path, sizeof(server->path), "%s",
		       path); /* bind() took it: it fits */
	return door_open(&server->control, fd);
}

int server_listen_metrics(struct server *server, const char *address,
			  char error[static SERVER_ERROR_MAX])
{
	int fd = -1;
	int status = listen_tcp(address, &fd, error);

	return status ? status : door_open(&server->metrics, fd);
}

/* ---- Two agents, one after the other ------------------------------------------------------ */

int server_adopt_control(struct server *server, const char *path, int fd)
{
	if (strlen(path) >= sizeof(server->path))
		return -ENAMETOOLONG;
	server->group = find_group();
	strcpy(server->path, path);
	return door_adopt(&server->control, fd);
}

int server_adopt_metrics(struct server *server, int fd)
{
	return door_adopt(&server->metrics, fd);
}

int server_control_fd(const struct server *server)
{
	return server->control.fd;
}

int server_metrics_fd(const struct server *server)
{
	return server->metrics.fd;
}

static void door_pause(struct door *door)
{
	loop_unwatch(door->watch);
	door->watch = NULL;
}

void server_pause(struct server *server)
{
	door_pause(&server->control);
	door_pause(&server->metrics);
}

static int door_resume(struct door *door)
{
	return door->fd < 0 || door->watch ? 0 : door_watch(door);
}

int server_resume(struct server *server)
{
	int status = door_resume(&server->control);

	return status ? status : door_resume(&server->metrics);
}

void server_keeps_file(struct server *server, bool keeps)
{
	server->keeps_file = keeps;
}
