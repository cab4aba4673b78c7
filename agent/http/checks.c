/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/checks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http/origin.h"
#include "http/text.h"
#include "http/wire.h"

#define ANSWER_ROOM  1024 /* of an answer only the first line is read */
#define REQUEST_ROOM 2048

/* One server, checked again and again. Its pollee is that of the connection under way. */
struct check {
	struct list link;
	struct wheel_timer timer;
	struct worker *worker;
	struct server *server;
	const struct http_upstream *upstream;
	struct probe *probe; /* NULL: between checks */
};

struct probe {
	struct pollee poll;
	struct worker *worker;
	struct check *check;
	struct wire wire;
	bool is_sent;
	size_t len;
	char answer[ANSWER_ROOM];
};

struct checks {
	struct worker *worker;
	struct plan *plan; /* held */
	struct list all;
};

/* ---- Verdicts ---- */

static void end_probe(struct check *check)
{
	struct probe *probe = check->probe;

	if (!probe)
		return;
	check->probe = NULL;
	held_free(&probe->wire.out, &check->worker->memory);
	close(probe->wire.fd);
	worker_bury(check->worker, &probe->poll, sizeof(*probe));
}

/* So many in a row that contradict what is believed change it. */
static void conclude(struct check *check, bool is_well)
{
	struct server *server = check->server;
	const struct http_health *health = &check->upstream->health;
	bool is_down = atomic_load(&server->is_down);
	uint32_t needed = is_down ? health->up_after : health->down_after;

	end_probe(check);
	wheel_set(&check->worker->wheel, &check->timer, check->worker->now_ns + health->every_ns);
	if (is_well != is_down) {
		atomic_store(&server->checks, 0);
		return;
	}
	if (atomic_fetch_add(&server->checks, 1) + 1 < needed)
		return;
	atomic_store(&server->checks, 0);
	atomic_store(&server->is_down, !is_well);
	log_notice("upstream %s: %s by its health checks", server->name,
		   is_well ? "up again" : "down");
}

/* "HTTP/1.x NNN" */
static bool status_is_expected(const struct probe *probe, const struct http_statuses *expect)
{
	const char *at = probe->answer + 9;
	unsigned status = 0;

	if (memcmp(probe->answer, "HTTP/1.", 7) || probe->answer[8] != ' ')
		return false;
	for (int i = 0; i < 3; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		status = status * 10 + (unsigned)(at[i] - '0');
	}
	return http_statuses_has(expect, status);
}

/* ---- One check ---- */

static void send_request(struct probe *probe)
{
	const struct check *check = probe->check;
	const struct http_health *health = &check->upstream->health;
	const char *host = health->host ? health->host : check->server->name;
	char room[REQUEST_ROOM];
	struct text out = {room, room + sizeof(room), false};
	struct iovec iov;

	text_put(&out, "GET ");
	text_add(&out, bytes_of(health->path));
	text_put(&out, " HTTP/1.1\r\n");
	text_field(&out, BYTES("Host"),
		   strncmp(host, "unix:", 5) ? bytes_of(host) : BYTES("localhost"));
	text_put(&out, "User-Agent: sluice-health\r\nConnection: close\r\n\r\n");
	iov = (struct iovec){room, (size_t)(out.at - room)};
	probe->is_sent = wire_send(&probe->wire, &check->worker->memory, &iov, 1);
}

static void probe_ready(struct worker *worker, struct pollee *pollee, uint32_t events)
{
	struct probe *probe = (struct probe *)(void *)pollee;

	wire_event(&probe->wire, events);
	if (!probe->is_sent && probe->wire.can_write)
		send_request(probe);
	(void)wire_flush(&probe->wire, &worker->memory); /* a break shows below */
	probe->len += wire_read(&probe->wire, probe->answer + probe->len,
				sizeof(probe->answer) - probe->len);
	if (probe->len >= 12)
		conclude(probe->check,
			 status_is_expected(probe, &probe->check->upstream->health.expect));
	else if (probe->wire.has_ended || probe->wire.is_broken)
		conclude(probe->check, false);
}

static int begin_probe(struct check *check)
{
	struct probe *probe = memory_object(&check->worker->memory, sizeof(*probe));
	int fd = -1, err = -ENOMEM;

	if (probe)
		err = server_connect(check->server, &fd);
	if (!err) {
		probe->poll.ready = probe_ready;
		probe->worker = check->worker;
		probe->check = check;
		probe->wire.fd = fd;
		err = worker_watch(check->worker, fd, &probe->poll);
	}
	if (err) {
		memory_give_object(&check->worker->memory, probe, sizeof(*probe));
		if (fd >= 0)
			close(fd);
		return err;
	}
	check->probe = probe;
	return 0;
}

static void check_expired(struct wheel_timer *timer, uint64_t now_ns)
{
	struct check *check = list_owner(timer, struct check, timer);

	if (check->probe || begin_probe(check))
		conclude(check, false);
	else
		wheel_set(&check->worker->wheel, &check->timer,
			  now_ns + check->upstream->health.timeout_ns);
}

/* ---- All of them ---- */

int checks_new(struct worker *worker, struct checks **ret_checks)
{
	struct checks *checks = calloc(1, sizeof(*checks));

	if (!checks)
		return -ENOMEM;
	checks->worker = worker;
	list_init(&checks->all);
	*ret_checks = checks;
	return 0;
}

static void end_all(struct checks *checks)
{
	while (!list_is_empty(&checks->all)) {
		struct check *check = list_owner(checks->all.next, struct check, link);

		end_probe(check);
		wheel_cancel(&check->timer);
		list_remove(&check->link);
		free(check);
	}
	if (checks->plan)
		plan_release(checks->plan);
	checks->plan = NULL;
}

void checks_free(struct checks *checks)
{
	if (!checks)
		return;
	end_all(checks);
	free(checks);
}

static void add(struct checks *checks, const struct upstream *upstream, size_t i)
{
	struct check *check = calloc(1, sizeof(*check));

	if (!check) {
		log_error("upstream %s: no memory to check it", upstream->servers[i]->name);
		return;
	}
	check->worker = checks->worker;
	check->server = upstream->servers[i];
	check->upstream = upstream->policy;
	check->timer.expired = check_expired;
	list_append(&checks->all, &check->link);
	/* Not all at once. */
	wheel_set(&checks->worker->wheel, &check->timer,
		  checks->worker->now_ns +
			  upstream->policy->health.every_ns * i / upstream->policy->server_count);
}

void checks_take_plan(struct checks *checks, struct plan *plan)
{
	end_all(checks);
	checks->plan = plan_hold(plan);
	for (size_t i = 0; i < plan->http->upstream_count; i++) {
		const struct upstream *upstream = &plan->upstreams[i];

		for (size_t s = 0; s < upstream->policy->server_count; s++) {
			if (upstream->policy->health.path)
				add(checks, upstream, s);
			else
				atomic_store(&upstream->servers[s]->is_down, false);
		}
	}
}
