/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "client.h"
#include "memory.h"

#define READ_SIZE 65536

/* One request under way. */
struct exchange {
	const struct client_request *request;
	struct client_answer *answer;
	int fd;
	char *head;
	size_t head_len;
	size_t sent; /* of head and body together */
	uint64_t deadline_ms;
	struct http_reader reader;
	size_t room; /* of answer->body */
};

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void extend_deadline(struct exchange *x)
{
	x->deadline_ms = clock_ms() + x->request->timeout_ms;
}

static enum client_result broken(struct exchange *x, const char *why)
{
	snprintf(x->answer->why, sizeof(x->answer->why), "%s", why);
	return CLIENT_BROKEN;
}

/* Returns 0 or the errno of the attempt. */
static int connect_to(struct exchange *x)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000000};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(x->request->socket) >= sizeof(addr.sun_path))
		return ENAMETOOLONG;
	strcpy(addr.sun_path, x->request->socket);

	x->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->fd < 0)
		return errno;

	/* A full backlog of a Unix socket is told at once instead of waited for: knock again. */
	while (connect(x->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno != EAGAIN || clock_ms() >= x->deadline_ms)
			return errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void make_head(struct exchange *x)
{
	const struct client_request *request = x->request;
	auto_text char *fields = NULL;

	if (request->type)
		fields = memory_printf("Content-Type: %s\r\nContent-Length: %zu\r\n", request->type,
				       request->body_len);
	x->head = memory_printf("%s %s HTTP/1.1\r\nHost: sluice\r\nUser-Agent: sluice/%s\r\n"
				"Connection: close\r\n%s\r\n",
				request->method, request->target, SLUICE_VERSION,
				fields ? fields : "");
	x->head_len = strlen(x->head);
}

static size_t unsent(const struct exchange *x)
{
	return x->head_len + x->request->body_len - x->sent;
}

static void send_some(struct exchange *x)
{
	size_t in_body = x->sent - x->head_len;
	ssize_t len;

	if (x->sent < x->head_len)
		len = send(x->fd, x->head + x->sent, x->head_len - x->sent, MSG_NOSIGNAL);
	else
		len = send(x->fd, x->request->body + in_body, unsent(x), MSG_NOSIGNAL);

	if (len > 0) {
		x->sent += len;
		extend_deadline(x);
	} else if (len < 0 && errno != EAGAIN && errno != EINTR) {
		/* The agent reads no further; why, its answer says. */
		x->sent = x->head_len + x->request->body_len;
	}
}

static void keep_body(struct exchange *x, const char *at, size_t len)
{
	struct client_answer *answer = x->answer;

	if (answer->len + len + 1 > x->room) {
		x->room = (answer->len + len + 1) * 2;
		answer->body = memory_resize(answer->body, x->room);
	}
	memcpy(answer->body + answer->len, at, len);
	answer->len += len;
	answer->body[answer->len] = 0;
}

/* Tell the whole lines that answer->body holds and keep the rest. */
static int tell_lines(struct exchange *x)
{
	struct client_answer *answer = x->answer;
	char *line = answer->body;
	char *end;

	while ((end = memchr(line, '\n', answer->body + answer->len - line))) {
		*end = 0;
		if (!x->request->on_line(x->request->context, line, end - line)) {
			answer->len = 0;
			return -ECANCELED;
		}
		line = end + 1;
	}
	answer->len -= line - answer->body;
	memmove(answer->body, line, answer->len + 1);
	return answer->len > CLIENT_STREAM_LINE_MAX ? -EMSGSIZE : 0;
}

/* Only a good answer is a stream; a refusal of one is a document like any other. */
static bool is_stream(const struct exchange *x)
{
	return x->request->on_line && x->reader.status < 300;
}

static int take_body(void *context, const char *at, size_t len)
{
	struct exchange *x = context;

	keep_body(x, at, len);
	return is_stream(x) ? tell_lines(x) : 0;
}

/* Whether a silent agent means failure now. */
static bool is_patient(const struct exchange *x)
{
	return x->request->endless && http_has_head(&x->reader) && x->reader.status < 300;
}

/* Wait for the socket. Returns poll's events, 0 when patience is at an end. */
static short await(struct exchange *x)
{
	struct pollfd poller = {.fd = x->fd, .events = POLLIN | (unsent(x) ? POLLOUT : 0)};

	for (;;) {
		uint64_t now_ms = clock_ms();
		uint64_t left_ms = x->deadline_ms > now_ms ? x->deadline_ms - now_ms : 0;
		int ready = poll(&poller, 1, is_patient(x) ? -1 : (int)left_ms);

		if (ready >= 0)
			return ready ? poller.revents : 0;
		if (errno != EINTR)
			return POLLERR;
	}
}

static enum http_progress receive_some(struct exchange *x, const char **ret_why)
{
	char bytes[READ_SIZE];
	ssize_t len = recv(x->fd, bytes, sizeof(bytes), 0);
	enum http_progress progress;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return HTTP_MORE;
	if (len <= 0)
		return http_end(&x->reader, ret_why);

	progress = http_feed(&x->reader, bytes, len, ret_why);
	/* A head that trickles in gains no time by it. */
	if (http_has_head(&x->reader))
		extend_deadline(x);
	return progress;
}

static enum client_result exchange_all(struct exchange *x)
{
	const char *why = "";
	enum http_progress progress = HTTP_MORE;

	while (progress == HTTP_MORE) {
		short events = await(x);

		if (!events)
			return broken(x, "no answer in time");
		if (events & POLLOUT && unsent(x))
			send_some(x);
		if (events & (POLLIN | POLLHUP | POLLERR))
			progress = receive_some(x, &why);
	}
	if (progress == HTTP_STOPPED && x->answer->len > CLIENT_STREAM_LINE_MAX)
		return broken(x, "a line of its stream is too long");
	if (progress == HTTP_BAD && !x->reader.head_len)
		return broken(x, "the connection was closed without an answer");
	if (progress == HTTP_BAD) {
		snprintf(x->answer->why, sizeof(x->answer->why), "its answer is not usable: %s",
			 why);
		return CLIENT_BROKEN;
	}
	return CLIENT_DONE;
}

enum client_result client_ask(const struct client_request *request,
			      struct client_answer *ret_answer)
{
	struct exchange x = {.request = request, .answer = ret_answer, .fd = -1};
	enum client_result result;

	*ret_answer = (struct client_answer){.body = memory_copy("")};
	x.room = 1;
	x.reader = (struct http_reader){.on_body = take_body, .endless = request->endless};
	x.reader.context = &x;
	extend_deadline(&x);

	ret_answer->error = connect_to(&x);
	if (ret_answer->error) {
		snprintf(ret_answer->why, sizeof(ret_answer->why), "%s",
			 strerror(ret_answer->error));
		result = CLIENT_UNREACHABLE;
	} else {
		make_head(&x);
		result = exchange_all(&x);
	}
	if (result == CLIENT_DONE && is_stream(&x) && ret_answer->len)
		(void)request->on_line(request->context, ret_answer->body, ret_answer->len);
	ret_answer->status = x.reader.status;
	memcpy(ret_answer->type, x.reader.type, sizeof(x.reader.type));
	free(x.head);
	release_fd(&x.fd);
	return result;
}

void client_answer_free(struct client_answer *answer)
{
	free(answer->body);
	answer->body = NULL;
}
