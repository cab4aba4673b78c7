/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HTTP plane alone, in one process: for tests and measurements.
 *
 *   http-test [-t THREADS] [-l LOGFILE] POLICY
 *
 * Listens where the policy says (port 0: any, printed as "listening ADDRESS:PORT"), one socket a
 * thread. SIGHUP loads the policy again, SIGTERM drains, SIGUSR1 opens the log again, SIGUSR2
 * prints counters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "http/http.h"
#include "quota/quota.h"

#define SOCKETS_MAX 1024
#define BACKLOG	    1024

struct driver {
	const char *policy_path;
	const char *log_path;
	uint32_t threads;
	struct http_socket sockets[SOCKETS_MAX];
	char names[SOCKETS_MAX][HTTP_ADDRESS_TEXT_MAX];
	size_t count;
	struct http *http;
};

static void fail(const char *what)
{
	fprintf(stderr, "http-test: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct policy *read_policy(const char *path)
{
	static struct policy_problems problems;
	auto_buffer struct buffer text = buffer_new(1 << 20);
	struct policy *policy = NULL;

	memset(&problems, 0, sizeof(problems));
	if (policy_read(path, &problems, NULL, &policy)) {
		policy_problems_format(&problems, path, &text);
		fprintf(stderr, "%s", text.at ? text.at : "bad policy\n");
		return NULL;
	}
	return policy;
}

static socklen_t fill(const struct http_address *address, struct sockaddr_storage *to)
{
	struct sockaddr_in *ipv4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)to;
	struct sockaddr_un *local = (struct sockaddr_un *)to;

	memset(to, 0, sizeof(*to));
	if (address->kind == HTTP_ADDRESS_UNIX) {
		local->sun_family = AF_UNIX;
		strncpy(local->sun_path, address->name, sizeof(local->sun_path) - 1);
		(void)unlink(address->name);
		return sizeof(*local);
	}
	if (address->ip.family == ADDRESS_IPV4) {
		ipv4->sin_family = AF_INET;
		ipv4->sin_port = htons(address->port);
		memcpy(&ipv4->sin_addr, address->ip.byte, 4);
		return sizeof(*ipv4);
	}
	ipv6->sin6_family = AF_INET6;
	ipv6->sin6_port = htons(address->port);
	memcpy(&ipv6->sin6_addr, address->ip.byte, 16);
	return sizeof(*ipv6);
}

static int listen_on(const struct http_address *address)
{
	struct sockaddr_storage to;
	socklen_t len = fill(address, &to);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		fail("socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&to, len) || listen(fd, BACKLOG))
		fail("listen");
	return fd;
}

/* Sockets of a policy: those that are open already for the same address and thread, and new ones. */
static void open_sockets(struct driver *driver, const struct http_policy *http)
{
	struct http_socket next[SOCKETS_MAX];
	char names[SOCKETS_MAX][HTTP_ADDRESS_TEXT_MAX];
	size_t count = 0;

	for (uint32_t l = 0; l < http->listener_count; l++) {
		bool is_local = http->listeners[l].address.kind == HTTP_ADDRESS_UNIX;

		for (uint32_t t = 0; t < (is_local ? 1 : driver->threads); t++, count++) {
			http_address_format(&http->listeners[l].address, names[count]);
			next[count] = (struct http_socket){-1, l, t, true};
			for (size_t i = 0; i < driver->count; i++)
				if (!strcmp(driver->names[i], names[count]) &&
				    driver->sockets[i].thread == t)
					next[count] = (struct http_socket){driver->sockets[i].fd, l,
									   t, false};
			if (next[count].fd < 0)
				next[count].fd = listen_on(&http->listeners[l].address);
		}
	}
	memcpy(driver->sockets, next, sizeof(next));
	memcpy(driver->names, names, sizeof(names));
	driver->count = count;
}

static int open_log(const struct driver *driver)
{
	int fd;

	if (!driver->log_path)
		return -1;
	fd = open(driver->log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		fail(driver->log_path);
	return fd;
}

static struct key_file *read_keys(const struct http_policy *http)
{
	auto_buffer struct buffer text = buffer_new(KEY_FILE_MAX);
	struct key_file *keys = NULL;
	struct key_error error;

	if (!http->keys.file)
		return NULL;
	errno = EINVAL;
	if (file_read(http->keys.file, &text) ||
	    key_file_parse((struct bytes){text.at, text.len}, &error, &keys))
		fail(http->keys.file);
	return keys;
}

static int open_table(const struct http_policy *http)
{
	struct limit_table_size size =
		limit_table_within(http->max.limit_table, quota_state_bytes(http));
	int fd;

	errno = EINVAL;
	if (!size.entries || limit_table_create(size, &fd))
		fail("table");
	return fd;
}

/* The parent's work: what its names resolve to. IPv4 and the first answer are enough here. */
static size_t resolve(const struct http_policy *http, struct http_resolved *resolved,
		      struct prefix *addresses, size_t max)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	size_t count = 0;

	for (size_t u = 0; u < http->upstream_count; u++) {
		for (size_t s = 0; s < http->upstreams[u].server_count && count < max; s++) {
			const struct http_address *server = &http->upstreams[u].servers[s];
			struct addrinfo *found;

			if (server->kind != HTTP_ADDRESS_NAME ||
			    getaddrinfo(server->name, NULL, &hints, &found))
				continue;
			addresses[count] = (struct prefix){.family = ADDRESS_IPV4, .bits = 32};
			memcpy(addresses[count].byte,
			       &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4);
			resolved[count] =
				(struct http_resolved){server->name, &addresses[count], 1};
			count++;
			freeaddrinfo(found);
		}
	}
	return count;
}

static struct http_child child_of(struct driver *driver, struct policy *policy)
{
	static struct http_resolved resolved[64];
	static struct prefix addresses[64];
	struct http_child child = {.policy = policy, .threads = driver->threads, .log_fd = -1};

	child.keys = read_keys(policy->http);
	open_sockets(driver, policy->http);
	child.sockets = driver->sockets;
	child.socket_count = driver->count;
	child.resolved = resolved;
	child.resolved_count = resolve(policy->http, resolved, addresses, 64);
	return child;
}

static void reload(struct driver *driver)
{
	struct policy *policy = read_policy(driver->policy_path);
	struct http_child child;
	int err;

	if (!policy)
		return;
	child = child_of(driver, policy);
	err = http_reload(driver->http, &child);
	printf("reloaded %d\n", err);
}

static void print_server(void *context, const struct http_server_state *state)
{
	printf("server %s outstanding %u%s%s\n", state->name, state->outstanding,
	       state->is_down ? " down" : "", state->is_ejected ? " ejected" : "");
}

static void print_limit(void *context, const struct http_limit_count *count)
{
	printf("limit\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n", count->route, count->limit,
	       count->allowed, count->refused, count->dry_run_refused);
}

static void print_counters(struct driver *driver)
{
	struct http_counters sum;

	http_counters_read(driver->http, &sum);
#define X(name, help) printf(#name " %" PRIu64 "\n", sum.name);
	HTTP_COUNTERS(X)
#undef X
	for (unsigned i = 0; i < MESSAGE_RESULT_COUNT; i++)
		if (sum.refused[i])
			printf("refused_%s %" PRIu64 "\n", message_label(i), sum.refused[i]);
	printf("connections %" PRId64 "\nmemory %" PRIu64 "\n", sum.connections,
	       http_memory_used(driver->http));
	http_servers(driver->http, print_server, NULL);
	http_limit_counts(driver->http, print_limit, NULL);
	printf("end\n");
}

static void serve_signals(struct driver *driver, const sigset_t *signals, uint64_t drain_ns)
{
	int number;

	for (;;) {
		if (sigwait(signals, &number))
			fail("sigwait");
		switch (number) {
		case SIGHUP:
			reload(driver);
			break;
		case SIGUSR1:
			http_reopen_log(driver->http, open_log(driver));
			printf("log reopened\n");
			break;
		case SIGUSR2:
			print_counters(driver);
			break;
		default:
			http_drain(driver->http, clock_now_ns() + drain_ns);
			return;
		}
	}
}

static void print_listeners(const struct driver *driver)
{
	for (size_t i = 0; i < driver->count; i++) {
		struct sockaddr_in at;
		socklen_t len = sizeof(at);

		if (driver->sockets[i].thread)
			continue;
		if (!getsockname(driver->sockets[i].fd, (struct sockaddr *)&at, &len) &&
		    at.sin_family != AF_UNIX)
			printf("listening %u\n", ntohs(at.sin_port));
	}
	printf("ready\n");
}

int main(int argc, char **argv)
{
	static struct driver driver = {.threads = 1};
	struct policy *policy;
	struct http_child child;
	uint64_t drain_ns;
	sigset_t signals;
	int option, err;

	while ((option = getopt(argc, argv, "t:l:")) != -1) {
		if (option == 't')
			driver.threads = (uint32_t)atoi(optarg);
		else if (option == 'l')
			driver.log_path = optarg;
		else
			return 2;
	}
	if (optind != argc - 1)
		return 2;
	driver.policy_path = argv[optind];
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	policy = read_policy(driver.policy_path);
	if (!policy || !policy->http)
		return 1;
	drain_ns = policy->http->timeouts.drain_ns;
	child = child_of(&driver, policy);
	child.log_fd = open_log(&driver);
	child.table_fd = open_table(policy->http);
	err = http_start(&child, &driver.http);
	if (err) {
		errno = -err;
		fail("start");
	}
	print_listeners(&driver);
	serve_signals(&driver, &signals, drain_ns);
	http_join(driver.http);
	return 0;
}
