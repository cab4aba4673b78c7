/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests over so many connections, each sent when the answer before has come whole.
 *
 *   http_load PORT CONNECTIONS SECONDS [PATH]
 *
 * Prints: requests a second, then the 50th and 99th percentile of the time to an answer in microseconds. Answers must
 * have a Content-Length; anything but 200 ends it with an error.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define CONNECTIONS_MAX 1024
#define READ_MAX	(256 << 10)
#define BUCKETS		100000 /* microseconds; longer ones count as this */

struct client {
	int fd;
	uint64_t sent_ns;
	size_t left; /* of the body; 0: the head is to come */
};

static struct client clients[CONNECTIONS_MAX];
static uint32_t took_us[BUCKETS];
static char request[2048], scratch[READ_MAX + 1];
static size_t request_len;
static uint64_t done;

static void fail(const char *what)
{
	fprintf(stderr, "http_load: %s\n", what);
	exit(1);
}

static void ask(struct client *client)
{
	client->sent_ns = clock_now_ns();
	if (send(client->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len)
		fail("send");
}

static void finish(struct client *client)
{
	uint64_t us = (clock_now_ns() - client->sent_ns) / 1000;

	took_us[us < BUCKETS ? us : BUCKETS - 1]++;
	done++;
	ask(client);
}

/* The head is expected in one read: it is ours to say what is measured. */
static size_t body_left(size_t len)
{
	const char *end, *length;

	scratch[len] = '\0';
	end = strstr(scratch, "\r\n\r\n");
	length = strcasestr(scratch, "\r\ncontent-length:");
	if (!end || !length || length > end || strncmp(scratch + 8, " 200", 4))
		fail("an answer without 200 or Content-Length");
	return (size_t)strtoull(length + 17, NULL, 10) - (len - (size_t)(end + 4 - scratch));
}

static void serve(struct client *client)
{
	ssize_t len;

	while ((len = recv(client->fd, scratch, READ_MAX, MSG_DONTWAIT)) > 0) {
		client->left = client->left ? client->left - (size_t)len : body_left((size_t)len);
		if (!client->left)
			finish(client);
		if (len < READ_MAX)
			return;
	}
	if (!len || errno != EAGAIN)
		fail("closed");
}

static void open_all(int epoll_fd, uint16_t port, int count)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = &clients[i]};

		clients[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (clients[i].fd < 0 || connect(clients[i].fd, (struct sockaddr *)&to, sizeof(to)))
			fail("connect");
		setsockopt(clients[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, clients[i].fd, &event))
			fail("epoll_ctl");
		ask(&clients[i]);
	}
}

static unsigned percentile(double share)
{
	uint64_t seen = 0;
	unsigned us = 0;

	while (us < BUCKETS - 1 && (double)(seen += took_us[us]) < share * (double)done)
		us++;
	return us;
}

int main(int argc, char **argv)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), count;
	struct epoll_event events[256];
	uint64_t end_ns, began_ns;

	if (argc < 4 || (count = atoi(argv[2])) < 1 || count > CONNECTIONS_MAX)
		return 2;
	request_len = (size_t)snprintf(request, sizeof(request),
				       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: load\r\n"
				       "Accept: */*\r\n\r\n",
				       argc > 4 ? argv[4] : "/");
	open_all(epoll_fd, (uint16_t)atoi(argv[1]), count);
	began_ns = clock_now_ns();
	end_ns = began_ns + (uint64_t)(atof(argv[3]) * 1e9);
	while (clock_now_ns() < end_ns) {
		int ready = epoll_wait(epoll_fd, events, 256, 100);

		for (int i = 0; i < ready; i++)
			serve(events[i].data.ptr);
	}
	printf("%.0f %u %u\n", (double)done * 1e9 / (double)(clock_now_ns() - began_ns),
	       percentile(0.5), percentile(0.99));
	return 0;
}
