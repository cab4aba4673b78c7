/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The least a server can do, to compare with: one epoll loop that answers every read with a constant, or relays
 * every read to an upstream and its answer back, with no look at what it carries.
 *
 *   http-bare answer PORT BYTES...       a constant answer with a body of BYTES
 *   http-bare relay PORT UPSTREAM-PORT   one upstream connection for each client's
 *
 * With several sizes the first letter of the path chooses: /a the first, /b the second. So it serves as an origin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX  256
#define READ_MAX    65536
#define ANSWERS_MAX 8

/* One end of a relayed pair, or a client that gets the constant (peer is NULL). */
struct end {
	int fd;
	struct end *peer;
};

static char scratch[READ_MAX];
static struct {
	char *at;
	size_t len;
} answers[ANSWERS_MAX];
static int answer_count;
static int epoll_fd;
static uint16_t upstream_port;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct end *watch(int fd)
{
	struct end *end = calloc(1, sizeof(*end));
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = end};
	int one = 1;

	if (!end)
		fail("calloc");
	end->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
	return end;
}

static void take_client(int fd)
{
	struct end *client = watch(fd);
	struct sockaddr_in to = loopback(upstream_port);
	int upstream;

	if (!upstream_port)
		return;
	upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (upstream < 0 || connect(upstream, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	client->peer = watch(upstream);
	client->peer->peer = client;
}

static void give_answer(int fd)
{
	int i = answer_count > 1 ? scratch[sizeof("GET /") - 1] - 'a' : 0;

	if (i < 0 || i >= answer_count)
		i = 0;
	(void)!send(fd, answers[i].at, answers[i].len, MSG_NOSIGNAL);
}

/* A pair is leaked when it ends: a comparison runs for seconds. */
static void serve(struct end *end)
{
	ssize_t len = recv(end->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		close(end->fd);
		if (end->peer)
			shutdown(end->peer->fd, SHUT_RDWR);
		return;
	}
	if (end->peer)
		(void)!send(end->peer->fd, scratch, (size_t)len, MSG_NOSIGNAL);
	else
		give_answer(end->fd);
}

static void make_answer(size_t bytes)
{
	char *answer = malloc(bytes + 256);
	int head_len;

	if (!answer)
		fail("malloc");
	head_len = sprintf(answer,
			   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
			   "Cache-Control: max-age=3600\r\n\r\n",
			   bytes);
	memset(answer + head_len, 'x', bytes);
	answers[answer_count].at = answer;
	answers[answer_count++].len = (size_t)head_len + bytes;
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1024))
		fail("listen");
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.ptr = NULL};
	int listener;

	if (argc < 4 || argc > 3 + ANSWERS_MAX)
		return 2;
	if (!strcmp(argv[1], "relay"))
		upstream_port = (uint16_t)atoi(argv[3]);
	for (int i = 3; i < argc && !upstream_port; i++)
		make_answer((size_t)atol(argv[i]));
	listener = listen_on((uint16_t)atoi(argv[2]));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event))
		fail("epoll");

	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr);
			else
				take_client(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
		}
	}
}
