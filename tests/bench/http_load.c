/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests over so many connections, each sent when the answer before has come whole.
 *
 *   http-load [OPTION]... ADDRESS PORT
 *
 *   -c N        connections (64)
 *   -s SECONDS  how long (2); -w SECONDS: and before that, without counting (0)
 *   -n N        no longer than for so many requests; -1 a connection: then wait for the end of the input
 *   -p PATH     path; of its eight '#' a number is made (/)
 *   -k N        numbers from 0 to N - 1, at random; -z: as Zipf has it; -f FIRST: each once, from FIRST on
 *   -C N        so many clients, told apart by X-Forwarded-For
 *   -r RATE     no more than so many requests a second
 *   -b          look for answers all the time: else the server pays for waking us, and a slow one more often
 *   -P PID,...  the server's processes: their CPU time is told, too
 *
 * Prints one line of JSON: requests answered, seconds, answers by status, microseconds to an answer (50th, 99th
 * percentile) and of CPU a request, connections opened anew. An answer must have a Content-Length.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "load_how.h"

#define READ_MAX   2048 /* a head, and a small body */
#define SKIP_MAX   (1 << 20)
#define STATUS_MAX 600
#define LATE_NS	   1000000000ull /* without an answer so long: given up, and connected anew */
#define LOOK_NS	   100000000ull	 /* how often for those */
#define BUCKETS	   1000000	 /* microseconds; longer ones count as this */
#define NUMBER	   "########"
#define NUMBER_LEN 8

struct client {
	int fd;
	bool is_open;
	bool is_asked;
	uint64_t sent_ns;
	size_t left; /* of the body; 0: the head is to come */
};

static struct client *clients;
static int opened; /* of them, once */
static struct how how;
static char request[2048], scratch[READ_MAX + 1];
static char *number_at, *asker_at;
static size_t request_len;
static int epoll_fd;
static uint64_t done, reopened, status_count[STATUS_MAX];
static uint32_t took_us[BUCKETS];
static uint64_t paced; /* requests since the pace began */

static void fail(const char *what)
{
	fprintf(stderr, "http-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- Requests ---- */

static void write_digits(char *at, uint32_t number)
{
	for (int i = NUMBER_LEN; i--; number /= 10)
		at[i] = (char)('0' + number % 10);
}

/* "10.ddd.ddd.ddd", of a number below 2^24; zeros in front would be refused as octal. */
static size_t write_asker(char *at, uint32_t number)
{
	return (size_t)sprintf(at, "10.%u.%u.%u\r\n\r\n", number >> 16 & 255, number >> 8 & 255,
			       number & 255);
}

static void make_request(void)
{
	request_len = (size_t)snprintf(request, sizeof(request),
				       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n"
				       "Accept: */*\r\n%s",
				       how.path, how.clients ? "X-Forwarded-For: " : "\r\n");
	number_at = strstr(request, NUMBER);
	asker_at = how.clients ? request + request_len : NULL;
}

static void close_client(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd); /* epoll forgets it by itself */
	client->fd = -1;
	client->is_open = client->is_asked = false;
	client->left = 0;
}

static void ask(struct client *client)
{
	size_t len = request_len;

	if (number_at)
		write_digits(number_at, keys_next(&how.keys));
	if (asker_at)
		len += write_asker(asker_at, keys_next(&how.askers));
	client->sent_ns = clock_now_ns();
	client->is_asked = true;
	if (send(client->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		close_client(client);
}

/* Under a rate the pace asks. */
static bool asks_at_once(void)
{
	return !how.rate && !how.once;
}

static void open_client(struct client *client)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = client};
	int one = 1;

	*client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
	if (client->fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event))
		fail("socket");
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	client->sent_ns = clock_now_ns();
	if (connect(client->fd, (struct sockaddr *)&how.to, sizeof(how.to)) && errno != EINPROGRESS)
		fail("connect");
}

/* ---- Answers ---- */

static void finish(struct client *client)
{
	uint64_t us = (clock_now_ns() - client->sent_ns) / 1000;

	took_us[us < BUCKETS ? us : BUCKETS - 1]++;
	done++;
	client->is_asked = false;
	if (how.once && opened < how.connections)
		open_client(&clients[opened++]);
	else if (asks_at_once())
		ask(client);
}

/* Length of the head in scratch, up to its empty line, and what it says of the body. 0: neither can be found. */
static size_t read_head(size_t len, size_t *ret_body)
{
	static const char name[] = "content-length:";
	bool has_length = false;
	char *at = scratch, *end;

	scratch[len] = '\0';
	while ((end = memchr(at, '\n', len - (size_t)(at - scratch)))) {
		if (*at == '\r')
			return has_length ? (size_t)(end + 1 - scratch) : 0;
		if ((*at | 0x20) == 'c' && !strncasecmp(at, name, sizeof(name) - 1)) {
			*ret_body = strtoull(at + sizeof(name) - 1, NULL, 10);
			has_length = true;
		}
		at = end + 1;
	}
	return 0;
}

/* The head is expected in one read: it is ours to say what is measured. */
static size_t body_left(size_t len)
{
	size_t body = 0, head_len = read_head(len, &body);
	unsigned status = (unsigned)atoi(scratch + 9);

	if (!head_len || status >= STATUS_MAX || len - head_len > body) {
		fprintf(stderr, "http-load: not the answer to one request: %.300s\n", scratch);
		exit(1);
	}
	status_count[status]++;
	return body - (len - head_len);
}

/* What is behind the head is only counted: copying it would be work that no server has caused. */
static ssize_t take(struct client *client)
{
	if (client->left)
		return recv(client->fd, scratch, SKIP_MAX, MSG_TRUNC);
	return recv(client->fd, scratch, READ_MAX, 0);
}

static void serve(struct client *client)
{
	ssize_t len;

	while (client->fd >= 0 && (len = take(client)) > 0) {
		client->left = client->left ? client->left - (size_t)len : body_left((size_t)len);
		if (!client->left)
			finish(client);
		if (len < READ_MAX)
			return;
	}
	if (client->fd >= 0 && len < 0 && errno == EAGAIN)
		return;
	close_client(client);
}

static void begin(struct client *client)
{
	client->is_open = true;
	if (!how.rate)
		ask(client);
}

static void reopen(struct client *client)
{
	close_client(client);
	reopened++;
	open_client(client);
}

static void ready(struct client *client, uint32_t events)
{
	if (client->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		serve(client);
	else if (client->fd >= 0 && (events & EPOLLOUT) && !client->is_open)
		begin(client);
	if (client->fd < 0)
		reopen(client);
}

/* ---- Time ---- */

static void give_up_late(uint64_t now_ns)
{
	static uint64_t looked_ns;

	if (now_ns < looked_ns + LOOK_NS)
		return;
	looked_ns = now_ns;
	for (int i = 0; i < opened; i++) {
		bool waits = clients[i].is_asked || !clients[i].is_open;

		if (clients[i].fd < 0 || (waits && now_ns >= clients[i].sent_ns + LATE_NS))
			reopen(&clients[i]);
	}
}

/* As many requests as are due, on connections that have their answers. */
static void pace(uint64_t since_ns)
{
	static int next;
	uint64_t due = (uint64_t)((double)since_ns * how.rate / 1e9);

	for (int tried = 0; paced < due && tried < how.connections; tried++) {
		struct client *client = &clients[next++ % how.connections];

		if (!client->is_open || client->is_asked)
			continue;
		ask(client);
		paced++;
	}
	paced = due; /* what could not be sent is not made up for */
}

static void run_for(double seconds)
{
	uint64_t began_ns = clock_now_ns(), end_ns = began_ns + (uint64_t)(seconds * 1e9), now_ns;
	struct epoll_event events[256];
	const int wait_ms = how.is_busy ? 0 : how.rate ? 1 : 100;
	uint64_t enough = how.once ? (uint64_t)how.connections : how.requests;

	paced = 0;
	while ((now_ns = clock_now_ns()) < end_ns && (!enough || done < enough)) {
		int count = epoll_wait(epoll_fd, events, 256, wait_ms);

		for (int i = 0; i < count; i++)
			ready(events[i].data.ptr, events[i].events);
		if (how.rate)
			pace(now_ns - began_ns);
		give_up_late(now_ns);
	}
}

/*
 * What the server's processes have spent since the call before. One that has gone (nginx has some that go after a
 * while) is left out.
 */
static double cpu_us(void)
{
	static double before[PIDS_MAX];
	double us = 0;

	for (int i = 0; i < how.pid_count; i++) {
		struct timespec time;
		clockid_t clock;
		double now;

		if (clock_getcpuclockid(how.pids[i], &clock) || clock_gettime(clock, &time))
			continue;
		now = (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
		us += now - before[i];
		before[i] = now;
	}
	return us;
}

/* ---- The whole ---- */

static unsigned percentile(double share)
{
	uint64_t seen = 0;
	unsigned us = 0;

	while (us < BUCKETS - 1 && (double)(seen += took_us[us]) < share * (double)done)
		us++;
	return us;
}

static void report(double seconds, double cpu)
{
	const char *comma = "";

	printf("{\"requests\": %" PRIu64 ", \"seconds\": %.3f, \"cpu_us\": %.3f, \"p50_us\": %u, "
	       "\"p99_us\": %u, \"reopened\": %" PRIu64 ", \"statuses\": {",
	       done, seconds, done ? cpu / (double)done : 0, percentile(0.5), percentile(0.99),
	       reopened);
	for (int i = 0; i < STATUS_MAX; i++) {
		if (!status_count[i])
			continue;
		printf("%s\"%d\": %" PRIu64, comma, i, status_count[i]);
		comma = ", ";
	}
	printf("}}\n");
	fflush(stdout);
}

static void open_all(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* socket() says if it was not enough */
	}
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	clients = calloc((size_t)how.connections, sizeof(*clients));
	if (epoll_fd < 0 || !clients)
		fail("epoll");
	/* Those that stay are opened one after the other: nobody needs memory for all at once. */
	while (opened < (how.once ? 1 : how.connections))
		open_client(&clients[opened++]);
}

int main(int argc, char **argv)
{
	uint64_t began_ns;
	char byte;

	how_read(argc, argv, &how);
	make_request();
	open_all();
	if (how.warmup_s > 0)
		run_for(how.warmup_s);
	done = reopened = 0;
	memset(status_count, 0, sizeof(status_count));
	memset(took_us, 0, sizeof(took_us));

	(void)cpu_us(); /* from here on */
	began_ns = clock_now_ns();
	run_for(how.seconds);
	report((double)(clock_now_ns() - began_ns) / 1e9, cpu_us());
	while (how.once && read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
